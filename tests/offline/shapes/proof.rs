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
    .assert_says("was not verified")
    .assert_says("no health path");
}

#[test]
fn an_unwell_health_path_leaves_the_session_unproven() {
    for answer in [
        Response::text(503, "upstream"),
        Response::hang(),
        Response::close(),
        Response::json(200, r#"{"multi_user":"#).truncated(5_000),
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
            .assert_says("was not verified");
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

/// Starts a door that makes an identity of service headers of its own, as Cloudflare Access does.
fn door_of_service_headers() -> Server {
    Server::start(|request| {
        if request.header("x-service-secret") != Some("the-secret-value") {
            return Response::text(403, "Forbidden");
        }
        let mut inside = request.clone();
        inside
            .headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("kubeflow-userid"));
        inside
            .headers
            .push(("kubeflow-userid".to_owned(), USER.to_owned()));
        kfp_api::MultiUser::with_users("kubeflow-userid", &[(USER, "team-1")]).answer(&inside)
    })
}

fn with_headers(endpoint: &str, headers: &str, more: &str) -> Sandbox {
    let home = Sandbox::new();
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: a\ncontexts:\n  - name: a\n    \
         endpoint: {endpoint}\n    headers: {{{headers}}}\n    {more}\n"
    ));
    home
}

#[test]
fn extra_headers_that_the_door_makes_an_identity_of_are_a_credential() {
    let door = door_of_service_headers();
    let headers = "X-Service-Id: robot, X-Service-Secret: the-secret-value";
    for (more, namespace) in [
        ("none: {}", "kubeflow"),
        ("none: {}\n    namespace: team-1", "team-1"),
        ("namespace: team-1", "team-1"),
        // Known there, and bound to no role: that is for the API to say.
        ("none: {}\n    namespace: team-2", "team-2"),
    ] {
        door.clear();
        let home = with_headers(&door.origin(), headers, more);
        let output = home.run(&["get"]).assert_success();
        let status = &output.json()["status"];
        assert_eq!(status["headers"]["X-Service-Id"][0], "robot");
        let asked = door.requests();
        let list = asked
            .iter()
            .find(|request| request.path().ends_with("/experiments"));
        let list = list.expect("a request that needs an identity");
        assert_eq!(list.query("namespace").as_deref(), Some(namespace));
        assert_eq!(list.query("page_size").as_deref(), Some("1"));
    }
}

#[test]
fn extra_headers_that_tell_the_api_nobody_are_no_credential_whatever_their_names() {
    let server = Server::start(|request| {
        kfp_api::MultiUser::with_users("x-site-identity", &[(USER, "team-1")]).answer(request)
    });
    let headers = format!("kubeflow-userid: {USER}, X-User-Email: {USER}");
    for more in ["none: {}", "namespace: team-1"] {
        let home = with_headers(&server.origin(), &headers, more);
        home.run(&["get"])
            .assert_error(3, "identity-required")
            .assert_says("there is no user identity header")
            .assert_says("X-User-Email, kubeflow-userid");
    }
    let home = with_headers(
        &server.origin(),
        &format!("X-Site-Identity: {USER}"),
        "none: {}",
    );
    home.run(&["get"]).assert_success();
}

#[test]
fn extra_headers_that_the_door_refuses_are_told() {
    let door = door_of_service_headers();
    let home = with_headers(
        &door.origin(),
        "X-Service-Secret: a-wrong-value",
        "none: {}",
    );
    home.secret("a-wrong-value");
    home.run(&["get"])
        .assert_error(5, "login-not-accepted")
        .assert_says("X-Service-Secret");

    // Its health is open to all, its lists are not.
    let open = Server::start(|request| {
        if is_health(request) {
            return kfp_api::MultiUser::knows_nobody().answer(request);
        }
        Response::text(403, "RBAC: access denied")
    });
    let home = with_headers(&open.origin(), "X-A: 1", "none: {}");
    home.run(&["get"])
        .assert_error(5, "login-not-accepted")
        .assert_says("extra headers");
}

#[test]
fn without_verification_extra_headers_are_not_tried() {
    let nobody = Server::start(|_| Response::text(403, "Forbidden"));
    let home = with_headers(&nobody.origin(), "X-A: 1", "none: {}");
    home.run(&["get", "--no-verify"]).assert_success();
    assert!(nobody.requests().is_empty());
    // Without such headers there is nothing to leave out: the proof says that it is no login page.
    let plain = [
        "get",
        "--no-verify",
        "--method",
        "none",
        "--endpoint",
        &nobody.origin(),
    ];
    let home = Sandbox::new();
    home.run(&plain).assert_error(6, "endpoint-not-recognised");
}

#[test]
fn an_older_api_proves_an_identity_too_and_no_empty_one_is_ever_sent() {
    let old = Server::start(|request| {
        if request.path().contains("/v2beta1/") {
            return Response::text(404, "404 page not found");
        }
        kfp_api::MultiUser::with_users("kubeflow-userid", &[(USER, "kubeflow")]).answer(request)
    });
    let headers = format!("kubeflow-userid: {USER}");
    let home = with_headers(&old.origin(), &headers, "none: {}");
    home.run(&["get"]).assert_success();

    old.clear();
    for source in ["''", "{file: ~/empty}", "{command: [printf, ' ']}"] {
        let headers = format!("kubeflow-userid: {source}");
        let home = with_headers(&old.origin(), &headers, "none: {}");
        home.file("empty", "\n");
        let output = home.run(&["get"]);
        assert_eq!(
            (output.status, output.stdout.as_str()),
            (3, ""),
            "{}",
            output.shown()
        );
    }
    assert!(old.requests().is_empty());
}

#[test]
fn an_endpoint_without_any_login_is_told_on_v() {
    let server = Server::start(kfp_api::standalone);
    let (home, endpoint) = (home(), server.origin());
    let output = home
        .run(&["get", "-v", "--endpoint", &endpoint, "--username", USER])
        .assert_success()
        .assert_says("requires no login");
    assert_eq!(output.json()["status"]["kfp"]["type"], "none");
    assert_no_password(&[&server]);
}
