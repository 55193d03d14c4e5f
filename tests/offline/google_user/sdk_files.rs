//! The kfp SDK's `credentials.json`, in place, in and out.

use serde_json::json;

use super::*;

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn where_the_sdk_was_logged_in_nobody_logs_in() {
    let person = Person::with_store("none");
    person.sdk_logged_in();
    let before = fs::read(person.sdk_file()).expect("the file");
    let (token, claims) = person.bearer(&[]);
    assert_eq!(
        (&claims["aud"], &claims["email"]),
        (&IAP_CLIENT.into(), &USER.into())
    );
    assert_eq!(person.asked(), [TOKEN]);
    assert_eq!(person.tried(), [format!("Bearer {token}")]);
    assert_eq!(fs::read(person.sdk_file()).expect("the file"), before);
}

#[test]
fn no_desktop_client_is_needed_beside_the_file() {
    let person = Person::without_context();
    person.context("none", &format!("client-id: {IAP_CLIENT}"));
    person.sdk_logged_in();
    assert_eq!(person.bearer(&[]).1["email"], USER);
}

#[test]
fn a_login_goes_before_the_file() {
    let person = Person::new();
    person.sdk_logged_in();
    person
        .google
        .behave(|behave| behave.signed_in = vec!["grace@example.com"]);
    person.is_logged_in();
    let (_, claims) = person.bearer(&["--refresh"]);
    assert_eq!(claims["email"], "grace@example.com");
}

#[test]
fn a_logout_leaves_the_file_and_says_so() {
    let person = Person::new();
    person.is_logged_in();
    person.run(&["export"]).assert_success();
    let output = person.run(&["logout"]).assert_success();
    output.assert_says("credentials.json still holds a login");
    assert_eq!(person.bearer(&[]).1["email"], USER);
}

#[test]
fn a_file_is_imported() {
    let person = Person::new();
    person.sdk_logged_in();
    person
        .run(&["import"])
        .assert_success()
        .assert_says("Imported the login for");
    assert!(person.google.requests().is_empty());
    fs::remove_file(person.sdk_file()).expect("the file");
    assert_eq!(person.bearer(&[]).1["email"], USER);
}

#[test]
fn a_file_of_another_place_is_imported() {
    let person = Person::new();
    let text = files::kfp_credentials(&person.google.refresh_token(USER));
    let file = person.sandbox.file("elsewhere.json", text);
    // Without a context it goes to all that it is for.
    person
        .sandbox
        .run(&["import", &file.to_string_lossy()])
        .assert_success();
    fs::remove_file(file).expect("the file");
    assert_eq!(person.bearer(&[]).1["email"], USER);
}

#[test]
fn stdin_is_imported() {
    let person = Person::new();
    let text = files::kfp_credentials(&person.google.refresh_token(USER));
    person
        .command(&["import", "-"])
        .stdin(&text)
        .run()
        .assert_success();
    assert_eq!(person.bearer(&[]).1["email"], USER);
}

#[test]
fn what_is_no_such_file_is_not_imported() {
    let person = Person::new();
    let import = |text: &str| person.command(&["import", "-"]).stdin(text).run();
    for text in [
        "",
        "[]",
        "made-up-refresh-token",
        "{\"a\": made-up-refresh-token}",
    ] {
        import(text).assert_error(3, "sdk-credentials-invalid");
    }
    let other = files::kfp_credentials("made-up").replace(IAP_CLIENT, "other-client");
    import(&other)
        .assert_error(3, "config-missing")
        .assert_says("other-client");
    person
        .run(&["import"])
        .assert_error(3, "sdk-credentials-invalid");
    person.run(&["get"]).assert_error(4, "login-required");
}

#[test]
fn an_export_is_what_the_sdk_writes() {
    let person = Person::new();
    person.is_logged_in();
    person.run(&["export"]).assert_success();
    let text = fs::read_to_string(person.sdk_file()).expect("a file");
    let file = json_of(&text);
    let token = file[IAP_CLIENT]["refresh_token"].as_str().expect("a token");
    assert!(person.google.is_live(token));
    assert_eq!(file, json_of(&files::kfp_credentials(token)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(person.sdk_file())
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let stdout = person.run(&["export", "-"]).assert_success().stdout;
    assert_eq!(json_of(&stdout), file);
    assert!(person.google.requests().is_empty());
}

#[test]
fn an_export_keeps_what_others_wrote() {
    let person = Person::new();
    person.is_logged_in();
    let others = json!({"other": {"refresh_token": "x", "unknown": [1, null]}, "odd": 7});
    let mut before = others.clone();
    before[IAP_CLIENT] = json!({"refresh_token": "old"});
    let file = person.sandbox.shared_file("out.json", before.to_string());
    person
        .run(&["export", &file.to_string_lossy()])
        .assert_success();
    let mut after = json_of(&fs::read_to_string(&file).expect("a file"));
    let own = after
        .as_object_mut()
        .and_then(|file| file.remove(IAP_CLIENT));
    assert_eq!(own.expect("a login")["other_client_id"], DESKTOP_CLIENT);
    assert_eq!(after, others);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn an_export_does_not_overwrite_what_it_cannot_read() {
    let person = Person::new();
    person.is_logged_in();
    let file = person.sandbox.file("out.json", "not JSON");
    let output = person.run(&["export", &file.to_string_lossy()]);
    output.assert_error(3, "sdk-credentials-invalid");
    assert_eq!(fs::read_to_string(&file).expect("a file"), "not JSON");
}

#[test]
fn an_export_needs_a_login() {
    let person = Person::new();
    person
        .run(&["export", "-"])
        .assert_error(4, "login-required");
}

#[test]
fn cron_lives_on_an_exported_file_alone() {
    let person = Person::new();
    person.is_logged_in();
    let exported = person.run(&["export", "-"]).assert_success().stdout;
    person.run(&["logout"]).assert_success();
    person.context("none", &format!("client-id: {IAP_CLIENT}"));
    person
        .sandbox
        .file(".config/kfp/credentials.json", exported);
    fs::remove_file(person.sandbox.home().join("desktop-secret")).expect("a file");
    assert_eq!(person.bearer(&[]).1["email"], USER);
}
