//! A bearer token that somebody else keeps fresh in a file, such as Kubernetes' projected service account token. It is
//! read anew on every call and never stored.

mod proof;

use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::Context;
use crate::config::method::TokenFile;
use crate::credential::{Credential, ExpirySource, KnownEnd, Material};
use crate::error::{Error, Result, Slug};
use crate::jwt::{self, Claims};
use crate::method::endpoint;
use crate::method::login::{Login, LoginMethod, NewCredential};
use crate::read_file::{self, Kind, ONE_MIB};
use crate::run::Run;
use crate::secret::Secret;
use crate::store::Identity;

impl LoginMethod for &TokenFile {
    /// Nobody's session: the token is read anew each time.
    fn identity(&self) -> Identity<'_> {
        Identity::default()
    }

    /// Inside a cluster a pod's token is at home.
    fn requires_secure_transport(&self, in_cluster: bool) -> bool {
        !in_cluster
    }

    /// Somebody else keeps it fresh.
    fn is_stored(&self) -> bool {
        false
    }

    fn read_anew(&self, context: &Context, run: Run<'_>) -> Option<Result<NewCredential>> {
        run.trace.say(format_args!(
            "reading the token file {}",
            self.path.display()
        ));
        Some(read_new(self, context, (run.now)()))
    }

    fn log_in(&self, login: &Login<'_>) -> Result<NewCredential> {
        let read = || read_new(self, login.context, login.now());
        if !login.context.verify {
            return read().map(proof::left_out);
        }
        login.over_http(self, |http| {
            proof::proven(http, login.context, self, read()?)
        })
    }
}

fn read_new(file: &TokenFile, context: &Context, now: DateTime<Utc>) -> Result<NewCredential> {
    let endpoint = endpoint(context)?.clone();
    let limit = context.deadlines.for_reading();
    Ok(NewCredential {
        credential: read(file, context.session_lifetime, limit, now)?,
        method: "token-file",
        endpoint,
        unproven: None,
        clock_ahead: None,
    })
}

/// Reads the token and checks what can be seen from outside: its end and its audience. A pipe has so long.
pub fn read(
    file: &TokenFile,
    session_lifetime: Option<chrono::TimeDelta>,
    limit: Duration,
    now: DateTime<Utc>,
) -> Result<Credential> {
    let token = read_token(file, limit)?;
    let claims = jwt::claims(token.expose());
    let mut known = None;
    let mut principal = None;
    if let Some(claims) = claims {
        check_audience(file, &claims)?;
        known = claims.expires_at.map(|at| KnownEnd {
            at,
            source: ExpirySource::Jwt,
        });
        principal = claims.principal;
    }
    let credential = Credential::new(
        Material::Bearer(token),
        principal,
        now,
        known,
        session_lifetime,
    );
    if credential.is_live(now) {
        return Ok(credential);
    }
    Err(Error::new(
        Slug::TokenFileExpired,
        format!("the token in {} expired at {}", file.path.display(), crate::credential::wire_time(credential.expires_at)),
    )
    .hint("whoever writes the file must renew it: for a projected volume that is the kubelet (is the file a copy?); check this machine's clock"))
}

fn read_token(file: &TokenFile, limit: Duration) -> Result<Secret> {
    let shown = file.path.display();
    let bytes = read_file::read(&file.path, Kind::FileOrPipe(limit), ONE_MIB)
        .map_err(|error| unreadable(file, &error))?;
    let invalid = |what: &str| {
        Error::new(
            Slug::TokenFileInvalid,
            format!("the token file {shown} {what}"),
        )
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid("is not text"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(Error::new(
            Slug::TokenFileEmpty,
            format!("the token file {shown} is empty"),
        ));
    }
    // Anything else would end the header, or be refused by the clients (RFC 6750 section 2.1, b64token).
    if !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(invalid(
            "holds more than one token: blanks, line ends or characters that no token has",
        ));
    }
    Ok(Secret::new(text))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the system has more errors than these have hints"
)]
fn unreadable(file: &TokenFile, error: &io::Error) -> Error {
    let shown = file.path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(Slug::TokenFileMissing, format!("there is no token file {shown}"))
            .hint("in a pod, mount a service account token volume with audience pipelines.kubeflow.org: by a PodDefault (deployKF: label kubeflow-pipelines-api-token: \"true\"), or with the YAML of `protocol/service-account-token-volume.yaml`")
            .hint("elsewhere, name the file with --token-file F"),
        io::ErrorKind::IsADirectory => {
            Error::new(Slug::TokenFileUnreadable, format!("the token file {shown} is a folder"))
                .hint(format!("name the file in it, often {}", file.path.join("token").display()))
        }
        io::ErrorKind::PermissionDenied => {
            Error::new(Slug::TokenFileUnreadable, format!("the token file {shown} could not be read: permission denied"))
                .hint("in a pod, set securityContext.fsGroup so that the container's user may read projected tokens")
        }
        _ => Error::new(Slug::TokenFileUnreadable, format!("the token file {shown} could not be read")).because(error),
    }
}

