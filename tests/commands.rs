//! The command line: help, options and their variables, which context is meant, and every command
//! but the logins themselves.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use support::BINARY;
use support::front_door::{Connector, FrontDoor, Options, PASSWORD, USER};
use support::http::{Response, Server, TestCa, forward};
use support::kfp_api::{made_up_jwt, service_account_token};
use support::sandbox::{Output, Sandbox};

const AUDIENCE: &str = "pipelines.kubeflow.org";

// -------------------------------------------------------------------------- help

#[test]
fn every_command_explains_itself() {
    let home = Sandbox::new();
    for (command, words) in [
        (
            "",
            &[
                "get",
                "login",
                "logout",
                "status",
                "config",
                "completions",
                "man",
                "Exit codes",
                "KFP_CREDENTIAL_PASSWORD",
                "--context",
                "--config",
            ][..],
        ),
        (
            "get",
            &[
                "--endpoint",
                "--output",
                "--refresh",
                "--min-ttl",
                "--interactive",
                "never prompts",
                "curl -H @-",
                "KUBERNETES_EXEC_INFO",
            ],
        ),
        (
            "login",
            &[
                "--password-stdin",
                "--save-password",
                "--save-context",
                "keyring",
            ],
        ),
        ("logout", &["--all", "--context"]),
        ("status", &["--output", "json", "contacts nobody"]),
        (
            "config",
            &[
                "path",
                "view",
                "validate",
                "use-context",
                "set-context",
                "delete-context",
                "set-namespace",
                "kubeconfig",
            ],
        ),
        (
            "config set-context",
            &["--username", "--token-file", "Examples"],
        ),
        ("config delete-context", &["logout"]),
        ("config kubeconfig", &["exec"]),
        ("completions", &["bash", "zsh", "fish", "powershell"]),
        ("man", &["manual"]),
    ] {
        for flag in ["--help", "-h"] {
            let mut args: Vec<&str> = command.split_whitespace().collect();
            args.push(flag);
            let output = home.run(&args).assert_success();
            assert_eq!(output.stderr, "");
            for word in words.iter().filter(|_| flag == "--help") {
                assert!(
                    output.stdout.contains(word),
                    "no {word:?}\n{}",
                    output.shown()
                );
            }
            assert_fits_a_terminal(&output);
            assert_nothing_of_later(&output);
        }
    }
}

#[test]
fn the_authorities_are_said_to_be_additional() {
    let home = Sandbox::new();
    let output = home.run(&["get", "--help"]).assert_success();
    let text = output
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        text.contains("in addition to the system's, for the identity provider too"),
        "{text}"
    );
}

