//! The proof that a session opens the API.

use super::*;

#[test]
fn a_web_page_at_every_health_path_is_no_proof() {
    let home = home();
    let door = FrontDoor::start(Options::default());
    get(&home, &(door.origin() + "/dashboard"))
        .run()
        .assert_error(5, "login-not-accepted")
        .assert_says("/dashboard/apis/v2beta1/healthz answers a web page");

    let door = altered(Options::default(), |request, response| {
        if is_health(request) {
            *response = Response::html(200, "<title>Kubeflow</title>");
        }
    });
    get(&home, &door.endpoint())
        .run()
        .assert_error(5, "login-not-accepted")
        .assert_says("/pipeline");
}

#[test]
fn no_health_path_at_all_is_a_word_on_v() {
    let door = altered(Options::default(), |request, response| {
        if is_health(request) {
            *response = Response::text(404, "404 page not found\n");
        }
    });
    let home = home();
    let output = get(&home, &door.endpoint()).run().assert_success();
    assert_opens(&door.door.origin(), &output);
    let endpoint = door.endpoint();
    home.run(&[
        "get",
        "-v",
        "--refresh",
        "--endpoint",
        &endpoint,
        "--username",
        USER,
    ])
    .assert_success()
    .assert_says("unproven")
    .assert_says("no health path");
}

#[test]
fn an_unwell_health_path_leaves_the_session_unproven() {
    for answer in [
        Response::text(503, "upstream"),
        Response::hang(),
        Response::close(),
    ] {
        let door = altered(Options::default(), move |request, response| {
            if is_health(request) {
                *response = answer.clone();
            }
        });
        let (home, endpoint) = (home(), door.endpoint());
        let output = home
            .run(&[
                "get",
                "-v",
                "--timeout",
                "6s",
                "--endpoint",
                &endpoint,
                "--username",
                USER,
            ])
            .assert_success()
            .assert_says("unproven");
        assert_bounded(&output);
        assert_opens(&door.door.origin(), &output);
    }
}

#[test]
fn a_session_that_the_api_refuses_is_not_given_out() {
    for answer in [
        Response::json(401, "{}"),
        Response::text(403, "RBAC: access denied"),
        Response::redirect(302, "/dex/auth?client_id=a&redirect_uri=/cb&state=s"),
    ] {
        let status = answer.status.to_string();
        let door = altered(Options::default(), move |request, response| {
            if is_health(request) {
                *response = answer.clone();
            }
        });
        let home = home();
        get(&home, &door.endpoint())
            .run()
            .assert_error(5, "login-not-accepted")
            .assert_says(&status);
        let asked = door.server.requests();
        assert_eq!(asked.iter().filter(|request| is_health(request)).count(), 1);
    }
}

#[test]
fn without_verification_no_health_path_is_asked() {
    let door = FrontDoor::start(Options::default());
    let (home, endpoint) = (home(), door.endpoint());
    home.run(&[
        "get",
        "--no-verify",
        "--endpoint",
        &endpoint,
        "--username",
        USER,
    ])
    .assert_success();
    assert!(!door.server.requests().iter().any(is_health));
}

#[test]
fn none_wants_a_health_answer_of_kubeflow_pipelines() {
    let not_kfp = [
        Response::json(200, r#"{"status":"UP"}"#),
        Response::json(200, r#"["multi_user"]"#),
        Response::json(200, "not json"),
        Response::html(200, "<title>welcome</title>"),
        Response::text(404, "404 page not found\n"),
        Response::redirect(302, "/login"),
        Response::json(401, "{}"),
    ];
    for answer in not_kfp {
        let server = Server::start(move |_| answer.clone());
        let home = home();
        none(&home, &server.origin())
            .run()
            .assert_error(6, "endpoint-not-recognised")
            .assert_says("/pipeline");
    }
}

#[test]
fn none_fails_where_the_endpoint_is_unwell() {
    let server = Server::start(|_| Response::text(500, "boom"));
    let home = home();
    none(&home, &server.origin())
        .run()
        .assert_error(6, "server-error");
}

#[test]
fn a_standalone_kubeflow_pipelines_needs_nothing() {
    let server = Server::start(kfp_api::standalone);
    let home = home();
    let output = none(&home, &server.origin()).run().assert_success();
    assert_eq!(output.json()["status"]["headers"], serde_json::json!({}));
    assert_eq!(output.json()["status"]["kfp"]["type"], "none");
}

#[test]
fn a_multi_user_api_past_its_gateway_asks_for_an_identity() {
    let server = Server::start(kfp_api::multi_user_direct);
    let home = home();
    none(&home, &server.origin())
        .run()
        .assert_error(3, "identity-required")
        .assert_says("there is no user identity header")
        .assert_says("port-forward")
        .assert_says("pipelines.kubeflow.org")
        .assert_says("kubeflow-userid");
}

#[test]
fn an_endpoint_without_any_login_is_told_on_v() {
    let server = Server::start(kfp_api::standalone);
    let (home, endpoint) = (home(), server.origin());
    let output = home
        .run(&["get", "-v", "--endpoint", &endpoint, "--username", USER])
        .assert_success()
        .assert_says("asks for no login");
    assert_eq!(output.json()["status"]["kfp"]["type"], "none");
    assert_no_password(&[&server]);
}
