//! What stands in a file's place and is none: a FIFO that nobody writes to, a device without an end, a folder. Each place
//! that reads a file says so at once.

use std::os::unix::net::UnixListener;
use std::time::Duration;

use super::*;

const CONFIG: &str = "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: a\ncontexts:\n  - name: a\n    \
                      endpoint: https://localhost:1\n";

/// Puts a FIFO, a socket, a folder, an endless device and a large file in turn in a file's place.
fn for_each_impostor(home: &Sandbox, name: &str, mut run: impl FnMut(&str)) {
    let path = home.home().join(name);
    fs::create_dir_all(path.parent().expect("the sandbox takes it")).expect("the sandbox takes it");
    for kind in ["fifo", "socket", "folder", "/dev/zero", "large"] {
        let mut socket = None;
        match kind {
            "fifo" => {
                let made = Command::new("mkfifo").arg(&path).status();
                assert!(made.expect("the sandbox takes it").success());
            }
            "socket" => {
                // The address of a socket has to be short, and its file may be moved.
                let short = home.home().join("s");
                socket = Some(UnixListener::bind(&short).expect("the sandbox takes it"));
                fs::rename(short, &path).expect("the sandbox takes it");
            }
            "folder" => fs::create_dir(&path).expect("the sandbox takes it"),
            "large" => {
                // A file of zeros that takes no room.
                let file = fs::File::create(&path).expect("the sandbox takes it");
                file.set_len(4 << 30).expect("the sandbox takes it");
            }
            device => std::os::unix::fs::symlink(device, &path).expect("the sandbox takes it"),
        }
        run(kind);
        drop(socket);
        if path.is_dir() {
            fs::remove_dir(&path).expect("the sandbox takes it");
        } else if path.symlink_metadata().is_ok() {
            // In a store's folder `get` has removed it.
            fs::remove_file(&path).expect("the sandbox takes it");
        }
    }
}

/// Runs with a bound on memory and with further variables, and asserts that nothing was waited for. The sandbox would
/// read a log whose variable it sees, whatever stands there.
#[track_caller]
fn quick(home: &Sandbox, args: &[&str], env: &[(&str, &str)]) -> Output {
    let exports: String = env
        .iter()
        .map(|(name, value)| format!("export {name}='{value}'\n"))
        .collect();
    let script = format!(
        "#!/bin/sh\nulimit -v 1500000\n{exports}exec {} \"$@\"\n",
        binary()
    );
    let script = home.file("bounded.sh", script);
    set_mode(&script, 0o700);
    let output = home.command(args).by(&script).run();
    assert!(
        output.elapsed < Duration::from_secs(20),
        "{}",
        output.shown()
    );
    output
}

#[track_caller]
fn assert_told(output: &Output, kind: &str, slug: &str) {
    let words = match kind {
        "fifo" => "a pipe",
        "socket" => "a socket",
        "folder" => "a folder",
        "/dev/zero" => "a device",
        _ => "larger than",
    };
    let error = format!("error[{slug}]");
    let is_told = output.stderr.contains(words) && output.stderr.contains(&error);
    assert!(is_told, "{kind}: {words}, {slug}\n{}", output.shown());
    assert_eq!(output.stdout, "", "{}", output.shown());
}

#[test]
fn a_configuration_that_is_no_file_is_told() {
    let home = Sandbox::new();
    for_each_impostor(&home, ".config/kfp-credential/config.yaml", |kind| {
        for args in [
            &["get"][..],
            &["get", "--context", "a"],
            &["get", "--endpoint", "http://localhost:1"],
            &["status"],
            &["config", "view"],
            &["config", "validate"],
            &["config", "use-context", "a"],
            &[
                "config",
                "set-context",
                "b",
                "--endpoint",
                "http://localhost:1",
            ],
            &["logout", "--all"],
        ] {
            assert_told(&quick(&home, args, &[]), kind, "config-unreadable");
        }
    });
    for args in [&["status"][..], &["config", "validate"]] {
        let nothing = home.command(args).env("KFP_CREDENTIAL_CONFIG", "/dev/null");
        nothing.run().assert_success();
    }
}

#[test]
fn a_log_that_would_be_waited_for_is_told_and_a_terminal_or_nothing_may_be_one() {
    let home = Sandbox::new();
    home.file("token", "opaque-token");
    let get = ["get", "-o", "token", "--token-file", "token"];
    for_each_impostor(&home, "log", |kind| {
        let output = quick(&home, &get, &[("KFP_CREDENTIAL_LOG", "log")]);
        if matches!(kind, "/dev/zero" | "large") {
            output.assert_success();
        } else {
            output.assert_error(3, "config-write-failed");
        }
    });
    for log in ["/dev/null", "/dev/stderr", "/dev/full"] {
        quick(&home, &["status"], &[("KFP_CREDENTIAL_LOG", log)]).assert_success();
    }
    // A pipe whose reader has stopped reading stops nobody.
    let pipe = home.home().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let reader = fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    for _ in 0..3 {
        quick(&home, &get, &[("KFP_CREDENTIAL_LOG", "pipe")]).assert_success();
    }
    drop(reader);
}