#[test]
fn the_version_is_the_packages() {
    let home = Sandbox::new();
    for flag in ["--version", "-V"] {
        let output = home.run(&[flag]).assert_success();
        assert_eq!(
            output.stdout,
            format!("kfp-credential {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn what_the_grammar_does_not_know_is_a_usage_error() {
    let home = Sandbox::new();
    for args in [
        &[][..],
        &["frobnicate"],
        &["import"],
        &["export"],
        &["config"],
        &["config", "use-context"],
        &["config", "frobnicate"],
        &["get", "--frobnicate"],
        &["get", "something"],
        &["get", "--endpoint"],
        &["get", "-o", "xml"],
        &["get", "--client-id", "x"],
        &["get", "--other-client-id", "x"],
        &["get", "--other-client-secret-file", "x"],
        &["get", "--method"],
        &["get", "--no-verify=maybe"],
        &["get", "--endpoint", "http://localhost", "--min-ttl", "soon"],
        &[
            "get",
            "--endpoint",
            "http://localhost",
            "--token-file",
            "f",
            "--username",
            "u",
        ],
        &["login", "--refresh"],
        &["completions", "tcsh"],
        &["completions"],
    ] {
        home.run(args).assert_error(2, "usage");
    }
}

#[test]
fn a_missing_argument_is_named_in_the_first_line() {
    let home = Sandbox::new();
    let output = home
        .run(&["config", "use-context"])
        .assert_error(2, "usage");
    let first = output.stderr.lines().next().unwrap_or_default();
    assert!(first.contains("NAME"), "{}", output.shown());
}

#[test]
fn a_password_on_the_command_line_is_refused_with_the_other_ways() {
    let home = Sandbox::new();
    for args in [
        &["get", "--password", "typed-password"][..],
        &["get", "--password=typed-password"],
        &["login", "--password", "typed-password"],
        &["login", "--password=typed-password"],
    ] {
        let output = home
            .run(args)
            .assert_error(2, "usage")
            .assert_says("--password-file")
            .assert_says("--password-stdin")
            .assert_says("KFP_CREDENTIAL_PASSWORD");
        assert!(
            !output.stderr.contains("typed-password"),
            "{}",
            output.shown()
        );
    }
}

// ----------------------------------------------------------- options and variables

#[test]
fn every_option_is_a_variable_too_and_the_option_wins() {
    let world = World::new();
    let cases = world.cases();
    let known = options_of_get(&world.home);
    let tried: BTreeSet<String> = cases.iter().map(|case| case.option.to_owned()).collect();
    assert_eq!(
        tried, known,
        "an option is not tried here, or does not exist"
    );

    for case in &cases {
        let seen = |option: Option<&str>, variable: Option<&str>| {
            world.door.server.clear();
            let mut args = case.args.clone();
            args.extend(option.map(|value| format!("--{}={value}", case.option)));
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let name = format!(
                "KFP_CREDENTIAL_{}",
                case.option.to_uppercase().replace('-', "_")
            );
            let run = world.home.command(&args);
            let run = match variable {
                Some(value) => run.env(&name, value),
                None => run,
            };
            (case.observe)(&world, &run.run())
        };
        let [one, other] = [&case.values[0], &case.values[1]].map(String::as_str);
        let (of_one, of_other) = (seen(Some(one), None), seen(Some(other), None));
        assert_ne!(of_one, of_other, "--{} changes nothing", case.option);
        assert_eq!(
            seen(None, Some(one)),
            of_one,
            "the variable of --{}",
            case.option
        );
        assert_eq!(
            seen(None, Some(other)),
            of_other,
            "the variable of --{}",
            case.option
        );
        assert_eq!(
            seen(Some(one), Some(other)),
            of_one,
            "--{} wins",
            case.option
        );
        assert_eq!(
            seen(Some(one), Some("")),
            of_one,
            "an empty variable of --{}",
            case.option
        );
    }
}

#[test]
fn a_flags_variable_is_true_or_false() {
    let home = Sandbox::new();
    for name in [
        "NO_VERIFY",
        "INSECURE_SKIP_TLS_VERIFY",
        "ALLOW_INSECURE_HTTP",
    ] {
        let name = format!("KFP_CREDENTIAL_{name}");
        home.command(&["get", "--endpoint", "http://localhost"])
            .env(&name, "perhaps")
            .run()
            .assert_error(2, "usage")
            .assert_says(&name);
    }
}

#[test]
fn a_value_that_means_nothing_is_a_configuration_error() {
    let home = Sandbox::new();
    for (option, value) in [
        ("--endpoint", "kf.example.com"),
        ("--endpoint", "ftp://kf.example.com"),
        ("--endpoint", "https://kf.example.com/?a=b"),
        ("--method", "iap"),
        ("--method", "gcp"),
        ("--method", "DEX"),
        ("--store", "disk"),
        ("--proxy-url", "proxy:3128"),
        ("--timeout", "soon"),
        ("--timeout", "0s"),
    ] {
        let mut args = vec!["get", option, value];
        args.extend(
            (option != "--endpoint")
                .then_some(["--endpoint", "http://localhost"])
                .into_iter()
                .flatten(),
        );
        home.run(&args)
            .assert_error(3, "config-invalid")
            .assert_says(option);
    }
}

#[test]
fn a_secret_in_a_url_is_not_repeated() {
    let home = Sandbox::new();
    home.secret("secret-in-a-url");
    for (name, value) in [
        ("ENDPOINT", "https://user:secret-in-a-url@kf.example.com"),
        ("ENDPOINT", "https://kf.example.com/?token=secret-in-a-url"),
        ("ENDPOINT", "secret-in-a-url"),
        ("PROXY_URL", "ftp://user:secret-in-a-url@proxy"),
        ("PROXY_URL", "http://user:secret-in-a-url@"),
    ] {
        home.command(&["get", "--method", "none", "-v"])
            .env("KFP_CREDENTIAL_ENDPOINT", "http://localhost")
            .env(&format!("KFP_CREDENTIAL_{name}"), value)
            .run()
            .assert_error(3, "config-invalid");
    }
}

// ------------------------------------------------------------- which context is meant

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

// --------------------------------------------------------------------------- config

#[test]
fn the_file_lies_where_it_should() {
    let home = Sandbox::new();
    let usual = home.config_file().to_string_lossy().into_owned();
    assert_eq!(
        home.run(&["config", "path"]).assert_success().stdout,
        usual + "\n"
    );
    assert_eq!(
        home.run(&["config", "path", "--config", "x.yaml"])
            .assert_success()
            .stdout,
        "x.yaml\n"
    );
    let moved = home
        .command(&["config", "path"])
        .env("KFP_CREDENTIAL_CONFIG", "/y.yaml")
        .run();
    assert_eq!(moved.assert_success().stdout, "/y.yaml\n");
    let default = home
        .command(&["config", "path"])
        .env_remove("XDG_CONFIG_HOME")
        .run();
    assert!(
        default
            .assert_success()
            .stdout
            .ends_with("home/.config/kfp-credential/config.yaml\n")
    );
}

#[test]
fn a_first_context_makes_the_file_and_becomes_the_current_one() {
    let home = Sandbox::new();
    let config = home.home().join("fresh");
    home.env("XDG_CONFIG_HOME", &config.to_string_lossy());
    home.run(&[
        "config",
        "set-context",
        "team-a",
        "--endpoint",
        "https://kf.example.com/pipeline",
        "--username",
        USER,
    ])
    .assert_success();
    let folder = config.join("kfp-credential");
    let file = folder.join("config.yaml");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: team-a\ncontexts:\n  - name: team-a\n    \
             endpoint: https://kf.example.com/pipeline\n    dex:\n      username: {USER}\n"
        )
    );
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    home.run(&[
        "config",
        "set-context",
        "local",
        "--endpoint",
        "http://localhost:3000",
        "--method",
        "none",
    ])
    .assert_success();
    let output = home.run(&["config", "validate"]).assert_success();
    assert!(output.stdout.contains("2 contexts"), "{}", output.shown());
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("current-context: team-a\n") && text.contains("none: {}"),
        "{text}"
    );
}

