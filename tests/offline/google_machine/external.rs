//! Workload identity federation: where the subject token comes from.

use super::*;

const ALLOW: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";

fn federated(machine: &Machine, source: &Value) {
    machine.adc(&files::external_account(source, Some(TARGET_ACCOUNT)));
    machine.iap("");
}

#[test]
fn a_file_gives_the_subject_token_as_text_or_in_json() {
    let machine = Machine::new();
    let text = machine
        .sandbox
        .file("text", format!("{}\n", testkit::google::SUBJECT_TOKEN));
    let content = json!({"value": testkit::google::SUBJECT_TOKEN}).to_string();
    let json_file = machine.sandbox.file("json", content);
    let format = json!({"type": "json", "subject_token_field_name": "value"});
    for source in [
        json!({"file": text}),
        json!({"file": text, "format": {"type": "text"}}),
        json!({"file": json_file, "format": format}),
    ] {
        machine.google.clear();
        federated(&machine, &source);
        assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);
        let generate = generate(TARGET_ACCOUNT, "generateIdToken");
        assert_eq!(machine.asked(), [STS, &generate]);
    }
    let other = json!({"type": "json", "subject_token_field_name": "other"});
    for source in [
        json!({"file": "/nonexistent/token"}),
        json!({"file": json_file, "format": other}),
        json!({"file": text, "format": format}),
    ] {
        federated(&machine, &source);
        machine
            .get()
            .assert_error(3, "google-subject-token-unavailable");
    }
}

#[test]
fn a_url_of_this_machine_gives_the_subject_token() {
    let machine = Machine::new();
    let server = testkit::http::Server::start(|request| match request.header("metadata") {
        Some("True") => Response::json(
            200,
            json!({"access_token": testkit::google::SUBJECT_TOKEN}).to_string(),
        ),
        _ => Response::text(400, "no header"),
    });
    let url = format!("{}/token?resource=x", server.origin());
    let format = json!({"type": "json", "subject_token_field_name": "access_token"});
    let source = json!({"url": url, "headers": {"Metadata": "True"}, "format": format});
    federated(&machine, &source);
    assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);
    assert_eq!(server.requests()[0].query("resource").as_deref(), Some("x"));

    federated(&machine, &json!({"url": url, "format": format}));
    let refused = machine
        .get()
        .assert_error(3, "google-subject-token-unavailable");
    refused.assert_says("it answered 400");
}

#[cfg(unix)]
mod executable {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Writes a program; the source that names it has further keys.
    fn program(machine: &Machine, script: &str) -> String {
        let path = machine
            .sandbox
            .file("a program", format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("a mode");
        format!("\"{}\" first 'second word'", path.display())
    }

    fn answer(token: &str, life: i64) -> String {
        json!({
            "version": 1, "success": true, "id_token": token, "expiration_time": jwt::now() + life,
            "token_type": "urn:ietf:params:oauth:token-type:jwt",
        })
        .to_string()
    }

    #[test]
    fn it_runs_only_where_that_is_allowed() {
        let machine = Machine::new();
        let command = program(&machine, "touch ~/has-run");
        federated(&machine, &json!({"executable": {"command": command}}));
        for value in ["", "0", "true"] {
            machine.sandbox.env(ALLOW, value);
            let refused = machine
                .get()
                .assert_error(3, "google-subject-token-unavailable");
            refused.assert_says(&format!("set {ALLOW}=1"));
        }
        assert!(!machine.sandbox.home().join("has-run").exists());
    }

    #[test]
    fn it_is_told_what_is_wanted() {
        let machine = Machine::new();
        machine.sandbox.env(ALLOW, "1");
        let script = format!(
            "printf '%s\\n' \"$@\" > ~/arguments\nenv | grep ^GOOGLE_EXTERNAL > ~/variables\necho noise >&2\necho '{}'",
            answer(testkit::google::SUBJECT_TOKEN, 600)
        );
        let command = program(&machine, &script);
        let output = machine.sandbox.home().join("output");
        let executable = json!({"command": command, "output_file": output, "timeout_millis": 5000});
        federated(&machine, &json!({"executable": executable}));
        assert_eq!(machine.accepted()["kfp"]["principal"], TARGET_ACCOUNT);
        let read = |name: &str| std::fs::read_to_string(machine.sandbox.home().join(name)).unwrap();
        assert_eq!(read("arguments"), "first\nsecond word\n");
        let variables = read("variables");
        for line in [
            format!(
                "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE={}",
                testkit::google::POOL_AUDIENCE
            ),
            "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE=urn:ietf:params:oauth:token-type:jwt".to_owned(),
            "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE=0".to_owned(),
            "GOOGLE_EXTERNAL_ACCOUNT_REVOKE=0".to_owned(),
            format!("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL={TARGET_ACCOUNT}"),
            format!("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE={}", output.display()),
        ] {
            assert!(
                variables.lines().any(|have| have == line),
                "{line}\n{variables}"
            );
        }
    }

    #[test]
    fn what_the_output_file_still_has_is_taken() {
        let machine = Machine::new();
        machine.sandbox.env(ALLOW, "1");
        let command = program(&machine, "echo ran >> ~/runs; cat ~/next > ~/output");
        let output = machine
            .sandbox
            .file("output", answer(testkit::google::SUBJECT_TOKEN, 600));
        machine
            .sandbox
            .file("next", answer(testkit::google::SUBJECT_TOKEN, 600));
        federated(
            &machine,
            &json!({"executable": {"command": command, "output_file": output}}),
        );
        machine.accepted();
        let runs = machine.sandbox.home().join("runs");
        assert!(!runs.exists());

        std::fs::write(&output, answer("made-up-old-token", -1)).unwrap();
        machine.accepted();
        assert!(runs.exists());
    }

    #[test]
    fn its_failures_are_told() {
        let machine = Machine::new();
        machine.sandbox.env(ALLOW, "1");
        let failed =
            json!({"version": 1, "success": false, "code": "401", "message": "nobody home"});
        for (script, words) in [
            (format!("echo '{failed}'"), "401: nobody home"),
            (
                "echo made-up-subject-token; exit 3".to_owned(),
                "exit status: 3",
            ),
            ("echo made-up-subject-token".to_owned(), "not the JSON"),
            ("sleep 20".to_owned(), "did not end within 5s"),
        ] {
            let command = program(&machine, &script);
            let executable = json!({"command": command, "timeout_millis": 5000});
            federated(&machine, &json!({"executable": executable}));
            let refused = machine
                .get()
                .assert_error(3, "google-subject-token-unavailable");
            refused.assert_says(words);
        }
        federated(
            &machine,
            &json!({"executable": {"command": "/nonexistent/program"}}),
        );
        machine
            .get()
            .assert_error(3, "google-subject-token-unavailable");
        assert!(machine.google.proxy().connects().is_empty());
    }
}
