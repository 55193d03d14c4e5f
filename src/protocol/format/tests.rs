//! Every form of an answer, and what none of them can carry.

use chrono::{DateTime, Utc};

use super::*;
use crate::credential::{Credential, ExpirySource, KnownEnd};
use crate::protocol::document::ConnectionView;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn credential(material: Material) -> Credential {
    let end = KnownEnd {
        at: now() + chrono::TimeDelta::hours(24),
        source: ExpirySource::MaxAge,
    };
    Credential::new(
        material,
        Some("user@example.com".into()),
        now(),
        Some(end),
        None,
    )
}

fn bearer(token: &str) -> Credential {
    credential(Material::Bearer(Secret::new(token)))
}

fn cookie(name: &str, value: &str) -> Cookie {
    Cookie {
        name: name.into(),
        value: Secret::new(value),
        domain: "kf.example.com".into(),
        host_only: true,
        path: "/".into(),
        secure: true,
        http_only: true,
        expires: None,
    }
}

fn session() -> Credential {
    credential(Material::Cookies(vec![
        cookie("s_0", "a"),
        cookie("s_1", "b"),
    ]))
}

fn answer(credential: &Credential) -> Answer<'_> {
    Answer {
        credential,
        context: Some("team-a"),
        endpoint: "https://kf.example.com/pipeline".into(),
        namespace: Some("team-a"),
        bearer_header: "Authorization",
        extra_headers: Vec::new(),
        connection: ConnectionView::default(),
        proxy_with_secrets: None,
        now: now(),
    }
}

fn text(credential: &Credential, format: Format) -> String {
    render(&answer(credential), format, ExecVersion::V1)
        .unwrap()
        .expose()
        .to_owned()
}

#[test]
fn the_document_of_cookies() {
    assert_eq!(
        text(&session(), Format::Json),
        concat!(
            r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false},"#,
            r#""status":{"expirationTimestamp":"2027-01-16T07:59:00Z","headers":{"Cookie":["s_0=a; s_1=b"]},"#,
            r#""cookies":[{"name":"s_0","value":"a","domain":"kf.example.com","hostOnly":true,"path":"/","secure":true,"httpOnly":true},"#,
            r#"{"name":"s_1","value":"b","domain":"kf.example.com","hostOnly":true,"path":"/","secure":true,"httpOnly":true}],"#,
            r#""kfp":{"version":1,"type":"cookie","context":"team-a","endpoint":"https://kf.example.com/pipeline","#,
            r#""namespace":"team-a","principal":"user@example.com","issuedAt":"2027-01-15T08:00:00Z","#,
            r#""expiresAt":"2027-01-16T08:00:00Z","expirySource":"max-age"}}}"#,
            "\n"
        )
    );
}

#[test]
fn the_plain_forms_of_a_token() {
    let token = bearer("a.b.c");
    assert_eq!(text(&token, Format::Token), "a.b.c\n");
    assert_eq!(
        text(&token, Format::Headers),
        "Authorization: Bearer a.b.c\r\n"
    );
    assert_eq!(
        text(&token, Format::CurlConfig),
        "header = \"Authorization: Bearer a.b.c\"\n"
    );
    assert_eq!(
        text(&token, Format::ExecV1Beta1),
        concat!(
            r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{"interactive":false},"#,
            r#""status":{"expirationTimestamp":"2027-01-16T07:59:00Z","token":"a.b.c"}}"#,
            "\n"
        )
    );
}

#[test]
fn the_plain_forms_of_cookies() {
    assert_eq!(text(&session(), Format::Cookie), "s_0=a; s_1=b\n");
    assert_eq!(
        text(&session(), Format::Netscape),
        "# Netscape HTTP Cookie File\n\
         #HttpOnly_kf.example.com\tFALSE\t/\tTRUE\t1800086400\ts_0\ta\n\
         #HttpOnly_kf.example.com\tFALSE\t/\tTRUE\t1800086400\ts_1\tb\n"
    );
}