#[test]
fn a_file_beside_us_can_be_written_by_its_bare_name() {
    let home = Sandbox::new();
    home.run(&[
        "config",
        "set-context",
        "a",
        "--endpoint",
        "http://localhost:1",
        "--config",
        "mine.yaml",
    ])
    .assert_success();
    home.run(&["config", "validate", "--config", "mine.yaml"])
        .assert_success();
}

#[test]
fn edits_keep_comments_and_order() {
    let home = Sandbox::new();
    let file = home.config(COMMENTED);
    let run = |args: &[&str], from: &str, to: &str| {
        let before = fs::read_to_string(&file).unwrap();
        let args = [&["config"], args].concat();
        home.run(&args).assert_success();
        let after = fs::read_to_string(&file).unwrap();
        assert!(before.contains(from), "{before}");
        assert_eq!(after, before.replacen(from, to, 1), "{args:?}");
        home.run(&["config", "validate"]).assert_success();
    };
    run(
        &["use-context", "b"],
        "current-context: a # for now",
        "current-context: b # for now",
    );
    run(
        &["set-namespace", "team-b"],
        "namespace: old # b's",
        "namespace: team-b # b's",
    );
    run(
        &["set-namespace", "team-a", "--context", "a"],
        "      username: me # us\n",
        "      username: me # us\n    namespace: team-a\n",
    );
    run(
        &["set-context", "b", "--endpoint", "http://localhost:9"],
        "endpoint: http://localhost:2",
        "endpoint: http://localhost:9",
    );
    run(
        &["set-context", "a", "--username", "you"],
        "username: me # us",
        "username: you # us",
    );
}

#[test]
fn a_context_is_deleted_with_its_lines_only() {
    let home = Sandbox::new();
    let file = home.config(COMMENTED);
    home.run(&["config", "delete-context", "a"])
        .assert_success();
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        !text.contains("username: me") && !text.contains("current-context: a"),
        "{text}"
    );
    for kept in [
        "# Our clusters.",
        "# the second",
        "namespace: old # b's",
        "# The end.",
    ] {
        assert!(text.contains(kept), "{kept} is gone\n{text}");
    }
    home.run(&["config", "validate"]).assert_success();
    home.run(&["config", "delete-context", "a"])
        .assert_error(3, "config-context-unknown");
    home.run(&["config", "use-context", "a"])
        .assert_error(3, "config-context-unknown");
    home.run(&["config", "set-namespace", "x", "--context", "a"])
        .assert_error(3, "config-context-unknown");
}

#[test]
fn a_change_of_method_leaves_one_block() {
    let home = Sandbox::new();
    let file = home.config(COMMENTED);
    home.run(&[
        "config",
        "set-context",
        "a",
        "--method",
        "token-file",
        "--audience",
        AUDIENCE,
    ])
    .assert_success();
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("token-file:") && !text.contains("dex:"),
        "{text}"
    );
    home.run(&["config", "validate"]).assert_success();
}

#[test]
fn an_edit_that_makes_no_sense_changes_nothing() {
    let home = Sandbox::new();
    let file = home.config(COMMENTED);
    for args in [
        &["set-context", "a", "--store", "disk"][..],
        &["set-context", "a", "--endpoint", "no-url"],
        &["set-context", "a", "--method", "iap"],
        &["set-context", "new", "--username", "u", "--token-file", "f"],
    ] {
        let args = [&["config"], args].concat();
        let output = home.run(&args);
        assert!(matches!(output.status, 2 | 3), "{}", output.shown());
        assert_eq!(fs::read_to_string(&file).unwrap(), COMMENTED);
    }
}

#[test]
fn a_file_in_flow_style_is_not_edited_but_answered_with_the_lines() {
    for config in [
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts: [{name: a, endpoint: 'http://localhost:1'}]\n",
        r#"{"apiVersion": "kfp-credential/v1", "kind": "Config", "contexts": [{"name": "a", "endpoint": "http://localhost:1"}]}"#,
    ] {
        let home = Sandbox::new();
        let file = home.config(config);
        home.run(&["config", "validate"]).assert_success();
        let output = home
            .run(&[
                "config",
                "set-context",
                "b",
                "--endpoint",
                "http://localhost:2",
                "--namespace",
                "team-b",
            ])
            .assert_error(3, "config-not-editable")
            .assert_says("line ")
            .assert_says("- name: b\n")
            .assert_says("endpoint: http://localhost:2\n")
            .assert_says("namespace: team-b\n");
        assert!(!output.stderr.ends_with("    \n"), "{}", output.shown());
        assert_eq!(fs::read_to_string(&file).unwrap(), config);
    }
}

#[test]
fn a_symbolic_link_is_read_but_not_edited() {
    let home = Sandbox::new();
    let real = home.file("shared/config.yaml", COMMENTED);
    let link = home.config_file();
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    set_mode(link.parent().unwrap(), 0o700);
    std::os::unix::fs::symlink(&real, &link).unwrap();
    home.run(&["config", "validate"]).assert_success();
    home.run(&["config", "use-context", "b"])
        .assert_error(3, "config-write-failed")
        .assert_says("symbolic link");
    assert_eq!(fs::read_to_string(&real).unwrap(), COMMENTED);
    assert!(link.is_symlink());
}

