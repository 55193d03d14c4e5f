//! Which context is meant, and what may adjust it.

use super::*;

#[test]
fn a_named_context_is_taken_whole() {
    let home = contexts();
    assert_eq!(
        context_of(&home, &["--context", "other"], &[]),
        "other https://other.example.com/pipeline ns-other"
    );
    assert_eq!(
        context_of(&home, &[], &[("KFP_CREDENTIAL_CONTEXT", "other")]),
        "other https://other.example.com/pipeline ns-other"
    );
    assert_eq!(
        context_of(
            &home,
            &["--context", "current"],
            &[("KFP_CREDENTIAL_CONTEXT", "other")]
        ),
        "current https://kf.example.com/pipeline ns-current"
    );
    // A client appends its own to the arguments of the exec configuration.
    assert_eq!(
        context_of(&home, &["--context", "current", "--context", "other"], &[]),
        "other https://other.example.com/pipeline ns-other"
    );
    // Another context's endpoint in the SDK's variable changes nothing.
    assert_eq!(
        context_of(
            &home,
            &["--context", "other"],
            &[("KF_PIPELINES_ENDPOINT", "https://kf.example.com/pipeline")]
        ),
        "other https://other.example.com/pipeline ns-other"
    );
}

#[test]
fn options_adjust_a_named_context() {
    let home = contexts();
    let args = [
        "--context",
        "other",
        "--namespace",
        "mine",
        "--endpoint",
        "https://other.example.com/elsewhere",
    ];
    assert_eq!(
        context_of(&home, &args, &[]),
        "other https://other.example.com/elsewhere mine"
    );
    let variables = [
        ("KFP_CREDENTIAL_NAMESPACE", "mine"),
        (
            "KFP_CREDENTIAL_ENDPOINT",
            "https://OTHER.example.com:443/elsewhere/",
        ),
    ];
    assert_eq!(
        context_of(&home, &["--context", "other"], &variables),
        "other https://other.example.com/elsewhere mine"
    );
}

#[test]
fn an_endpoint_selects_the_context_that_has_it() {
    let home = contexts();
    for endpoint in [
        "https://other.example.com/pipeline",
        "https://OTHER.example.com:443/pipeline/",
    ] {
        let expected = "other https://other.example.com/pipeline ns-other";
        assert_eq!(context_of(&home, &["--endpoint", endpoint], &[]), expected);
        assert_eq!(
            context_of(&home, &[], &[("KFP_CREDENTIAL_ENDPOINT", endpoint)]),
            expected
        );
    }
}

#[test]
fn an_endpoint_that_no_context_has_stands_alone() {
    let home = contexts();
    let args = [
        "--endpoint",
        "https://other.example.com/another",
        "--token-file",
        "token",
    ];
    assert_eq!(
        context_of(&home, &args, &[]),
        "- https://other.example.com/another -"
    );
}

#[test]
fn an_endpoint_of_two_contexts_is_ambiguous() {
    let home = contexts();
    home.run(&["get", "--endpoint", "https://twice.example.com"])
        .assert_error(3, "config-context-ambiguous")
        .assert_says("twin-a, twin-b")
        .assert_says("--context NAME");
    assert_eq!(
        context_of(
            &home,
            &[
                "--endpoint",
                "https://twice.example.com",
                "--context",
                "twin-b"
            ],
            &[]
        ),
        "twin-b https://twice.example.com -"
    );
}

#[test]
fn else_the_current_context_is_meant() {
    let home = contexts();
    let current = "current https://kf.example.com/pipeline ns-current";
    assert_eq!(context_of(&home, &[], &[]), current);
    assert_eq!(
        context_of(
            &home,
            &[],
            &[(
                "KF_PIPELINES_ENDPOINT",
                "https://other.example.com/pipeline"
            )]
        ),
        current
    );
    assert_eq!(
        context_of(&home, &[], &[("KFP_CREDENTIAL_CONTEXT", "")]),
        current
    );
}

#[test]
fn the_sdks_endpoint_fills_what_nothing_else_gives() {
    let home = Sandbox::new();
    home.file("token", "an-opaque-token");
    let sdk = ("KF_PIPELINES_ENDPOINT", "https://kf.example.com/pipeline");
    assert_eq!(
        context_of(
            &home,
            &["--method", "token-file", "--token-file", "token"],
            &[sdk]
        ),
        "- https://kf.example.com/pipeline -"
    );
    let ours = ("KFP_CREDENTIAL_ENDPOINT", "https://ours.example.com");
    assert_eq!(
        context_of(&home, &["--token-file", "token"], &[sdk, ours]),
        "- https://ours.example.com -"
    );
}

