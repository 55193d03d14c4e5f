//! Every form of the answer (`-o`), used by the program that it is for.

use std::process::Command;

use testkit::peers::dex;
use testkit::peers::front_door::RealDoor;
use testkit::peers::needs;
use testkit::peers::visitor::{Visitor, curl, experiments, feed};

const STORED: [&str; 2] = ["--store", "file"];

#[test]
fn curl_takes_the_headers() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let lines = answer(&user, "headers");
    assert!(lines.starts_with("Cookie: ") && lines.ends_with("\r\n"));
    let url = experiments(&door.endpoint());
    assert_lists(&user, &curl(&["-H", "@-", &url], &lines));
}

#[test]
fn curl_takes_the_configuration() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let url = experiments(&door.endpoint());
    let config = answer(&user, "curl-config");
    assert_lists(&user, &curl(&["-K", "-", &url], &config));
}

#[test]
fn curl_takes_the_jar() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let jar = user.home.file("jar", answer(&user, "netscape"));
    let url = experiments(&door.endpoint());
    let jar = jar.to_str().expect("a path");
    assert_lists(&user, &curl(&["-b", jar, &url], ""));
}

#[test]
fn curl_takes_the_cookie() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let cookie = answer(&user, "cookie");
    assert_eq!(cookie.lines().count(), 1);
    let url = experiments(&door.endpoint());
    let header = format!("Cookie: {cookie}");
    assert_lists(&user, &curl(&["-H", "@-", &url], &header));
}

#[test]
fn a_shell_takes_the_variables() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let script = r#"eval "$(cat)"
        test "$KF_PIPELINES_ENDPOINT" = "$KFP_ENDPOINT" || exit 1
        test "$KFP_NAMESPACE" = "it's mine" || exit 1
        printf 'Cookie: %s' "$KFP_CREDENTIAL_COOKIE" |
            curl -sS -g -H @- "$KFP_ENDPOINT/apis/v2beta1/experiments?namespace=team-a""#;
    let variables = user.get(&["-o", "env", "--namespace", "it's mine"]);
    let variables = variables.assert_success().stdout;
    let body = feed(Command::new("sh").args(["-c", script]), &variables);
    assert_lists(&user, &body);
}

#[test]
fn every_form_is_of_one_session() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let cookie = answer(&user, "cookie");
    let cookie = cookie.trim_end();
    let value = cookie.split_once('=').expect("a cookie").1;
    for form in ["json", "headers", "curl-config", "netscape", "env"] {
        assert!(answer(&user, form).contains(value), "{form}");
    }
    assert_eq!(door.posts(), 1);
}

#[test]
fn a_session_is_no_token() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    for form in ["token", "exec", "exec-v1beta1"] {
        user.get(&["-o", form])
            .assert_error(3, "format-not-available")
            .assert_says("-o headers");
    }
    assert!(door.recorder().requests().is_empty());
}

#[track_caller]
fn answer(user: &Visitor, form: &str) -> String {
    let options = [["-o", form].as_slice(), &STORED].concat();
    user.get(&options).assert_success().stdout
}

#[track_caller]
fn assert_lists(user: &Visitor, body: &str) {
    assert!(body.contains("taxi fares"), "{body}");
    assert_eq!(user.last_user(), dex::USER.email);
}
