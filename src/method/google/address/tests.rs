use super::*;

const IMPERSONATION: &str = "/v1/projects/-/serviceAccounts/a@b:generateAccessToken";

type Judge = fn(&Allowed, &str) -> Result<Url, String>;
const PROVIDERS: [Judge; 3] = [
    Allowed::token_uri,
    Allowed::token_url,
    Allowed::impersonation,
];

#[test]
fn each_key_has_its_own_addresses() {
    let oauth = [
        "https://oauth2.googleapis.com/token",
        "https://OAUTH2.googleapis.com:443/token",
        "https://oauth2.mtls.googleapis.com/token",
        "https://oauth2.europe-west1.rep.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v3/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    ];
    let sts = [
        "https://sts.googleapis.com/v1/token",
        "https://sts.mtls.googleapis.com/v1/token",
        "https://sts.us-east1.rep.googleapis.com/v1/token",
        "https://sts.us-east1.rep.mtls.googleapis.com/v1/token",
        "https://us-east1-sts.googleapis.com/v1/token",
        "https://sts.northamerica-northeast2.googleapis.com/v1/token",
        "https://sts.us.rep.googleapis.com/v1/token",
        "https://sts-endpoint.p.googleapis.com/v1/token",
        "https://sts.googleapis.com/v1beta/token",
    ];
    let hosts = [
        "iamcredentials.googleapis.com",
        "iamcredentials.mtls.googleapis.com",
        "iamcredentials.us-east1.rep.googleapis.com",
        "us-east1-iamcredentials.mtls.googleapis.com",
    ];
    let impersonation = hosts.map(|host| format!("https://{host}{IMPERSONATION}"));
    let lists: [Vec<&str>; 3] = [
        oauth.to_vec(),
        sts.to_vec(),
        impersonation.iter().map(String::as_str).collect(),
    ];
    for (key, judge) in PROVIDERS.iter().enumerate() {
        for (list, addresses) in lists.iter().enumerate() {
            for address in addresses {
                let judged = judge(&Allowed::default(), address);
                assert_eq!(judged.is_ok(), key == list, "{key} {address}");
            }
        }
    }
}

#[test]
fn every_other_address_is_refused_and_named() {
    let stranger = format!("https://storage.googleapis.com{IMPERSONATION}");
    for (address, name) in [
        (
            "http://oauth2.googleapis.com/token",
            "http://oauth2.googleapis.com/token",
        ),
        ("https://oauth2.googleapis.com:8443/token", ":8443"),
        (
            "https://oauth2.googleapis.com./token",
            "googleapis.com./token",
        ),
        (
            "https://googleapis.com.evil.example/token?q=s3cret",
            "evil.example/token",
        ),
        ("https://evilgoogleapis.com/token", "evilgoogleapis.com"),
        ("https://user@oauth2.googleapis.com/token", "user name"),
        ("https://oauth2.googleapis.com@evil.example/", "user name"),
        ("https://oauth2.googleapis.com/token#x", "fragment"),
        ("https://oauth2.googleapis.com/token?x", "/token"),
        ("https://sts.googleapis.com/v1/token?x=s3cret", "/v1/token"),
        ("https://oauth2.googleapis.com/token/", "/token/"),
        ("https://oauth2.googleapis.com/revoke", "/revoke"),
        ("https://accounts.google.com/o/oauth2/auth", "/auth"),
        ("https://accounts.google.com/signin", "/signin"),
        (
            "https://www.googleapis.com/oauth2/../upload/token",
            "/upload",
        ),
        ("https://www.googleapis.com/oauth2/v1/b/o/token", "/v1/b"),
        ("https://googleapis.com/token", "googleapis.com/token"),
        ("https://sts.storage.googleapis.com/v1/token", "sts.storage"),
        ("https://storage.googleapis.com/v1/token", "storage."),
        ("https://sts.storage.rep.googleapis.com/v1/token", "rep"),
        ("https://x-sts.googleapis.com/v1/token", "x-sts"),
        ("https://sts-.p.googleapis.com/v1/token", "sts-.p"),
        ("https://sts.x.p.googleapis.com/v1/token", "sts.x.p"),
        ("https://mtls.googleapis.com/v1/token", "mtls"),
        ("https://sts.googleapis.com/v1/introspect", "/v1/introspect"),
        (stranger.as_str(), "storage.googleapis.com"),
        (
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a/b:generateAccessToken",
            "iamcredentials",
        ),
        ("https://127.0.0.1/token", "127.0.0.1"),
        ("https://[::1]/", "[::1]"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("oauth2.googleapis.com", "not a URL"),
        ("", "not a URL"),
    ] {
        for judge in PROVIDERS {
            let words = judge(&Allowed::default(), address).unwrap_err();
            assert!(words.contains(name), "{address}: {words}");
            assert!(!words.contains("s3cret"), "{words}");
        }
    }
}

#[test]
fn a_strangers_address_gives_no_subject_token() {
    for address in [
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com:8443/token",
        "https://oauth2.googleapis.com./token",
        "https://googleapis.com.evil.example/token?q=s3cret",
        "https://evilgoogleapis.com/token",
        "https://user@oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://127.0.0.1/token",
        "file:///etc/passwd",
        "http://10.0.0.1/token",
        "http://metadata.example/token",
        "https://169.254.169.254/",
        "https://runner.example/idtoken",
    ] {
        let refused = Allowed::default().subject_token(address);
        assert!(!refused.unwrap_err().contains("s3cret"), "{address}");
    }
}

#[test]
fn subject_tokens_may_come_from_this_machine_and_its_link() {
    for address in [
        "http://169.254.169.254/metadata/identity/oauth2/token?resource=x",
        "http://127.0.0.1:8080/token",
        "http://localhost/token",
        "http://[::1]:80/token",
        "http://[fe80::1]/token",
    ] {
        let url = Allowed::default().subject_token(address).unwrap();
        for header in [
            "Metadata-Flavor",
            "metadata-FLAVOR ",
            "X-Google-Metadata-Request",
        ] {
            assert!(is_for_metadata(&url, header), "{address} {header}");
        }
        assert!(!is_for_metadata(&url, "Metadata"));
        for judge in PROVIDERS {
            assert!(judge(&Allowed::default(), address).is_err(), "{address}");
        }
    }
    let google = Allowed::default().subject_token("https://oauth2.googleapis.com/token");
    assert!(!is_for_metadata(&google.unwrap(), "Metadata-Flavor"));
}

#[test]
fn a_runner_gives_subject_tokens_by_https_at_its_own_origin() {
    let allowed = |runner: &str| Allowed {
        runner: Url::parse(runner).ok().map(|url| Origin::of(&url)),
        own: None,
    };
    let address = "https://runner.example/x?y";
    assert!(
        allowed("https://runner.example/z")
            .subject_token(address)
            .is_ok()
    );
    assert!(
        allowed("https://runner.example/z")
            .token_url(address)
            .is_err()
    );
    for runner in [
        "https://runner.example:8443",
        "http://runner.example",
        "https://x.runner.example",
    ] {
        assert!(allowed(runner).subject_token(address).is_err(), "{runner}");
    }
    let plain = allowed("http://runner.example").subject_token("http://runner.example/x");
    assert!(plain.is_err());
}

#[test]
fn the_contexts_own_address_is_accepted_to_the_letter() {
    let own = |url: &str| Allowed {
        own: Some(Url::parse(url).unwrap()),
        runner: None,
    };
    let trusting = own("https://oauth.example.com/token");
    for judge in PROVIDERS {
        assert!(judge(&trusting, "https://oauth.example.com/token").is_ok());
        assert!(judge(&trusting, "https://oauth.example.com/token2").is_err());
        assert!(judge(&trusting, "https://oauth.example.com:8443/token").is_err());
    }
    let plain = own("http://oauth.example.com/token");
    assert!(plain.token_uri("http://oauth.example.com/token").is_err());
    let near = own("http://127.0.0.1:1/token");
    assert!(near.token_uri("http://127.0.0.1:1/token").is_ok());
}
