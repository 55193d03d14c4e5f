//! Streams, arguments and logs that are not as they should be.

use super::*;

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

/// Prepares the binary with streams of the test's own.
fn raw(home: &Sandbox, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command
        .args(args)
        .env_clear()
        .env("HOME", home.home())
        .current_dir(home.home())
        .stdin(Stdio::null());
    command
}

#[test]
fn a_variable_that_is_no_text_is_not_left_aside() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let home = Sandbox::new();
    home.file("token", "some-opaque-token");
    let odd = OsStr::from_bytes(b"\xff");
    let get = ["get", "-o", "token", "--token-file", "token"];
    for name in [
        "KFP_CREDENTIAL_CONTEXT",
        "KFP_CREDENTIAL_ENDPOINT",
        "KFP_CREDENTIAL_TIMEOUT",
        "KF_PIPELINES_ENDPOINT",
    ] {
        let output = raw(&home, &get).env(name, odd).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{name}: {stderr}");
        assert!(output.stdout.is_empty(), "{name}");
        assert!(stderr.contains(name), "{name}: {stderr}");
    }
    let output = raw(&home, &get).env("EDITOR", odd).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}