#[test]
fn a_file_that_others_may_write_to_is_not_edited() {
    let home = Sandbox::new();
    let file = home.config(COMMENTED);
    let folder = file.parent().unwrap();
    set_mode(folder, 0o777);
    home.run(&["config", "use-context", "b"])
        .assert_error(3, "config-write-failed");
    set_mode(folder, 0o700);
    assert_eq!(fs::read_to_string(&file).unwrap(), COMMENTED);
}

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

#[test]
fn a_wrong_file_is_told_with_line_and_column() {
    let home = Sandbox::new();
    let password = home.secret("inline-password-7");
    for (line, place, words) in [
        ("dexx: {}", ":6:5:", "dexx"),
        ("endpoint: http://localhost:2", ":6:5:", "duplicate"),
        ("dex: {}\n    none: {}", ":4:11:", "more than one of"),
        ("dex: {}\n    token-file: {}", ":4:11:", "more than one of"),
        ("iap: {client-id: x}", ":6:5:", "iap"),
        (
            "store: disk",
            ":6:12:",
            "auto, keyring, runtime, file or none",
        ),
        ("session-lifetime: soon", ":6:23:", "90s, 10m"),
        ("header: cookie", ":6:13:", "proxy-authorization"),
        ("proxy-url: proxy:1", ":6:16:", "proxy-url"),
        ("servers: [https://h/path]", ":6:15:", "no path"),
        ("certificate-authority-data: '%'", ":6:33:", "base64"),
        ("insecure-skip-tls-verify: perhaps", ":6:31:", ""),
        ("headers: {Cookie: a=b}", ":4:11:", "Cookie"),
        ("headers: {Authorization: a}", ":4:11:", "Authorization"),
        ("dex: {password: inline-password-7}", ":6:", "{env: NAME}"),
        ("dex: {password: [inline-password-7]}", ":6:", "{env: NAME}"),
        (
            "dex: {password: {plain: inline-password-7}}",
            ":6:",
            "plain",
        ),
        (
            "dex: {password: {env: a, file: inline-password-7}}",
            ":6:",
            "exactly one",
        ),
        ("dex: {password: {keyring: inline-password-7}}", ":6:", ""),
        ("dex: {password: {command: inline-password-7}}", ":6:", ""),
        ("dex: inline-password-7", ":6:", ""),
        ("password: inline-password-7", ":6:5:", "password"),
        ("dex: {password: \"inline-password-7}", ":6:", ""),
        ("dex: {password: *inline-password-7}", ":6:", ""),
        ("dex: {password: !!int inline-password-7}", ":6:", ""),
        (
            "proxy-url: ftp://u:inline-password-7@h",
            ":6:16:",
            "proxy-url",
        ),
        (
            "proxy-url: http://u:inline-password-7@",
            ":6:16:",
            "proxy-url",
        ),
    ] {
        let file = home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a\n    endpoint: http://localhost:1\n    {line}\n"
        ));
        let place = format!("{}{place}", file.display());
        for args in [
            &["config", "validate"][..],
            &["get", "--context", "a"],
            &["get", "-v", "--context", "a"],
        ] {
            let output = home.run(args);
            let output = output
                .assert_error(3, "config-invalid")
                .assert_says(&place)
                .assert_says(words);
            assert!(
                !output.stderr.contains("DuplicateKeyPolicy"),
                "{}",
                output.shown()
            );
            assert!(!output.stdout.contains(&password) && !output.stderr.contains(&password));
        }
    }
}

#[test]
fn a_file_that_is_none_of_ours_is_told_apart() {
    let home = Sandbox::new();
    for (text, words) in [
        ("apiVersion: v1\nkind: Config\n", "kfp-credential/v1"),
        ("apiVersion: kfp-credential/v1\nkind: Pod\n", "Config"),
        ("kind: Config\n", "apiVersion"),
        ("just text", ""),
        ("- a\n- b\n", ""),
        (
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts: [{name: a}, {name: a}]\n",
            "twice",
        ),
        (
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts: [{endpoint: http://h}]\n",
            "name",
        ),
    ] {
        home.config(text);
        home.run(&["config", "validate"])
            .assert_error(3, "config-invalid")
            .assert_says(words);
    }
    home.config("apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: gone\n");
    home.run(&["config", "validate"])
        .assert_error(3, "config-context-unknown")
        .assert_says("gone");
    for empty in [
        "",
        "# nothing yet\n",
        "\u{feff}",
        "apiVersion: kfp-credential/v1\nkind: Config\n",
    ] {
        home.config(empty);
        home.run(&["config", "validate"]).assert_success();
    }
}

// ----------------------------------------------------------------------- token files

#[test]
fn a_token_file_alone_is_enough() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token("somebody", 600));
    home.file("token", format!("{token}\n"));
    let output = home.run(&["get", "--token-file", "token"]).assert_success();
    let status = &output.json()["status"];
    assert_eq!(status["token"], token.as_str());
    assert_eq!(
        status["headers"]["Authorization"][0],
        format!("Bearer {token}")
    );
    assert_eq!(status["kfp"]["type"], "bearer");
    assert_eq!(status["kfp"]["expirySource"], "jwt");
    assert_eq!(
        status["kfp"]["principal"],
        "system:serviceaccount:team-a:default-editor"
    );
    assert_eq!(status["kfp"]["endpoint"], "http://ml-pipeline-ui");
}

