//! What people give as the endpoint, and what is made of it.

use testkit::http::{Response, Server};
use testkit::kfp_api;
use testkit::peers::dex;
use testkit::peers::front_door::RealDoor;
use testkit::peers::needs;
use testkit::peers::visitor::{Visitor, ask_with_headers, experiments, header_lines};
use testkit::sandbox::{Output, Sandbox};

#[test]
fn the_gateways_origin_leads_to_the_api_below_it() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let document = user.command_at(door.origin(), &[]).run();
    let document = document.assert_success().json();
    assert_eq!(document["status"]["kfp"]["endpoint"], door.endpoint());
    user.assert_opens(&document);
    assert_eq!(
        door.upstream().hops()[1..5],
        [
            "GET /apis/v2beta1/healthz 200", // the dashboard's page
            "GET /apis/v1beta1/healthz 200",
            "GET /pipeline/apis/v2beta1/healthz 200",
            "GET /pipeline/apis/v2beta1/experiments 200", // that was the test
        ]
    );
}

#[test]
fn a_stored_answer_keeps_the_corrected_endpoint() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let ask = || user.command_at(door.origin(), &["--store", "file"]).run();
    let (first, second) = (ask().assert_success(), ask().assert_success());
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(second.json()["status"]["kfp"]["endpoint"], door.endpoint());
    assert_eq!(door.posts(), 1);
}

#[test]
fn an_api_path_that_answers_401_starts_at_oauth2_start() {
    let door = needs!(RealDoor::sign_in_page());
    let user = Visitor::new(&door, dex::USER);
    let endpoint = door.endpoint() + "/apis/v2beta1";
    let got = user.command_at(&endpoint, &["-v"]).run().assert_success();
    let got = got
        .assert_says(&format!("GET {endpoint}: 401 Unauthorized"))
        .assert_says(&format!("GET {}/oauth2/start: 302 Found", door.origin()))
        .assert_says("no health path of Kubeflow Pipelines");
    let lines = header_lines(&got.json());
    ask_with_headers(&experiments(&door.endpoint()), &lines);
    assert_eq!(user.last_user(), dex::USER.email);
    assert_eq!(door.posts(), 1);
}

#[test]
fn a_path_prefix_holds_for_the_whole_login() {
    let door = needs!(RealDoor::path_prefix());
    for endpoint in [door.endpoint(), door.base()] {
        let user = Visitor::new(&door, dex::USER);
        let got = user.command_at(&endpoint, &[]).run();
        let document = got.assert_success().json();
        assert_eq!(document["status"]["kfp"]["endpoint"], door.endpoint());
        assert_eq!(document["status"]["cookies"][0]["path"], "/kf");
        user.assert_opens(&document);
    }
    let hops = door.recorder().hops();
    assert!(
        hops.iter().all(|hop| hop.contains(" /kf/dex/auth")),
        "{hops:?}"
    );
    assert_eq!(door.posts(), 2);
}

#[test]
fn an_open_pipelines_needs_no_credential() {
    let server = Server::start(kfp_api::standalone);
    let home = home();
    let document = get(&home, &server, &[]).assert_success().json();
    let status = &document["status"];
    assert_eq!(status["kfp"]["type"], "none");
    assert_eq!(status["kfp"]["endpoint"], server.origin());
    assert_eq!(status["headers"], serde_json::json!({}));
    assert!(status.get("cookies").is_none() && status.get("token").is_none());
    get(&home, &server, &["-v", "--refresh"])
        .assert_success()
        .assert_says("requires no login");
    let heard = server.requests();
    assert!(
        heard
            .iter()
            .all(|request| !request.contains(dex::USER.password))
    );
    assert!(heard.iter().all(|request| request.method == "GET"));
}

#[test]
fn a_multi_user_pipelines_past_its_gateway_wants_an_identity() {
    let server = Server::start(kfp_api::multi_user_direct);
    get(&home(), &server, &[])
        .assert_error(3, "identity-required")
        .assert_says("istio-ingressgateway")
        .assert_says("pipelines.kubeflow.org")
        .assert_says("kubeflow-userid");

    let home = home();
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: forwarded\n    endpoint: {}\n    \
         headers: {{kubeflow-userid: user@example.com}}\n    none: {{}}\n",
        server.origin()
    ));
    let got = home.run(&["get", "--context", "forwarded"]);
    let document = got.assert_success().json();
    assert_eq!(
        document["status"]["headers"]["kubeflow-userid"][0],
        "user@example.com"
    );
    let body = ask_with_headers(&experiments(&server.origin()), &header_lines(&document));
    assert!(body.contains("taxi fares"), "{body}");
}

#[test]
fn what_is_no_pipelines_at_all_is_told() {
    for (status, page) in [
        (200, "<h1>It works!</h1>"),
        (404, "<h1>Not Found</h1>"),
        (200, r#"{"status": "UP"}"#),
    ] {
        let server = Server::start(move |_| Response::html(status, page));
        get(&home(), &server, &[])
            .assert_error(6, "endpoint-not-recognised")
            .assert_says("/pipeline");
        let heard = server.requests();
        assert!(
            heard
                .iter()
                .all(|request| !request.contains(dex::USER.password))
        );
    }
}

#[test]
fn a_password_form_that_is_not_dexs_gets_none() {
    let page = "<form method=post><input name=login><input type=password name=password></form>";
    let server = Server::start(move |_| Response::html(200, page));
    get(&home(), &server, &[])
        .assert_error(5, "login-not-understood")
        .assert_says("the password was not sent");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn nobody_at_home_is_told_with_the_port_forward() {
    let nobody = Server::start(|_| Response::close()).origin(); // gone at once
    let ask = ["get", "--endpoint", &nobody, "--username", dex::USER.login];
    home()
        .run(&ask)
        .assert_error(6, "unreachable")
        .assert_says("kubectl port-forward");
}

/// Makes a home with a password at hand, which nobody should get.
fn home() -> Sandbox {
    let home = Sandbox::new();
    let password = home.secret(dex::USER.password);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home
}

fn get(home: &Sandbox, server: &Server, more: &[&str]) -> Output {
    let origin = server.origin();
    let own = ["get", "--endpoint", &origin, "--username", dex::USER.login];
    home.run(&[&own, more].concat())
}
