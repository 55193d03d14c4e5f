//! What Google refuses in words of its own, beside those that OAuth has for everybody.

use crate::error::{Error, Slug};
use crate::oauth::refusal::Refusal;

/// Explains that Google takes a person's login no more; `None` for any other refusal. `what` names the login, `said` are
/// Google's words, quoted.
///
/// `invalid_rapt` (a proof of reauthentication, which an organisation's policy asks for) comes as a code, or in the words
/// of an `invalid_grant`.
pub fn login_ended(refusal: &Refusal, what: String, said: &str) -> Option<Error> {
    if !matches!(&*refusal.code, "invalid_grant" | "invalid_rapt") {
        return None;
    }
    let words = refusal.words();
    let why = if words.contains("rapt") || words.contains("reauth") {
        "the organisation's policy asks for a new login from time to time"
    } else {
        "the login was revoked, its password changed, it was unused for six months, or its consent screen is in testing mode, where logins last 7 days"
    };
    let error = Error::new(Slug::LoginRequired, what);
    Some(error.because(said).because(why))
}

/// Explains that the client is not what a program needs; `None` for any other refusal
/// (<https://developers.google.com/identity/protocols/oauth2/native-app>).
pub fn of_desktop_client(refusal: &Refusal, said: &str) -> Option<Error> {
    let words = refusal.words().to_lowercase();
    let is_oob = words.contains("out-of-band") || words.contains("oob");
    let why = match &*refusal.code {
        "redirect_uri_mismatch" => {
            "the client is of another type than \"Desktop app\", the only one that may redirect to any port of this machine"
        }
        "invalid_client" | "deleted_client" => {
            "there is no such client, or its secret is another one"
        }
        "unauthorized_client" => "the client is of a type that may not log people in this way",
        "invalid_request" if is_oob => {
            "the way of copying a code from the browser (out-of-band) has been switched off by Google"
        }
        _ => return None,
    };
    let error = Error::new(Slug::OauthClientRefused, "Google refused the OAuth client");
    Some(error.because(said).because(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, words: &str) -> Refusal {
        Refusal {
            code: code.to_owned(),
            description: Some(words.to_owned()),
        }
    }

    #[test]
    fn a_clients_faults_are_explained() {
        for (code, words) in [
            ("redirect_uri_mismatch", "Bad Request"),
            ("invalid_client", "Unauthorized"),
            ("unauthorized_client", "Unauthorized"),
            (
                "invalid_request",
                "The out-of-band (OOB) flow has been blocked",
            ),
        ] {
            let error = of_desktop_client(&refusal(code, words), code).unwrap();
            assert_eq!(error.slug(), Slug::OauthClientRefused);
            assert!(error.one_line().contains(code), "{error}");
        }
        for (code, words) in [
            ("invalid_grant", "Bad Request"),
            ("invalid_request", "Missing required parameter"),
        ] {
            assert!(of_desktop_client(&refusal(code, words), code).is_none());
        }
    }

    #[test]
    fn a_login_that_ended_is_told_from_one_that_a_policy_asks_for_again() {
        for (code, words, why) in [
            (
                "invalid_grant",
                "Token has been expired or revoked.",
                "7 days",
            ),
            (
                "invalid_grant",
                "reauth related error (invalid_rapt)",
                "policy",
            ),
            ("invalid_rapt", "", "policy"),
        ] {
            let error = login_ended(&refusal(code, words), "over".to_owned(), "said").unwrap();
            assert_eq!(error.slug(), Slug::LoginRequired);
            assert!(error.one_line().contains(why), "{error}");
        }
        assert!(login_ended(&refusal("invalid_client", ""), String::new(), "").is_none());
    }
}