#[test]
fn in_a_pod_nothing_need_be_said() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    let file = home
        .file("projected", &token)
        .to_string_lossy()
        .into_owned();
    home.env("KF_PIPELINES_SA_TOKEN_PATH", &file);
    let output = home.run(&["get"]).assert_success();
    assert_eq!(output.json()["status"]["token"], token.as_str());
    assert_eq!(
        home.run(&["get", "-o", "token"]).assert_success().stdout,
        token + "\n"
    );

    // A public endpoint gets no token that nobody has named for it.
    let public = [
        "status",
        "-o",
        "json",
        "--endpoint",
        "https://kf.example.com",
    ];
    let output = home.run(&public).assert_success();
    assert_eq!(output.json()[0]["method"], "auto");

    let wrong = home.secret(service_account_token(
        "https://kubernetes.default.svc",
        3600,
    ));
    home.file("projected", &wrong);
    home.run(&["get"])
        .assert_error(3, "token-file-audience")
        .assert_says("https://kubernetes.default.svc")
        .assert_says(AUDIENCE);
}

#[test]
fn every_fault_of_a_token_file_has_its_own_name() {
    let home = Sandbox::new();
    let expired = home.secret(service_account_token(AUDIENCE, -10));
    let elsewhere = home.secret(service_account_token("https://kubernetes.default.svc", 600));
    let nobody = home.secret(made_up_jwt(&json!({"exp": 4_000_000_000_u64})));
    fs::create_dir(home.home().join("folder")).unwrap();
    home.secret("two tokens");
    for (contents, slug, words) in [
        (None, "token-file-missing", "PodDefault"),
        (Some(Vec::new()), "token-file-empty", ""),
        (Some(b" \r\n\n".to_vec()), "token-file-empty", ""),
        (
            Some(b"two tokens".to_vec()),
            "token-file-invalid",
            "more than one",
        ),
        (Some(b"one\nX-Evil: 1".to_vec()), "token-file-invalid", ""),
        (Some(b"esc\x1b[31m".to_vec()), "token-file-invalid", ""),
        (Some("t\u{f6}ken".into()), "token-file-invalid", ""),
        (Some(vec![0xff, 0xfe]), "token-file-invalid", ""),
        (
            Some(vec![b'a'; 1024 * 1024 + 1]),
            "token-file-unreadable",
            "larger than",
        ),
        (
            Some(expired.into_bytes()),
            "token-file-expired",
            "expired at 20",
        ),
        (
            Some(elsewhere.into_bytes()),
            "token-file-audience",
            "kubeflow-pipelines-api-token",
        ),
        (Some(nobody.into_bytes()), "token-file-audience", AUDIENCE),
    ] {
        let path = home.home().join("token");
        fs::remove_file(&path).ok();
        if let Some(contents) = contents {
            home.file("token", contents);
        }
        home.run(&["get", "--token-file", "token", "--audience", AUDIENCE])
            .assert_error(3, slug)
            .assert_says(words)
            .assert_says("token");
    }
    home.run(&["get", "--token-file", "folder"])
        .assert_error(3, "token-file-unreadable")
        .assert_says("folder/token");
    home.run(&["get", "--token-file", "token/below"])
        .assert_error(3, "token-file-unreadable");
}

#[test]
fn the_audience_hints_name_the_ways_to_a_right_token() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token("https://kubernetes.default.svc", 600));
    home.file("token", token);
    home.run(&["get", "--token-file", "token", "--audience", AUDIENCE])
        .assert_error(3, "token-file-audience")
        .assert_says("volume")
        .assert_says("PodDefault")
        .assert_says("kubeflow-pipelines-api-token")
        .assert_says("ServiceAccount")
        .assert_says("kubeflow-edit");
}

#[test]
fn an_audience_is_checked_where_it_is_known() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token("somebody", 600));
    home.file("token", &token);
    let read = |args: &[&str]| home.run(&[&["get", "--token-file", "token"], args].concat());
    read(&[]).assert_success();
    read(&["--audience", "somebody"]).assert_success();
    read(&["--audience", "else"]).assert_error(3, "token-file-audience");

    home.config(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: strict\n    \
         endpoint: https://kf.example.com\n    token-file: {path: ~/token, audience: else}\n",
    );
    home.run(&["get", "--context", "strict"])
        .assert_error(3, "token-file-audience");
    home.run(&["get", "--context", "strict", "--audience", "somebody"])
        .assert_success();
}

#[test]
fn a_token_without_an_end_gets_the_assumed_hour() {
    let home = Sandbox::new();
    let token = home.secret("opaque-token-of-somebody");
    home.file("token", format!("\u{feff}  {token}\r\n"));
    let output = home.run(&["get", "--token-file", "token"]).assert_success();
    let status = &output.json()["status"];
    assert_eq!(status["token"], token.as_str());
    assert_eq!(status["kfp"]["expirySource"], "assumed");
}

#[test]
fn a_pipe_in_the_files_place_is_read() {
    let home = Sandbox::new();
    let token = home.secret("token-out-of-a-pipe");
    let pipe = home.home().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let writer = std::thread::spawn({
        let (pipe, token) = (pipe.clone(), token.clone());
        move || fs::write(pipe, token)
    });
    let output = home
        .run(&["get", "-o", "token", "--token-file", "pipe"])
        .assert_success();
    assert_eq!(output.stdout, token + "\n");
    writer.join().unwrap().unwrap();
}

