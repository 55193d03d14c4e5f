//! What `config view` and errors show of a configuration: no secret, wherever it stands.

use super::*;

#[test]
fn what_view_shows_holds_no_secret() {
    let home = Sandbox::new();
    let (header, proxy) = (
        home.secret("literal-header-value"),
        home.secret("proxys-password"),
    );
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a # first\n    \
         endpoint: https://kf.example.com\n    headers:\n      X-Literal: {header} # shown not\n      \
         X-Env: {{env: SOME_VARIABLE}}\n    proxy-url: http://someone:{proxy}@proxy:3128\n    none: {{}}\n"
    ));
    let output = home.run(&["config", "view"]).assert_success();
    assert!(
        !output.stdout.contains(&header) && !output.stdout.contains(&proxy),
        "{}",
        output.shown()
    );
    for shown in [
        "name: a # first",
        "X-Literal: REDACTED # shown not",
        "X-Env: {env: SOME_VARIABLE}",
        "proxy:3128",
    ] {
        assert!(
            output.stdout.contains(shown),
            "no {shown}\n{}",
            output.shown()
        );
    }

    let flow = format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts: [{{name: a, headers: {{X-Literal: {header}}}}}]\n"
    );
    home.config(&flow);
    home.run(&["config", "view"])
        .assert_error(3, "config-not-editable");
}

/// Spellings of an address that hold a secret, malformed ones among them.
const WITH_SECRET: [&str; 10] = [
    "http://user:5ecret-pw@host:99999",
    "user:5ecret-pw@host",
    "5ecret-pw:x@host",
    "http://5ecret-pw@proxy",
    "http://user:5ecret-pw@proxy:3128",
    "http:user:5ecret-pw@proxy",
    "http:/\\/user:5ecret-pw@[::1",
    "https://h/?key=5ecret-pw",
    "ftp://u:5ecret-pw@h",
    "http://user:5ecret-pw@ho st/",
];

#[test]
fn no_address_of_the_file_shows_what_is_secret_in_it() {
    let home = Sandbox::new();
    home.secret("5ecret-pw");
    let assert_hidden = |output: &Output| {
        let all = format!("{}{}", output.stdout, output.stderr);
        assert!(!all.contains("5ecret-pw"), "{}", output.shown());
    };
    for address in WITH_SECRET {
        for key in [
            "endpoint: @",
            "proxy-url: @",
            "servers: [@, https://h]",
            "servers:\n    - @",
            "dex: {login-origins: [@]}",
            "gcp: {token-uri: @}",
            "iap:\n      token-uri: @",
        ] {
            let line = key.replace('@', &format!("'{address}'"));
            home.config(&format!(
                "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a # was {address} once, http://x:5ecret-pw@y\n    {line}\n"
            ).replace(&format!("was {address} once, "), ""));
            let shown = home.run(&["config", "view"]);
            assert_hidden(&shown);
            if shown.status == 0 {
                assert!(
                    shown.stdout.contains("name: a # http://y\n"),
                    "{}",
                    shown.shown()
                );
            } else {
                shown.assert_error(3, "config-not-editable");
            }
            for args in [
                &["config", "validate"][..],
                &["status"],
                &["status", "-o", "json"],
                &["get", "-v", "--context", "a", "--timeout", "2s"],
                &["config", "set-context", "a", "--namespace", "n"],
            ] {
                assert_hidden(&home.run(args));
            }
        }
    }
}

#[test]
fn no_address_of_an_option_or_variable_shows_what_is_secret_in_it() {
    let home = Sandbox::new();
    let secret = "5ecret-pw";
    let assert_hidden = |output: &Output| {
        let all = format!("{}{}", output.stdout, output.stderr);
        assert!(!all.contains(secret), "{}", output.shown());
    };
    home.file("token", "opaque-token");
    for address in WITH_SECRET {
        for option in ["--endpoint", "--proxy-url"] {
            for more in [
                &["--endpoint", "http://kf.example.com:9"][..],
                &["--token-file", "token"],
            ] {
                let args = ["get", "-v", "--timeout", "2s", "--allow-insecure-http"];
                let args = [
                    &args[..],
                    if option == "--endpoint" { &[] } else { more },
                    &[option, address],
                ]
                .concat();
                assert_hidden(&home.run(&args));
            }
        }
        for variable in [
            "KFP_CREDENTIAL_ENDPOINT",
            "KFP_CREDENTIAL_PROXY_URL",
            "KF_PIPELINES_ENDPOINT",
            "http_proxy",
            "all_proxy",
        ] {
            let args = [
                "get",
                "-v",
                "--timeout",
                "2s",
                "--username",
                USER,
                "--allow-insecure-http",
            ];
            let more: &[&str] = if variable.ends_with("ENDPOINT") {
                &[]
            } else {
                &["--endpoint", "http://kf.example.com:9"]
            };
            let run = home
                .command(&[&args[..], more].concat())
                .env(variable, address)
                .env("KFP_CREDENTIAL_PASSWORD", "a-password");
            assert_hidden(&run.run());
        }
        let info = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "spec": {"interactive": false, "cluster": {"server": address}},
        });
        let run = home.command(&[
            "get",
            "-v",
            "--token-file",
            "token",
            "--endpoint",
            "http://localhost:9",
        ]);
        assert_hidden(&run.env("KUBERNETES_EXEC_INFO", &info.to_string()).run());
        // A file that is not edited is answered with the lines to paste.
        home.config("apiVersion: kfp-credential/v1\nkind: Config\ncontexts: [{name: a, endpoint: 'http://localhost:1'}]\n");
        assert_hidden(&home.run(&[
            "config",
            "set-context",
            "b",
            "--endpoint",
            "http://localhost:2",
            "--proxy-url",
            address,
        ]));
        assert_hidden(&home.run(&["get", address]));
        fs::remove_file(home.config_file()).unwrap();
    }
}

#[test]
fn a_user_in_an_endpoint_is_an_error_in_every_spelling_and_in_a_proxys_url_none() {
    let home = Sandbox::new();
    home.file("token", "opaque-token");
    for endpoint in [
        "http://user@host",
        "http://:pw@host",
        "http://user:@host",
        "http:user:pw@host",
        "http:\\\\user@host",
        "HTTP://us%20er:pw@host/pipeline",
    ] {
        let get = ["get", "--token-file", "token", "--endpoint", endpoint];
        home.run(&get)
            .assert_error(3, "config-invalid")
            .assert_says("user name or password");
    }
    let proxy = "http://user:5ecret-pw@proxy:3128";
    let get = [
        "get",
        "--token-file",
        "token",
        "--endpoint",
        "https://h",
        "--proxy-url",
        proxy,
    ];
    let output = home.run(&get).assert_success();
    assert_eq!(
        output.json()["status"]["kfp"]["connection"]["proxyUrl"],
        "http://proxy:3128/"
    );
    let output = home.run(&[&get[..], &["-o", "curl-config"]].concat());
    assert!(output.assert_success().stdout.contains(proxy));
}