#[test]
fn the_namespace_comes_from_kfps_own_file_last() {
    let home = contexts();
    home.file(".config/kfp/context.json", r#"{"namespace": "of-kfp"}"#);
    assert_eq!(
        context_of(&home, &[], &[]),
        "current https://kf.example.com/pipeline ns-current"
    );
    assert_eq!(
        context_of(&home, &["--context", "twin-a"], &[]),
        "twin-a https://twice.example.com of-kfp"
    );
    home.file(".config/kfp/context.json", "not json");
    assert_eq!(
        context_of(&home, &["--context", "twin-a"], &[]),
        "twin-a https://twice.example.com -"
    );
}

#[test]
fn another_origin_than_the_contexts_gets_nothing_of_it() {
    let home = contexts();
    for endpoint in [
        "https://evil.example.com/pipeline",
        "http://kf.example.com/pipeline",
        "https://kf.example.com:8443/pipeline",
        "https://kf.example.com.evil.example/pipeline",
    ] {
        home.run(&["get", "--context", "current", "--endpoint", endpoint])
            .assert_error(3, "endpoint-changed")
            .assert_says("https://kf.example.com");
        home.command(&["get", "--context", "current"])
            .env("KFP_CREDENTIAL_ENDPOINT", endpoint)
            .run()
            .assert_error(3, "endpoint-changed");
    }
}

#[test]
fn an_unknown_context_is_told_with_the_known_ones() {
    let home = contexts();
    home.run(&["get", "--context", "curent"])
        .assert_error(3, "config-context-unknown")
        .assert_says("curent")
        .assert_says("current, other, twin-a, twin-b");
    let empty = Sandbox::new();
    empty
        .run(&["get", "--context", "any"])
        .assert_error(3, "config-context-unknown")
        .assert_says("config set-context any --endpoint URL");
}

#[test]
fn without_anything_at_all_it_says_what_to_name() {
    let home = Sandbox::new();
    home.run(&["get"])
        .assert_error(3, "config-missing")
        .assert_says("--endpoint URL")
        .assert_says("--context NAME");
    home.run(&["login"]).assert_error(3, "config-missing");
    home.command(&["get"])
        .env_remove("HOME")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .run()
        .assert_error(3, "config-missing");
}

#[test]
fn a_configuration_file_that_was_named_must_exist() {
    let home = Sandbox::new();
    home.run(&["get", "--config", "nowhere.yaml"])
        .assert_error(3, "config-unreadable")
        .assert_says("nowhere.yaml");
    home.command(&["get"])
        .env("KFP_CREDENTIAL_CONFIG", "nowhere.yaml")
        .run()
        .assert_error(3, "config-unreadable");
    home.run(&["get", "--config", "."])
        .assert_error(3, "config-unreadable");
}

#[test]
fn options_of_another_method_than_the_contexts_are_refused() {
    let home = contexts();
    home.run(&["get", "--username", USER])
        .assert_error(2, "usage")
        .assert_says("--username")
        .assert_says("token-file");
}

/// Makes a home with contexts that give an opaque token.
#[test]
fn among_very_many_contexts_the_meant_one_is_read_and_a_fault_in_any_has_its_line() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    home.file("token", token);
    let write = |context_1500: &str| {
        let mut text =
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: c0042\ncontexts:\n"
                .to_owned();
        for number in 0..2000 {
            text += &match number {
                1500 => context_1500.to_owned(),
                _ => format!(
                    "- name: c{number:04}\n  endpoint: https://h{number}.example.com\n  token-file: {{ path: ~/token }}\n"
                ),
            };
        }
        home.config(&text);
    };
    write(
        "- name: c1500\n  endpoint: https://h1500.example.com\n  token-file: { path: ~/token }\n",
    );
    for (args, expected) in [
        (&[][..], "c0042 https://h42.example.com"),
        (&["--context", "c1999"], "c1999 https://h1999.example.com"),
        (
            &["--endpoint", "https://h7.example.com"],
            "c0007 https://h7.example.com",
        ),
    ] {
        let answer = context_of(&home, args, &[]);
        assert!(answer.starts_with(expected), "{answer}");
    }
    home.run(&["get", "--context", "c2000"])
        .assert_error(3, "config-context-unknown");

    write("- name: c1500\n  endpoint: https://h1500.example.com\n  stroe: file\n");
    let place = format!(":{}:3: ", 4 + 1500 * 3 + 3);
    for args in [
        &["get", "--context", "c1500"][..],
        &["get"],
        &["config", "validate"],
    ] {
        home.run(args)
            .assert_error(3, "config-invalid")
            .assert_says(&place);
    }
}

fn contexts() -> Sandbox {
    let home = Sandbox::new();
    home.file("token", "an-opaque-token");
    let context = |name: &str, endpoint: &str, namespace: &str| {
        format!(
            "  - name: {name}\n    endpoint: {endpoint}\n{namespace}    token-file: {{path: ~/token}}\n"
        )
    };
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: current\ncontexts:\n{}{}{}{}",
        context("current", "https://kf.example.com/pipeline", "    namespace: ns-current\n"),
        context("other", "https://other.example.com/pipeline/", "    namespace: ns-other\n"),
        context("twin-a", "https://twice.example.com", ""),
        context("twin-b", "https://twice.example.com:443/", ""),
    ));
    home
}

/// Returns the context, endpoint and namespace of what `get` answers.
#[track_caller]
fn context_of(home: &Sandbox, args: &[&str], variables: &[(&str, &str)]) -> String {
    let mut run = home.command(&[&["get"], args].concat());
    for (name, value) in variables {
        run = run.env(name, value);
    }
    let output = run.run().assert_success();
    let kfp = &output.json()["status"]["kfp"];
    let text = |key: &str| kfp[key].as_str().unwrap_or("-").to_owned();
    [text("context"), text("endpoint"), text("namespace")].join(" ")
}
