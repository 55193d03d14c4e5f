//! The method `token-file`: what is read, and every fault with its name.

use super::*;

#[test]
fn a_token_file_alone_is_enough() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token("somebody", 600));
    home.file("token", format!("{token}\n"));
    let output = home.run(&["get", "--token-file", "token"]).assert_success();
    let status = &output.json()["status"];
    assert_eq!(status["token"], token.as_str());
    assert_eq!(
        status["headers"]["Authorization"][0],
        format!("Bearer {token}")
    );
    assert_eq!(status["kfp"]["type"], "bearer");
    assert_eq!(status["kfp"]["expirySource"], "jwt");
    assert_eq!(
        status["kfp"]["principal"],
        "system:serviceaccount:team-a:default-editor"
    );
    assert_eq!(status["kfp"]["endpoint"], "http://ml-pipeline-ui.kubeflow");
}

/// Makes a home with a projected token, as a pod has one.
fn pod() -> (Sandbox, String) {
    let home = Sandbox::new();
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    let file = home.file("projected", &token);
    home.env("KF_PIPELINES_SA_TOKEN_PATH", &file.to_string_lossy());
    (home, token)
}

#[test]
fn in_a_pod_nothing_need_be_said() {
    let (home, token) = pod();
    let output = home.run(&["get"]).assert_success();
    assert_eq!(output.json()["status"]["token"], token.as_str());
    assert_eq!(
        home.run(&["get", "-o", "token"]).assert_success().stdout,
        token + "\n"
    );

    // A public endpoint gets no token that nobody has named for it.
    let public = [
        "status",
        "-o",
        "json",
        "--endpoint",
        "https://kf.example.com",
    ];
    let output = home.run(&public).assert_success();
    assert_eq!(output.json()[0]["method"], "auto");

    let wrong = home.secret(service_account_token(
        "https://kubernetes.default.svc",
        3600,
    ));
    home.file("projected", &wrong);
    home.run(&["get"])
        .assert_error(3, "token-file-audience")
        .assert_says("https://kubernetes.default.svc")
        .assert_says(AUDIENCE);
}

#[test]
fn every_fault_of_a_token_file_has_its_own_name() {
    let home = Sandbox::new();
    let expired = home.secret(service_account_token(AUDIENCE, -10));
    let elsewhere = home.secret(service_account_token("https://kubernetes.default.svc", 600));
    let nobody = home.secret(made_up_jwt(&json!({"exp": 4_000_000_000_u64})));
    fs::create_dir(home.home().join("folder")).unwrap();
    home.secret("two tokens");
    for (contents, slug, words) in [
        (None, "token-file-missing", "PodDefault"),
        (Some(Vec::new()), "token-file-empty", ""),
        (Some(b" \r\n\n".to_vec()), "token-file-empty", ""),
        (
            Some(b"two tokens".to_vec()),
            "token-file-invalid",
            "more than one",
        ),
        (Some(b"one\nX-Evil: 1".to_vec()), "token-file-invalid", ""),
        (Some(b"esc\x1b[31m".to_vec()), "token-file-invalid", ""),
        (Some("t\u{f6}ken".into()), "token-file-invalid", ""),
        (Some(vec![0xff, 0xfe]), "token-file-invalid", ""),
        (
            Some(vec![b'a'; 1024 * 1024 + 1]),
            "token-file-unreadable",
            "larger than",
        ),
        (
            Some(expired.into_bytes()),
            "token-file-expired",
            "expired at 20",
        ),
        (
            Some(elsewhere.into_bytes()),
            "token-file-audience",
            "kubeflow-pipelines-api-token",
        ),
        (Some(nobody.into_bytes()), "token-file-audience", AUDIENCE),
    ] {
        let path = home.home().join("token");
        fs::remove_file(&path).ok();
        if let Some(contents) = contents {
            home.file("token", contents);
        }
        home.run(&["get", "--token-file", "token", "--audience", AUDIENCE])
            .assert_error(3, slug)
            .assert_says(words)
            .assert_says("token");
    }
    home.run(&["get", "--token-file", "folder"])
        .assert_error(3, "token-file-unreadable")
        .assert_says("folder/token");
    home.run(&["get", "--token-file", "token/below"])
        .assert_error(3, "token-file-unreadable");
}

