//! Whether the endpoint takes the token of a file: tried by `login`, and never by `get`, which reads it anew each time.

use super::TokenFile;
use crate::config::Context;
use crate::credential::Material;
use crate::error::{Error, Result, Slug};
use crate::http::{Http, Page};
use crate::jwt;
use crate::method::bearer;
use crate::method::identity::{self, Whoami};
use crate::method::login::NewCredential;
use crate::method::proof::{self, Proof};
use crate::sanitize::redacted_url;
use crate::secret::Secret;

/// Tries a token at its endpoint.
pub(in crate::method) fn proven(
    http: &Http<'_>,
    context: &Context,
    file: &TokenFile,
    new: NewCredential,
) -> Result<NewCredential> {
    let Material::Bearer(token) = &new.credential.material else {
        return Ok(new);
    };
    http.keep_secret(token);
    let headers = [bearer::header(context, token)];
    let explain = |page: &mut Page| Some(refused_by(http, file, token, page));
    let (base, answer) = match proof::prove_explaining(http, &new.endpoint, &headers, &explain)? {
        Proof::Proven(base, answer) => (base, answer),
        Proof::NotFound => {
            return Ok(unproven(new, proof::NO_HEALTH_PATH.to_owned()));
        }
        Proof::Unproven(error) => return Ok(unproven(new, error.one_line())),
    };
    // A multi-user API answers its health to anybody.
    if answer["multi_user"] == true {
        match identity::ask(http, &base, context.namespace.as_deref(), &headers)? {
            Whoami::Known => {}
            Whoami::Nobody(words) | Whoami::Refused(words) => {
                return Err(refused(file, token, &words));
            }
            Whoami::Unproven(error) => return Ok(unproven(new, error.one_line())),
        }
    }
    Ok(NewCredential {
        endpoint: base,
        ..new
    })
}

/// Takes note that the token was not tried.
pub(in crate::method) fn left_out(new: NewCredential) -> NewCredential {
    unproven(new, proof::NOT_VERIFIED.to_owned())
}

fn unproven(new: NewCredential, why: String) -> NewCredential {
    NewCredential {
        unproven: Some(why),
        ..new
    }
}

fn refused_by(http: &Http<'_>, file: &TokenFile, token: &Secret, page: &mut Page) -> Error {
    let mut words = format!("{} answered {}", redacted_url(&page.url), page.summary());
    // A page for people says nothing of the token.
    if !page.is("text/html")
        && let Ok(body) = page.text()
        && !body.trim().is_empty()
    {
        words.push_str(&format!(": {:?}", http.quoted(body.trim())));
    }
    refused(file, token, &words)
}

fn refused(file: &TokenFile, token: &Secret, words: &str) -> Error {
    let what = format!(
        "the token in {} is not accepted: {words}",
        file.path.display()
    );
    let error = Error::new(Slug::LoginNotAccepted, what);
    let Some(claims) = jwt::claims(token.expose()) else {
        return error.hint("the token is not a JWT: gateways such as Istio's take JWTs only, and the API takes service account tokens with the audience pipelines.kubeflow.org");
    };
    let issuer = jwt::text_claim(token.expose(), "iss").unwrap_or_default();
    error.hint(format!(
        "the token was issued by {issuer:?} for {:?}: whoever answers there must trust that issuer and expect that audience",
        claims.audiences.join(", ")
    ))
}