#[test]
fn a_token_behind_a_symbolic_link_is_read_as_kubernetes_mounts_it() {
    let home = Sandbox::new();
    let token = home.secret("token-in-a-projected-volume");
    home.file("volume/..2026_11_22/token", &token);
    let volume = home.home().join("volume");
    std::os::unix::fs::symlink("..2026_11_22", volume.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", volume.join("token")).unwrap();
    let output = home.run(&["get", "-o", "token", "--token-file", "volume/token"]);
    assert_eq!(output.assert_success().stdout, token + "\n");
}

// ----------------------------------------------------------- status, completions, man

#[test]
fn status_tells_of_every_context_and_contacts_nobody() {
    let door = FrontDoor::start(Options::default());
    let home = Sandbox::new();
    let password = home.secret(PASSWORD);
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home.file("token", &token);
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: door\ncontexts:\n\
         \x20 - name: door\n    endpoint: {}\n    namespace: team-a\n    store: file\n    dex: {{username: {USER}}}\n\
         \x20 - name: pod\n    endpoint: http://ml-pipeline-ui.kubeflow\n    token-file: {{path: ~/token}}\n\
         \x20 - name: missing\n    endpoint: http://ml-pipeline-ui.kubeflow\n    token-file: {{path: ~/gone}}\n",
        door.endpoint()
    ));
    let before = home.run(&["status", "-o", "json"]).assert_success();
    assert_eq!(before.json()[0]["state"], "not logged in");
    assert!(door.server.requests().is_empty());

    home.run(&["get"]).assert_success();
    door.server.clear();
    let json = home.run(&["status", "-o", "json"]).assert_success();
    let rows = json.json();
    let row = |index: usize, key: &str| rows[index][key].clone();
    assert_eq!(row(0, "state"), "logged in");
    assert_eq!(row(0, "principal"), USER);
    assert_eq!(row(0, "method"), "dex");
    assert_eq!(row(0, "namespace"), "team-a");
    assert_eq!(row(0, "current"), true);
    assert!(row(0, "store").as_str().unwrap().contains("file"), "{rows}");
    assert!(row(0, "expiresAt").as_str().unwrap().ends_with('Z'));
    assert_eq!(row(1, "state"), "logged in");
    assert_eq!(
        row(1, "principal"),
        "system:serviceaccount:team-a:default-editor"
    );
    assert_eq!(row(2, "state"), "unusable");
    assert!(
        row(2, "trouble")
            .as_str()
            .unwrap()
            .contains("token-file-missing")
    );

    let text = home.run(&["status"]).assert_success();
    for word in [
        "door (current)",
        USER,
        "team-a",
        "logged in",
        "(in 23h 59m)",
        "pod",
        "token-file-missing",
    ] {
        assert!(text.stdout.contains(word), "no {word}\n{}", text.shown());
    }
    let one = home
        .run(&["status", "-o", "json", "--context", "pod"])
        .assert_success();
    assert_eq!(one.json().as_array().map(Vec::len), Some(1));
    assert!(door.server.requests().is_empty());
    for output in [&json, &text, &one] {
        for secret in [&password, &token] {
            assert!(!output.stdout.contains(secret.as_str()));
        }
    }
}

#[test]
fn status_without_contexts_says_how_to_write_one() {
    let home = Sandbox::new();
    let output = home.run(&["status"]).assert_success();
    assert!(
        output
            .stdout
            .contains("config set-context NAME --endpoint URL"),
        "{}",
        output.shown()
    );
    let output = home.run(&["status", "-o", "json"]).assert_success();
    assert_eq!(output.json(), json!([]));
}

#[test]
fn logout_forgets_a_session() {
    let door = FrontDoor::start(Options::default());
    let home = Sandbox::new();
    home.secret(PASSWORD);
    home.env("KFP_CREDENTIAL_PASSWORD", PASSWORD);
    let endpoint = door.endpoint();
    let arguments = [
        "--endpoint",
        &endpoint,
        "--username",
        USER,
        "--store",
        "file",
    ];
    let run = |command: &str| {
        home.run(&[&[command], &arguments[..]].concat())
            .assert_success()
    };
    run("get");
    run("get");
    assert_eq!(door.logins(), 1);
    let output = run("logout");
    assert!(
        output.stderr.contains("Forgot the session"),
        "{}",
        output.shown()
    );
    let output = run("logout");
    assert!(
        output.stderr.contains("Nothing was stored"),
        "{}",
        output.shown()
    );
    run("get");
    assert_eq!(door.logins(), 2);
    home.run(&["logout", "--all"]).assert_success();
    run("get");
    assert_eq!(door.logins(), 3);
}

#[test]
fn completions_are_right_for_their_shell() {
    let home = Sandbox::new();
    for (shell, check) in [
        ("bash", Some("bash")),
        ("zsh", Some("zsh")),
        ("fish", Some("fish")),
        ("elvish", None),
        ("powershell", None),
    ] {
        let output = home.run(&["completions", shell]).assert_success();
        assert!(output.stdout.contains("set-context"), "{shell}");
        assert_nothing_of_later(&output);
        let script = home.file(&format!("completions.{shell}"), &output.stdout);
        if let Some(program) = check.and_then(on_path) {
            let checked = Command::new(program)
                .arg("-n")
                .arg(&script)
                .output()
                .unwrap();
            assert!(checked.status.success(), "{shell}: {checked:?}");
        }
    }
}