#[test]
fn the_audience_hints_name_the_ways_to_a_right_token() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token("https://kubernetes.default.svc", 600));
    home.file("token", token);
    home.run(&["get", "--token-file", "token", "--audience", AUDIENCE])
        .assert_error(3, "token-file-audience")
        .assert_says("volume")
        .assert_says("PodDefault")
        .assert_says("kubeflow-pipelines-api-token")
        .assert_says("ServiceAccount")
        .assert_says("kubeflow-edit");
}

#[test]
fn an_audience_is_checked_where_it_is_known() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token("somebody", 600));
    home.file("token", &token);
    let read = |args: &[&str]| home.run(&[&["get", "--token-file", "token"], args].concat());
    read(&[]).assert_success();
    read(&["--audience", "somebody"]).assert_success();
    read(&["--audience", "else"]).assert_error(3, "token-file-audience");

    home.config(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: strict\n    \
         endpoint: https://kf.example.com\n    token-file: {path: ~/token, audience: else}\n",
    );
    home.run(&["get", "--context", "strict"])
        .assert_error(3, "token-file-audience");
    home.run(&["get", "--context", "strict", "--audience", "somebody"])
        .assert_success();
}

#[test]
fn a_token_without_an_end_gets_the_assumed_hour() {
    let home = Sandbox::new();
    let token = home.secret("opaque-token-of-somebody");
    home.file("token", format!("\u{feff}  {token}\r\n"));
    let output = home.run(&["get", "--token-file", "token"]).assert_success();
    let status = &output.json()["status"];
    assert_eq!(status["token"], token.as_str());
    assert_eq!(status["kfp"]["expirySource"], "assumed");
}

#[test]
fn a_pipe_in_the_files_place_is_read() {
    let home = Sandbox::new();
    let token = home.secret("token-out-of-a-pipe");
    let pipe = home.home().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let writer = std::thread::spawn({
        let (pipe, token) = (pipe.clone(), token.clone());
        move || fs::write(pipe, token)
    });
    let output = home
        .run(&["get", "-o", "token", "--token-file", "pipe"])
        .assert_success();
    assert_eq!(output.stdout, token + "\n");
    writer.join().unwrap().unwrap();
}

#[test]
fn a_token_behind_a_symbolic_link_is_read_as_kubernetes_mounts_it() {
    let home = Sandbox::new();
    let token = home.secret("token-in-a-projected-volume");
    home.file("volume/..2026_11_22/token", &token);
    let volume = home.home().join("volume");
    std::os::unix::fs::symlink("..2026_11_22", volume.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/token", volume.join("token")).unwrap();
    let output = home.run(&["get", "-o", "token", "--token-file", "volume/token"]);
    assert_eq!(output.assert_success().stdout, token + "\n");
}

// ------------------------------------------------ what login and status say of it

#[test]
fn a_login_tries_the_token_of_a_file_at_its_endpoint() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    home.file("token", &token);
    let door = FrontDoor::start(Options {
        bearer_tokens: vec![token.clone()],
        ..Options::default()
    });
    let login = |more: &[&str]| {
        let endpoint = door.endpoint();
        let login = ["login", "--token-file", "token", "--endpoint", &endpoint];
        home.run(&[&login[..], more].concat())
    };
    login(&[]).assert_success().assert_says(
        "accepts the token in token as system:serviceaccount:team-a:default-editor, until 20",
    );
    let asked = door.server.requests();
    let bearer = format!("Bearer {token}");
    assert!(!asked.is_empty());
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization") == Some(&bearer))
    );

    let garbage = home.secret("garbage-in-a-file");
    home.file("token", &garbage);
    let refused = login(&[]).assert_error(5, "login-not-accepted");
    let refused = refused.assert_says("the token in token is not accepted");
    let refused = refused.assert_says("not a JWT");
    assert!(
        !refused.stderr.contains("good until"),
        "{}",
        refused.shown()
    );

    door.server.clear();
    login(&["--no-verify"])
        .assert_success()
        .assert_says("opaque")
        .assert_says("assumed")
        .assert_says("Not verified with the endpoint");
    assert!(door.server.requests().is_empty());

    // An answer reads the file and contacts nobody.
    let endpoint = door.endpoint();
    let get = [
        "get",
        "-o",
        "token",
        "--token-file",
        "token",
        "--endpoint",
        &endpoint,
    ];
    assert_eq!(home.run(&get).assert_success().stdout, garbage + "\n");
    assert!(door.server.requests().is_empty());
}

