//! Help texts, and what the grammar does not know.

use super::*;

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
                "--no-browser",
                "--port",
                "keyring",
            ],
        ),
        ("logout", &["--all", "--context"]),
        ("import", &["credentials.json", "stdin"]),
        ("export", &["credentials.json", "stdout"]),
        ("status", &["--output", "json", "contacts no server"]),
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
                "exec",
                "kubeconfig",
            ],
        ),
        (
            "config set-context",
            &["--username", "--token-file", "Examples"],
        ),
        ("config delete-context", &["logout"]),
        ("config exec", &["--kfp-sdk", "context.json"]),
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
        &["config"],
        &["config", "use-context"],
        &["config", "frobnicate"],
        &["get", "--frobnicate"],
        &["get", "something"],
        &["get", "--endpoint"],
        &["get", "-o", "xml"],
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