fn check_audience(file: &TokenFile, claims: &Claims) -> Result<()> {
    let Some(wanted) = &file.audience else {
        return Ok(());
    };
    if claims.audiences.contains(wanted) {
        return Ok(());
    }
    let found = if claims.audiences.is_empty() {
        "no audience".to_owned()
    } else {
        format!("the audience {}", claims.audiences.join(", "))
    };
    Err(Error::new(
        Slug::TokenFileAudience,
        format!("the token in {} has {found}, not the audience {wanted}", file.path.display()),
    )
    .hint(format!(
        "Kubernetes' default token is meant for the API server only: mount a service account token volume with audience {wanted} (a PodDefault; deployKF: label kubeflow-pipelines-api-token: \"true\"; or `protocol/service-account-token-volume.yaml`)"
    ))
    .hint("if the endpoint expects another audience, give it with --audience A; if it then answers 403, bind the pod's ServiceAccount to the ClusterRole kubeflow-edit in the namespace"))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn jwt(payload: &str) -> String {
        format!(
            "{}.{}.c2ln",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#),
            URL_SAFE_NO_PAD.encode(payload)
        )
    }

    fn read_text(text: impl AsRef<[u8]>, audience: Option<&str>) -> Result<Credential> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(
            &TokenFile {
                path: file.path().to_path_buf(),
                audience: audience.map(str::to_owned),
            },
            None,
            read_file::PATIENCE,
            now(),
        )
    }

    #[test]
    fn a_jwt_tells_its_end_and_its_holder() {
        let token = jwt(
            r#"{"exp":1800003600,"aud":["pipelines.kubeflow.org"],"sub":"system:serviceaccount:a:b"}"#,
        );
        let credential =
            read_text(format!(" {token}\r\n"), Some("pipelines.kubeflow.org")).unwrap();
        assert_eq!(credential.material, Material::Bearer(Secret::new(token)));
        assert_eq!(
            credential.principal.as_deref(),
            Some("system:serviceaccount:a:b")
        );
        assert_eq!(
            (
                credential.lifetime().num_seconds(),
                credential.expiry_source
            ),
            (3600, ExpirySource::Jwt)
        );
    }

    #[test]
    fn an_opaque_token_gets_the_assumed_hour() {
        let credential = read_text("opaque", Some("pipelines.kubeflow.org")).unwrap();
        assert_eq!(
            (
                credential.lifetime().num_seconds(),
                credential.expiry_source
            ),
            (3600, ExpirySource::Assumed)
        );
    }

    #[test]
    fn each_fault_has_its_own_slug() {
        let slug = |text: &[u8], audience| read_text(text, audience).unwrap_err().slug();
        assert_eq!(slug(b" \n", None), Slug::TokenFileEmpty);
        assert_eq!(slug(b"a b", None), Slug::TokenFileInvalid);
        assert_eq!(slug(b"a\nX: 1", None), Slug::TokenFileInvalid);
        assert_eq!(slug(b"\xff\xfe", None), Slug::TokenFileInvalid);
        assert_eq!(
            slug(&vec![b'a'; 1024 * 1024 + 1], None),
            Slug::TokenFileUnreadable
        );
        assert_eq!(
            slug(jwt(r#"{"exp":1799999999}"#).as_bytes(), None),
            Slug::TokenFileExpired
        );
        let default_token =
            jwt(r#"{"exp":1800003600,"aud":["https://kubernetes.default.svc.cluster.local"]}"#);
        assert_eq!(
            slug(default_token.as_bytes(), Some("pipelines.kubeflow.org")),
            Slug::TokenFileAudience
        );
        assert!(read_text(default_token, None).is_ok());
    }

    #[test]
    fn a_missing_file_and_a_folder_are_told_apart() {
        let at = |path: &str| {
            read(
                &TokenFile {
                    path: path.into(),
                    audience: None,
                },
                None,
                read_file::PATIENCE,
                now(),
            )
            .unwrap_err()
            .slug()
        };
        assert_eq!(at("/nonexistent/token"), Slug::TokenFileMissing);
        assert_eq!(at("/"), Slug::TokenFileUnreadable);
    }
}