#[test]
fn a_gateways_words_on_a_token_are_told() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    home.file("token", &token);
    for (status, words) in [
        (401, "Jwt issuer is not configured"),
        (401, "Jwt verification fails"),
        (403, "Audiences in Jwt are not allowed"),
        (403, "RBAC: access denied"),
    ] {
        let server = Server::start(move |_| Response::text(status, words));
        home.run(&[
            "login",
            "--token-file",
            "token",
            "--endpoint",
            &server.origin(),
        ])
        .assert_error(5, "login-not-accepted")
        .assert_says(words)
        .assert_says("https://kubernetes.default.svc.cluster.local")
        .assert_says(AUDIENCE);
    }
    // What is echoed is not shown (the sandbox looks for it).
    let echo = token.clone();
    let server = Server::start(move |_| Response::text(401, format!("who is {echo}?")));
    home.run(&[
        "login",
        "--token-file",
        "token",
        "--endpoint",
        &server.origin(),
    ])
    .assert_error(5, "login-not-accepted");
}

#[test]
fn a_health_answer_alone_does_not_vouch_for_a_token() {
    let home = Sandbox::new();
    let token = home.secret(service_account_token(AUDIENCE, 3600));
    home.file("token", &token);
    let login = |server: &Server| {
        let origin = server.origin();
        home.run(&["login", "--token-file", "token", "--endpoint", &origin])
    };
    let refusing = Server::start(|request| MultiUser::knows_nobody().answer(request));
    login(&refusing)
        .assert_error(5, "login-not-accepted")
        .assert_says("there is no user identity header");
    let taking = Server::start(|request| MultiUser::takes_bearers().answer(request));
    login(&taking)
        .assert_success()
        .assert_says("accepts the token");
}

#[test]
fn a_token_is_tried_over_no_way_that_others_can_listen_on() {
    let home = Sandbox::new();
    home.file("token", service_account_token(AUDIENCE, 3600));
    let open = [
        "login",
        "--token-file",
        "token",
        "--endpoint",
        "http://kf.example.com",
    ];
    home.run(&open).assert_error(3, "config-insecure-http");
    // Inside a cluster plain http is all there is; nobody answers here.
    home.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let inside = ["login", "-v", "--timeout", "3s", "--token-file", "token"];
    home.run(&inside)
        .assert_success()
        .assert_says("there is a token in token")
        .assert_says("Not verified with the endpoint");
}

#[test]
fn status_says_of_a_token_file_that_it_is_not_tried_and_what_is_assumed() {
    let home = Sandbox::new();
    let garbage = home.secret("garbage-in-a-file");
    home.file("token", &garbage);
    let status = home
        .run(&["status", "--token-file", "token"])
        .assert_success();
    for words in ["not tried", "opaque", "assumed"] {
        assert!(status.stdout.contains(words), "{words}\n{}", status.shown());
    }
    assert!(!status.stdout.contains("logged in"), "{}", status.shown());
    let status = home.run(&["status", "-o", "json", "--token-file", "token"]);
    assert_eq!(status.assert_success().json()[0]["state"], "not tried");
}

#[test]
fn a_name_that_looks_like_a_clusters_gets_no_token_unasked() {
    let (home, _) = pod();
    let method = |endpoint: &str| {
        let told = home.run(&["status", "-o", "json", "--endpoint", endpoint]);
        let told = told.assert_success().json();
        told[0]["method"].as_str().unwrap_or_default().to_owned()
    };
    // Not even in a pod.
    for pod in [None, Some("10.96.0.1")] {
        if let Some(address) = pod {
            home.env("KUBERNETES_SERVICE_HOST", address);
        }
        for endpoint in [
            "http://ml-pipeline-demo.com",
            "http://ml-pipelines.com",
            "http://ml-pipeline-ui.kubeflow.",
            "http://com.",
        ] {
            assert_eq!(method(endpoint), "auto", "{endpoint}, {pod:?}");
        }
    }
    for endpoint in [
        "http://ml-pipeline-ui.kubeflow",
        "http://ml-pipeline.kubeflow:8888",
    ] {
        assert_eq!(method(endpoint), "token-file", "{endpoint}");
        home.env_remove("KUBERNETES_SERVICE_HOST");
        assert_eq!(method(endpoint), "auto", "{endpoint}");
        home.env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    }
}
