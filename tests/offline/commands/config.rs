//! The verbs of `config`, and what they say of a wrong file.

mod shown;

use super::*;

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
fn the_sdks_namespace_is_written_beside_what_its_file_holds() {
    let home = Sandbox::new();
    let file = home.home().join(".config/kfp/context.json");
    let set = |namespace: &str| home.run(&["config", "set-namespace", "--kfp-sdk", namespace]);
    set("team-a").assert_success();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        r#"{"namespace":"team-a"}"#
    );
    let cookie = r#"{"client_authentication_cookie":"a=b","namespace":"team-a"}"#;
    home.file(".config/kfp/context.json", cookie);
    set("team-b").assert_success();
    let expected = cookie.replace("team-a", "team-b");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);

    home.file(".config/kfp/context.json", "[]");
    set("team-c").assert_error(3, "sdk-credentials-invalid");
    assert_eq!(fs::read_to_string(&file).unwrap(), "[]");
}

#[test]
fn the_exec_configuration_names_the_context_for_a_run_from_anywhere() {
    let home = Sandbox::new();
    let config = "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: a\ncontexts:\n\
        - { name: a, endpoint: 'http://localhost:1' }\n- { name: b b, endpoint: 'http://localhost:2' }\n";
    home.config(config);
    let exec = |args: &[&str]| {
        let printed = home.run(&[&["config", "exec"], args].concat());
        printed.assert_success().json()["exec"].clone()
    };
    let plain = exec(&[]);
    assert_eq!(plain["command"], "kfp-credential");
    assert_eq!(plain["args"], json!(["get", "--context", "a"]));
    let other = home.file("other.yaml", config);
    assert_eq!(
        exec(&["--context", "b b", "--config", "other.yaml"])["args"],
        json!(["get", "--context", "b b", "--config", other])
    );
    home.run(&["config", "exec", "--context", "c"])
        .assert_error(3, "config-context-unknown");

    home.file(".config/kfp/context.json", r#"{"namespace":"team-a"}"#);
    let written = home.run(&["config", "exec", "--kfp-sdk"]).assert_success();
    assert_eq!(written.stdout, "");
    let file = fs::read_to_string(home.home().join(".config/kfp/context.json")).unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file, json!({ "namespace": "team-a", "exec": plain }));
}

#[test]
fn an_edit_that_makes_no_sense_changes_nothing() {
    let home = Sandbox::new();
    let file = home.config(COMMENTED);
    for args in [
        &["set-context", "a", "--store", "disk"][..],
        &["set-context", "a", "--endpoint", "no-url"],
        &["set-context", "a", "--method", "google"],
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
fn a_wrong_file_is_told_with_line_and_column() {
    let home = Sandbox::new();
    let password = home.secret("inline-password-7");
    for (line, place, words) in [
        ("dexx: {}", ":6:5:", "dexx"),
        ("endpoint: http://localhost:2", ":6:5:", "duplicate"),
        ("dex: {}\n    none: {}", ":4:11:", "more than one method"),
        (
            "dex: {}\n    token-file: {}",
            ":4:11:",
            "more than one method",
        ),
        ("google: {client-id: x}", ":6:5:", "google"),
        (
            "store: disk",
            ":6:12:",
            "auto, keyring, runtime, keyutils, file or none",
        ),
        ("session-lifetime: soon", ":6:23:", "90s, 10m"),
        ("header: cookie", ":6:13:", "proxy-authorization"),
        ("proxy-url: proxy:1", ":6:16:", "proxy-url"),
        ("servers: [https://h/path]", ":6:15:", "no path"),
        ("certificate-authority-data: '%'", ":6:33:", "base64"),
        (
            "insecure-skip-tls-verify: perhaps",
            ":6:31:",
            "true or false",
        ),
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
        ("dex: inline-password-7", ":6:", "`key: value`"),
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

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

/// What another origin's context holds (headers, the password's source, what weakens the way) is not handed to a new one.
#[test]
fn a_login_is_not_saved_over_a_context_of_another_origin() {
    let door = FrontDoor::start(Options::default());
    let home = Sandbox::new();
    home.secret(PASSWORD);
    let before = "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: team-a\n    \
                  endpoint: https://kubeflow.example.com/pipeline\n    insecure-skip-tls-verify: true\n    \
                  headers: {X-Secret: sshhhh}\n    dex: {username: u, password: {env: PW}}\n";
    let file = home.config(before);
    let endpoint = door.endpoint();
    let login = |name: &str| {
        let login = [
            "login",
            "--endpoint",
            &endpoint,
            "--username",
            USER,
            "--store",
            "none",
        ];
        let login = [&login[..], &["--save-context", name]].concat();
        home.command(&login)
            .env("KFP_CREDENTIAL_PASSWORD", PASSWORD)
            .run()
    };
    login("team-a")
        .assert_error(3, "endpoint-changed")
        .assert_says("https://kubeflow.example.com")
        .assert_says("kfp-credential config delete-context team-a");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    // Nobody was asked for anything before that was known.
    assert!(door.server.requests().is_empty());
    login("lab").assert_success();
}