#[test]
fn the_manual_page_renders() {
    let home = Sandbox::new();
    let output = home.run(&["man"]).assert_success();
    assert_nothing_of_later(&output);
    let page = home.file("page.1", &output.stdout);
    let Some(groff) = on_path("groff") else {
        return;
    };
    let rendered = Command::new(groff)
        .args(["-man", "-Tutf8", "-ww", "-P-cbou"])
        .arg(page)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&rendered.stderr), "");
    let text = String::from_utf8_lossy(&rendered.stdout);
    for word in [
        "kfp-credential",
        "NAME",
        "SYNOPSIS",
        "get",
        "login",
        "config",
        "status",
        "Exit codes",
        "--password-file",
        "--save-context",
        "set-context",
        "KFP_CREDENTIAL_PASSWORD",
    ] {
        assert!(
            text.replace('\u{2010}', "-").contains(word),
            "no {word}\n{text}"
        );
    }
}

// ------------------------------------------------------------------- odd surroundings

#[test]
fn an_answer_that_cannot_be_written_is_told() {
    let home = Sandbox::new();
    home.file("token", "some-opaque-token");
    for args in [
        &["get", "--token-file", "token"][..],
        &["--help"],
        &["status"],
        &["man"],
        &["completions", "bash"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = raw(&home, args).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(
            stderr.starts_with("kfp-credential: error[output-failed]"),
            "{args:?}: {stderr}"
        );

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = raw(&home, args).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
    }
}

#[test]
fn a_stderr_that_is_gone_changes_nothing() {
    let home = Sandbox::new();
    home.file("token", "some-opaque-token");
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let answered = raw(&home, &["get", "-v", "--token-file", "token"])
        .stderr(full())
        .output()
        .unwrap();
    assert_eq!(answered.status.code(), Some(0));
    assert!(!answered.stdout.is_empty());
    let failed = raw(&home, &["get"]).stderr(full()).output().unwrap();
    assert_eq!(
        (failed.status.code(), failed.stdout.is_empty()),
        (Some(3), true)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn arguments_that_are_no_text_are_usage_errors() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = Sandbox::new();
    let odd = OsStr::from_bytes(b"\xff\xfe");
    for args in [
        vec![odd],
        vec![OsStr::new("get"), OsStr::new("--endpoint"), odd],
        vec![OsStr::new("get"), OsStr::new("-o"), odd],
    ] {
        let output = raw(&home, &[]).args(&args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(
            stderr.starts_with("kfp-credential: error[usage]"),
            "{stderr}"
        );
    }
    // A path may hold any bytes.
    let output = raw(&home, &["get", "--token-file"])
        .arg(odd)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_log_that_cannot_be_written_is_told() {
    let home = Sandbox::new();
    home.command(&["get", "--endpoint", "http://localhost:1"])
        .env("KFP_CREDENTIAL_LOG", "no/such/folder/log")
        .run()
        .assert_error(3, "config-write-failed")
        .assert_says("KFP_CREDENTIAL_LOG");
}

// ---------------------------------------------------------------------------- helpers

const COMMENTED: &str = "\
# Our clusters.
apiVersion: kfp-credential/v1
kind: Config
current-context: a # for now
contexts:
  # the first
  - name: a
    endpoint: https://kf.example.com/pipeline
    dex:
      username: me # us
  # the second
  - name: b
    none: {}
    namespace: old # b's
    endpoint: http://localhost:2
# The end.
";

/// Is what the options of the big table are tried on.
struct World {
    home: Sandbox,
    door: FrontDoor,
    proxy: Server,
    hanging: Server,
}

/// Is an option with two values, a run that it changes, and what shows that.
struct Case {
    option: &'static str,
    values: [String; 2],
    args: Vec<String>,
    observe: fn(&World, &Output) -> String,
}

impl World {
    fn new() -> Self {
        let home = Sandbox::new();
        home.file("right", PASSWORD);
        home.file("wrong", "not this one");
        home.file("token", service_account_token(AUDIENCE, 3600));
        home.file("other-token", "another-opaque-token");
        for name in ["a.pem", "b.pem"] {
            home.file(name, TestCa::generate().pem());
        }
        home.config(
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: a\ncontexts:\n\
             \x20 - name: a\n    endpoint: https://a.example.com\n    token-file: {path: ~/token}\n\
             \x20 - name: b\n    endpoint: https://b.example.com\n    token-file: {path: ~/token}\n",
        );
        home.file(
            "other.yaml",
            "apiVersion: kfp-credential/v1\nkind: Config\n",
        );
        let users = [USER, "second@example.com"].map(|user| (user.to_owned(), PASSWORD.to_owned()));
        let connectors = ["local", "staff"].map(|id| (id.to_owned(), Connector::Password));
        let door = FrontDoor::start(Options {
            users: users.into_iter().collect(),
            connectors: connectors.into_iter().collect(),
            ..Options::default()
        });
        let origin = door.origin();
        let proxy = Server::start(move |request| {
            let mut inside = request.clone();
            let path = request.path().to_owned();
            inside.target = match request.query_string() {
                "" => path,
                query => format!("{path}?{query}"),
            };
            forward(&inside, &origin)
        });
        Self {
            home,
            door,
            proxy,
            hanging: Server::start(|_| Response::hang()),
        }
    }

    fn cases(&self) -> Vec<Case> {
        let door = self.door.endpoint();
        let login = format!("get --endpoint {door} --username {USER} --password-file right");
        let by_proxy = format!(
            "get --endpoint http://kf.example.com/pipeline --username {USER} --password-file right --proxy-url {}",
            self.proxy.origin()
        );
        let case = |option, values: [&str; 2], args: &str, observe| Case {
            option,
            values: values.map(str::to_owned),
            args: args.split(' ').map(str::to_owned).collect(),
            observe,
        };
        let flag = ["true", "false"];
        vec![
            case(
                "config",
                [".config/kfp-credential/config.yaml", "other.yaml"],
                "config view",
                |_, output| output.stdout.clone(),
            ),
            case("context", ["a", "b"], "get", |_, output| {
                at(output, "/status/kfp/context")
            }),
            case(
                "endpoint",
                ["https://c.example.com", "https://d.example.com/pipeline"],
                "get --token-file token",
                |_, output| at(output, "/status/kfp/endpoint"),
            ),
            case(
                "method",
                ["dex", "none"],
                "status -o json --endpoint http://localhost:1",
                |_, output| at(output, "/0/method"),
            ),
            case("namespace", ["team-a", "team-b"], "get", |_, output| {
                at(output, "/status/kfp/namespace")
            }),
            case(
                "username",
                [USER, "second@example.com"],
                &format!("get --endpoint {door} --password-file right"),
                |_, output| at(output, "/status/kfp/principal"),
            ),
            case(
                "password-file",
                ["right", "wrong"],
                &format!("get --endpoint {door} --username {USER}"),
                |_, output| slug(output),
            ),
            case("connector", ["local", "staff"], &login, |world, _| {
                let hops = world.door.server.hops();
                hops.into_iter()
                    .filter(|hop| hop.starts_with("POST"))
                    .collect()
            }),
            case(
                "token-file",
                ["token", "other-token"],
                "get --endpoint https://c.example.com",
                |_, output| at(output, "/status/token"),
            ),
            case(
                "audience",
                [AUDIENCE, "somebody-else"],
                "get",
                |_, output| slug(output),
            ),
            case(
                "certificate-authority",
                ["a.pem", "b.pem"],
                "get",
                |_, output| at(output, "/status/kfp/connection/certificateAuthority"),
            ),
            case("insecure-skip-tls-verify", flag, "get", |_, output| {
                at(output, "/status/kfp/connection/insecureSkipTlsVerify")
            }),
            case("allow-insecure-http", flag, &by_proxy, |_, output| {
                slug(output)
            }),
            case(
                "proxy-url",
                ["http://one:1", "http://two:2"],
                "get",
                |_, output| at(output, "/status/kfp/connection/proxyUrl"),
            ),
            case(
                "store",
                ["file", "none"],
                &format!("status -o json --endpoint {door} --method dex"),
                |_, output| at(output, "/0/store"),
            ),
            case("no-verify", flag, &login, |world, _| {
                let hops = world.door.server.hops();
                hops.iter().any(|hop| hop.contains("healthz")).to_string()
            }),
            case(
                "timeout",
                ["300ms", "600ms"],
                &format!("get --endpoint {}", self.hanging.origin()),
                |_, output| output.stderr.lines().next().unwrap_or_default().to_owned(),
            ),
        ]
    }
}

/// Lists what `get` takes that stands in for something in the configuration.
fn options_of_get(home: &Sandbox) -> BTreeSet<String> {
    const ITS_OWN: [&str; 6] = [
        "output",
        "refresh",
        "min-ttl",
        "interactive",
        "verbose",
        "help",
    ];
    let help = home.run(&["get", "--help"]).assert_success();
    let lines = help
        .stdout
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'));
    let names = lines
        .filter_map(|line| line.split_once("--"))
        .map(|(_, rest)| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '-');
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
    names
        .filter(|name| !ITS_OWN.contains(&name.as_str()))
        .collect()
}

fn at(output: &Output, pointer: &str) -> String {
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    document
        .pointer(pointer)
        .map(Value::to_string)
        .unwrap_or_default()
}

/// Returns how a run ended: the slug of its error, or nothing.
fn slug(output: &Output) -> String {
    let first = output.stderr.split(']').next().unwrap_or_default();
    first.split('[').nth(1).unwrap_or_default().to_owned()
}

/// Makes a home with contexts that give an opaque token.
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

/// Prepares the binary with streams of the test's own.
fn raw(home: &Sandbox, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .env("HOME", home.home())
        .current_dir(home.home())
        .stdin(Stdio::null());
    command
}

#[track_caller]
fn assert_fits_a_terminal(output: &Output) {
    let broken = output.stdout.lines().find(|line| line.trim() == "\\");
    assert!(
        broken.is_none(),
        "a command line is broken\n{}",
        output.shown()
    );
    let wide = output
        .stdout
        .lines()
        .find(|line| line.chars().count() > 100);
    assert!(wide.is_none(), "{wide:?}\n{}", output.shown());
}

/// Asserts that nothing is named that is still to come.
#[track_caller]
fn assert_nothing_of_later(output: &Output) {
    let text = output.stdout.replace("export NAME=", "");
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: BTreeSet<String> = text.split(|c| !is_word(c)).map(str::to_lowercase).collect();
    for later in ["iap", "gcp", "import", "client_id"] {
        assert!(
            !words.contains(later),
            "{later} is named\n{}",
            output.shown()
        );
    }
    let is_command = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() == Some("export") && !line.contains('=')
    };
    assert!(
        !text.lines().any(is_command),
        "export is named\n{}",
        output.shown()
    );
}

#[allow(clippy::disallowed_methods, reason = "looks for shells")]
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
