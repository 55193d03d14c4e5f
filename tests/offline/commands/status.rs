//! `status`, `logout`, `completions` and `man`.

use super::*;

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
    assert_eq!(row(1, "state"), "not tried");
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
        output.stderr.contains("Removed the session"),
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
    // Justified lines have more than one blank between words.
    let text = String::from_utf8_lossy(&rendered.stdout).replace('\u{2010}', "-");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
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
        assert!(text.contains(word), "no {word}\n{text}");
    }
}

#[allow(clippy::disallowed_methods, reason = "looks for shells")]
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