#[test]
fn a_certificate_authority_that_is_no_file_is_told() {
    let home = Sandbox::new();
    let get = [
        "get",
        "--endpoint",
        "https://localhost:1",
        "--username",
        "u",
    ];
    let get = [
        &get[..],
        &["--certificate-authority", "ca.pem", "--timeout", "5s"],
    ]
    .concat();
    for_each_impostor(&home, "ca.pem", |kind| {
        let output = quick(&home, &get, &[("KFP_CREDENTIAL_PASSWORD", "a-password")]);
        assert_told(&output, kind, "config-unreadable");
    });
}

#[cfg(not(target_vendor = "apple"))]
#[test]
fn a_variables_authorities_that_do_not_end_are_told_and_others_in_a_folder_passed_over() {
    let home = Sandbox::new();
    let get = ["get", "--endpoint", "https://localhost:1"];
    let get = [&get[..], &["--username", "u", "--timeout", "5s"]].concat();
    let password = ("KFP_CREDENTIAL_PASSWORD", "a-password");
    for_each_impostor(&home, "ca.pem", |kind| {
        let output = quick(&home, &get, &[password, ("SSL_CERT_FILE", "ca.pem")]);
        assert_told(&output, kind, "config-unreadable");
        assert!(
            output.stderr.contains("SSL_CERT_FILE"),
            "{}",
            output.shown()
        );
    });
    let ca = ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
    for_each_impostor(&home, "folder/ca.pem", |kind| {
        let folders = ("SSL_CERT_DIR", "nowhere::folder");
        let output = quick(&home, &get, &[password, ca, folders]);
        if kind == "large" {
            assert_told(&output, kind, "config-unreadable");
            assert!(output.stderr.contains("SSL_CERT_DIR"), "{}", output.shown());
        } else {
            assert!(!output.stderr.contains("SSL_CERT"), "{}", output.shown());
        }
    });
    // What is not there says nothing, and nobody is left to trust.
    let nothing = ("SSL_CERT_FILE", "nowhere.pem");
    quick(&home, &get, &[password, nothing]).assert_error(6, "tls-untrusted");
}

#[test]
fn the_sdks_context_that_is_no_file_is_left_alone() {
    let home = Sandbox::new();
    home.file("token", "opaque-token");
    for_each_impostor(&home, ".config/kfp/context.json", |kind| {
        let get = ["get", "--token-file", "token"];
        let output = quick(&home, &get, &[]).assert_success();
        assert_eq!(output.json()["status"]["kfp"]["namespace"], Value::Null);
        let set = ["config", "set-namespace", "--kfp-sdk", "team-a"];
        assert_told(&quick(&home, &set, &[]), kind, "config-unreadable");
    });
}

#[test]
fn the_sdks_credentials_that_are_no_file_are_told() {
    let home = Sandbox::new();
    home.config(&format!(
        "{CONFIG}    iap: {{client-id: c, other-client-id: d}}\n"
    ));
    for_each_impostor(&home, ".config/kfp/credentials.json", |kind| {
        for args in [&["get"][..], &["import"]] {
            assert_told(&quick(&home, args, &[]), kind, "config-unreadable");
        }
    });
    for_each_impostor(&home, "elsewhere.json", |kind| {
        let output = quick(&home, &["import", "elsewhere.json"], &[]);
        assert_told(&output, kind, "config-unreadable");
    });
}

#[test]
fn a_token_file_that_is_no_file_is_told() {
    let home = Sandbox::new();
    for_each_impostor(&home, "token", |kind| {
        if kind != "fifo" {
            let output = quick(&home, &["get", "--token-file", "token"], &[]);
            assert_told(&output, kind, "token-file-unreadable");
        }
    });
}