#[test]
fn nothing_is_written_as_nothing() {
    let none = credential(Material::None);
    assert_eq!(text(&none, Format::Cookie), "\n");
    assert_eq!(text(&none, Format::Headers), "");
    assert_eq!(text(&none, Format::CurlConfig), "");
    assert!(text(&none, Format::Json).contains(r#""headers":{}"#));
    assert!(
        !text(&none, Format::Env).contains("TOKEN") && !text(&none, Format::Env).contains("COOKIE")
    );
}

#[test]
fn a_kind_that_does_not_fit_is_refused() {
    for (credential, format) in [
        (session(), Format::Exec),
        (session(), Format::Token),
        (credential(Material::None), Format::Exec),
        (credential(Material::None), Format::Token),
        (bearer("t"), Format::Cookie),
        (bearer("t"), Format::Netscape),
    ] {
        let error = render(&answer(&credential), format, ExecVersion::V1).unwrap_err();
        assert_eq!(error.slug(), Slug::FormatNotAvailable, "{format:?}");
    }
}

#[test]
fn an_exec_credential_has_no_room_for_headers() {
    let token = bearer("t");
    let extra = Answer {
        extra_headers: vec![("X-A".into(), Secret::new("1"))],
        ..answer(&token)
    };
    let proxied = Answer {
        bearer_header: "Proxy-Authorization",
        ..answer(&token)
    };
    for answer in [extra, proxied] {
        assert!(render(&answer, Format::Exec, ExecVersion::V1).is_err());
        assert!(render(&answer, Format::Json, ExecVersion::V1).is_ok());
    }
}

#[test]
fn values_are_quoted_for_their_reader() {
    let odd = credential(Material::Cookies(vec![cookie("q", r#"a'b"c\d"#)]));
    assert!(text(&odd, Format::Env).contains(r#"export KFP_CREDENTIAL_COOKIE='q=a'\''b"c\d'"#));
    assert!(text(&odd, Format::CurlConfig).contains(r#"header = "Cookie: q=a'b\"c\\d""#));
}

/// Says where a text stands in an answer.
type Place = fn(&mut Parts, String);

/// An answer's owned values, of which a test spoils one.
struct Parts {
    credential: Credential,
    context: String,
    endpoint: String,
    namespace: String,
    extra_headers: Vec<(String, Secret)>,
    connection: ConnectionView,
    proxy: Option<Secret>,
}

impl Parts {
    fn of(credential: Credential) -> Self {
        Self {
            credential,
            context: "team-a".into(),
            endpoint: "https://kf.example.com/pipeline".into(),
            namespace: "team-a".into(),
            extra_headers: Vec::new(),
            connection: ConnectionView::default(),
            proxy: None,
        }
    }

    fn render(&self, format: Format) -> Result<Secret> {
        let answer = Answer {
            context: Some(&self.context),
            endpoint: self.endpoint.clone(),
            namespace: Some(&self.namespace),
            extra_headers: self.extra_headers.clone(),
            connection: self.connection.clone(),
            proxy_with_secrets: self.proxy.clone(),
            ..answer(&self.credential)
        };
        render(&answer, format, ExecVersion::V1)
    }
}

/// Every place of an answer that holds a text.
const PLACES: &[(&str, Place)] = &[
    ("context", |parts, text| parts.context = text),
    ("endpoint", |parts, text| parts.endpoint = text),
    ("namespace", |parts, text| parts.namespace = text),
    ("principal", |parts, text| {
        parts.credential.principal = Some(text);
    }),
    ("token", |parts, text| {
        parts.credential = bearer(&text);
    }),
    ("extra header", |parts, text| {
        parts.extra_headers = vec![("X-A".into(), Secret::new(text))];
    }),
    ("name of an extra header", |parts, text| {
        parts.extra_headers = vec![(text, Secret::new("1"))];
    }),
    ("authority", |parts, text| {
        parts.connection.certificate_authority = Some(text);
    }),
    ("authority's data", |parts, text| {
        parts.connection.certificate_authority_data = Some(text);
    }),
    ("proxy", |parts, text| {
        parts.connection.proxy_url = Some(text);
    }),
    ("proxy with its password", |parts, text| {
        parts.proxy = Some(Secret::new(text));
    }),
    ("server name", |parts, text| {
        parts.connection.tls_server_name = Some(text);
    }),
    ("cookie's name", |parts, text| {
        parts.credential = credential(Material::Cookies(vec![cookie(&text, "v")]));
    }),
    ("cookie's value", |parts, text| {
        parts.credential = credential(Material::Cookies(vec![cookie("n", &text)]));
    }),
    ("cookie's path", |parts, path| {
        let cookie = cookie("n", "v");
        parts.credential = credential(Material::Cookies(vec![Cookie { path, ..cookie }]));
    }),
    ("cookie's domain", |parts, domain| {
        let cookie = cookie("n", "v");
        parts.credential = credential(Material::Cookies(vec![Cookie { domain, ..cookie }]));
    }),
];

#[test]
fn a_control_character_in_any_value_is_refused_in_every_form() {
    for (place, spoil) in PLACES {
        for control in [
            '\0', '\t', '\n', '\r', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}',
        ] {
            for format in Format::value_variants() {
                let mut parts = Parts::of(bearer("token"));
                spoil(&mut parts, format!("a{control}b"));
                let refused = parts.render(*format).unwrap_err();
                let what = format!("{place} with {control:?} in {format:?}: {refused}");
                assert_eq!(refused.slug(), Slug::FormatNotAvailable, "{what}");
                assert!(!refused.one_line().contains(control), "{what}");
            }
        }
    }
}

#[test]
fn a_header_without_a_value_and_a_cookie_that_is_no_pair_are_refused() {
    for empty in ["", " "] {
        let mut parts = Parts::of(bearer("token"));
        parts.extra_headers = vec![("kubeflow-userid".into(), Secret::new(empty))];
        assert!(parts.render(Format::Json).is_err());
    }
    for (name, value) in [("", "v"), ("a=b", "v"), ("a;b", "v"), ("a", "v; admin=1")] {
        let pair = credential(Material::Cookies(vec![cookie(name, value)]));
        for format in [Format::Json, Format::Cookie, Format::Netscape] {
            assert!(
                Parts::of(pair.clone()).render(format).is_err(),
                "{name}={value}"
            );
        }
    }
}

#[test]
fn curls_configuration_refuses_what_it_cannot_say() {
    let token = bearer("t");
    let connection = ConnectionView {
        certificate_authority_data: Some("QQ==".into()),
        ..Default::default()
    };
    let inline = Answer {
        connection,
        ..answer(&token)
    };
    assert!(render(&inline, Format::CurlConfig, ExecVersion::V1).is_err());
}