/// The deadline of the login is that of what it reads as well.
#[test]
fn what_gives_nothing_is_waited_for_until_the_deadline() {
    let home = Sandbox::new();
    let fifo = home.home().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let external = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/a",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": fifo},
    });
    home.file("external.json", external.to_string());
    home.config(&format!("{CONFIG}    gcp: {{}}\n"));
    let elsewhere = ["--endpoint", "https://localhost:2", "--timeout", "500ms"];
    let of_a_token = [&["login", "--token-file", "fifo"], &elsewhere[..]].concat();
    let variable = [("GOOGLE_APPLICATION_CREDENTIALS", "external.json")];
    let google = ["get", "--timeout", "500ms"];
    for (args, env, slug) in [
        (&of_a_token[..], &[][..], "token-file-unreadable"),
        (&google, &variable, "google-subject-token-unavailable"),
    ] {
        let output = quick(&home, args, env);
        let told = &output.stderr;
        assert!(told.contains(&format!("error[{slug}]")), "{told}");
        assert!(told.contains("gave nothing within"), "{told}");
    }
    let mut command = Command::new(testkit::binary());
    command.env_clear().env("HOME", home.home());
    let words = [
        "login",
        "--endpoint",
        "http://localhost:1",
        "--username",
        "u",
    ];
    command
        .args(words)
        .args(["--password-stdin", "--timeout", "500ms"]);
    let silent = command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut silent = silent.spawn().expect("the binary");
    let stdin = silent.stdin.take();
    let ended = silent.wait_with_output().expect("its end");
    drop(stdin);
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(told.contains("[config-secret-unavailable]"), "{told}");
    assert!(told.contains("gave nothing within"), "{told}");
}

#[test]
fn a_secrets_file_that_is_no_file_is_told() {
    let home = Sandbox::new();
    let login = [
        "get",
        "--endpoint",
        "http://localhost:1",
        "--username",
        "u",
        "--password-file",
        "file",
    ];
    for_each_impostor(&home, "file", |kind| {
        if kind == "fifo" {
            return;
        }
        let door = FrontDoor::start(Options::default());
        let endpoint = door.endpoint();
        let mut login = login;
        login[2] = &endpoint;
        assert_told(
            &quick(&home, &login, &[]),
            kind,
            "config-secret-unavailable",
        );
        home.config(&format!(
            "{CONFIG}    headers: {{X-A: {{file: ~/file}}}}\n    none: {{}}\n"
        ));
        assert_told(
            &quick(&home, &["get"], &[]),
            kind,
            "config-secret-unavailable",
        );
        fs::remove_file(home.config_file()).unwrap();
    });
}

#[test]
fn a_google_credential_file_that_is_no_file_is_told() {
    let home = Sandbox::new();
    home.config(&format!("{CONFIG}    gcp: {{}}\n"));
    let of_gcloud = ".config/gcloud/application_default_credentials.json";
    for_each_impostor(&home, of_gcloud, |kind| {
        if kind != "fifo" {
            assert_told(
                &quick(&home, &["get"], &[]),
                kind,
                "google-credentials-invalid",
            );
        }
    });
    for_each_impostor(&home, "key.json", |kind| {
        if kind != "fifo" {
            let variable = [("GOOGLE_APPLICATION_CREDENTIALS", "key.json")];
            assert_told(
                &quick(&home, &["get"], &variable),
                kind,
                "google-credentials-invalid",
            );
        }
    });
    let external = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/a",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": home.home().join("subject")},
    });
    let file = home.file("external.json", external.to_string());
    let variable = [("GOOGLE_APPLICATION_CREDENTIALS", file.to_str().unwrap())];
    for_each_impostor(&home, "subject", |kind| {
        if kind != "fifo" {
            assert_told(
                &quick(&home, &["get"], &variable),
                kind,
                "google-subject-token-unavailable",
            );
        }
    });
}

#[test]
fn state_that_is_no_file_stops_no_answer() {
    let door = FrontDoor::start(Options::default());
    let home = Sandbox::new();
    home.secret(PASSWORD);
    let endpoint = door.endpoint();
    let get = [
        "get",
        "--store",
        "file",
        "--endpoint",
        &endpoint,
        "--username",
        USER,
    ];
    let password = [("KFP_CREDENTIAL_PASSWORD", PASSWORD)];
    quick(&home, &get, &password).assert_success();
    let state = home.state_folder();
    for folder in ["store", "locks"] {
        let mut entries = fs::read_dir(state.join(folder)).unwrap();
        let entry = entries.next().expect("an entry").unwrap().path();
        let name = entry.strip_prefix(home.home()).unwrap().to_str().unwrap();
        fs::remove_file(&entry).unwrap();
        for_each_impostor(&home, name, |kind| {
            // A lock may be of any size, and nobody reads it.
            let before = door.logins();
            let args = [&get[..], &["--refresh"]].concat();
            let args = if folder == "store" { &get[..] } else { &args };
            quick(&home, args, &password).assert_success();
            assert_eq!(door.logins(), before + 1, "{folder}: {kind}");
        });
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}
