//! Every option, and the variable that stands in for it.

use super::*;

#[test]
fn every_option_is_a_variable_too_and_the_option_wins() {
    let world = World::new();
    let cases = world.cases();
    let known = options_of_get(&world.home);
    let tried: BTreeSet<String> = cases.iter().map(|case| case.option.to_owned()).collect();
    assert_eq!(
        tried, known,
        "an option is not tried here, or does not exist"
    );

    for case in &cases {
        let seen = |option: Option<&str>, variable: Option<&str>| {
            world.door.server.clear();
            let mut args = case.args.clone();
            args.extend(option.map(|value| format!("--{}={value}", case.option)));
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let name = format!(
                "KFP_CREDENTIAL_{}",
                case.option.to_uppercase().replace('-', "_")
            );
            let run = world.home.command(&args);
            let run = match variable {
                Some(value) => run.env(&name, value),
                None => run,
            };
            (case.observe)(&world, &run.run())
        };
        let [one, other] = [&case.values[0], &case.values[1]].map(String::as_str);
        let (of_one, of_other) = (seen(Some(one), None), seen(Some(other), None));
        assert_ne!(of_one, of_other, "--{} changes nothing", case.option);
        assert_eq!(
            seen(None, Some(one)),
            of_one,
            "the variable of --{}",
            case.option
        );
        assert_eq!(
            seen(None, Some(other)),
            of_other,
            "the variable of --{}",
            case.option
        );
        assert_eq!(
            seen(Some(one), Some(other)),
            of_one,
            "--{} wins",
            case.option
        );
        assert_eq!(
            seen(Some(one), Some("")),
            of_one,
            "an empty variable of --{}",
            case.option
        );
    }
}

#[test]
fn a_flags_variable_is_true_or_false() {
    let home = Sandbox::new();
    for name in [
        "NO_VERIFY",
        "INSECURE_SKIP_TLS_VERIFY",
        "ALLOW_INSECURE_HTTP",
    ] {
        let name = format!("KFP_CREDENTIAL_{name}");
        home.command(&["get", "--endpoint", "http://localhost"])
            .env(&name, "perhaps")
            .run()
            .assert_error(2, "usage")
            .assert_says(&name);
    }
}

#[test]
fn a_value_that_means_nothing_is_a_configuration_error() {
    let home = Sandbox::new();
    for (option, value) in [
        ("--endpoint", "kf.example.com"),
        ("--endpoint", "ftp://kf.example.com"),
        ("--endpoint", "https://kf.example.com/?a=b"),
        ("--method", "google"),
        ("--method", "DEX"),
        ("--store", "disk"),
        ("--proxy-url", "proxy:3128"),
        ("--timeout", "soon"),
        ("--timeout", "0s"),
    ] {
        let mut args = vec!["get", option, value];
        args.extend(
            (option != "--endpoint")
                .then_some(["--endpoint", "http://localhost"])
                .into_iter()
                .flatten(),
        );
        home.run(&args)
            .assert_error(3, "config-invalid")
            .assert_says(option);
    }
}

#[test]
fn a_secret_in_a_url_is_not_repeated() {
    let home = Sandbox::new();
    home.secret("secret-in-a-url");
    for (name, value) in [
        ("ENDPOINT", "https://user:secret-in-a-url@kf.example.com"),
        ("ENDPOINT", "https://kf.example.com/?token=secret-in-a-url"),
        ("ENDPOINT", "secret-in-a-url"),
        ("PROXY_URL", "ftp://user:secret-in-a-url@proxy"),
        ("PROXY_URL", "http://user:secret-in-a-url@"),
    ] {
        home.command(&["get", "--method", "none", "-v"])
            .env("KFP_CREDENTIAL_ENDPOINT", "http://localhost")
            .env(&format!("KFP_CREDENTIAL_{name}"), value)
            .run()
            .assert_error(3, "config-invalid");
    }
}

/// Is what the options of the big table are tried on.
struct World {
    home: Sandbox,
    door: FrontDoor,
    proxy: Server,
    hanging: Server,
}

/// Is an option with two values, a run that it changes, and what shows that.
struct Case {
    option: &'static str,
    values: [String; 2],
    args: Vec<String>,
    observe: fn(&World, &Output) -> String,
}

impl World {
    fn new() -> Self {
        let home = Sandbox::new();
        home.file("right", PASSWORD);
        home.file("wrong", "not this one");
        home.file("token", service_account_token(AUDIENCE, 3600));
        home.file("other-token", "another-opaque-token");
        for name in ["a.pem", "b.pem"] {
            home.file(name, TestCa::generate().pem());
        }
        home.config(
            "apiVersion: kfp-credential/v1\nkind: Config\ncurrent-context: a\ncontexts:\n\
             \x20 - name: a\n    endpoint: https://a.example.com\n    token-file: {path: ~/token}\n\
             \x20 - name: b\n    endpoint: https://b.example.com\n    token-file: {path: ~/token}\n",
        );
        let login = r#"{"other_client_id":"d","other_client_secret":"s","refresh_token":"r"}"#;
        fs::create_dir_all(home.home().join(".config/kfp")).expect("the SDK's folder");
        home.file(
            ".config/kfp/credentials.json",
            format!(r#"{{"iap-a":{login},"iap-b":{login}}}"#),
        );
        home.file(
            "other.yaml",
            "apiVersion: kfp-credential/v1\nkind: Config\n",
        );
        let users = [USER, "second@example.com"].map(|user| (user.to_owned(), PASSWORD.to_owned()));
        let connectors = ["local", "staff"].map(|id| (id.to_owned(), Connector::Password));
        let door = FrontDoor::start(Options {
            users: users.into_iter().collect(),
            connectors: connectors.into_iter().collect(),
            ..Options::default()
        });
        let origin = door.origin();
        let proxy = Server::start(move |request| {
            let mut inside = request.clone();
            let path = request.path().to_owned();
            inside.target = match request.query_string() {
                "" => path,
                query => format!("{path}?{query}"),
            };
            forward(&inside, &origin)
        });
        Self {
            home,
            door,
            proxy,
            hanging: Server::start(|_| Response::hang()),
        }
    }

    fn cases(&self) -> Vec<Case> {
        let flag = ["true", "false"];
        let mut cases = vec![
            case(
                "config",
                [".config/kfp-credential/config.yaml", "other.yaml"],
                "config view",
                |_, output| output.stdout.clone(),
            ),
            case("context", ["a", "b"], "get", |_, output| {
                at(output, "/status/kfp/context")
            }),
            case(
                "endpoint",
                ["https://c.example.com", "https://d.example.com/pipeline"],
                "get --token-file token",
                |_, output| at(output, "/status/kfp/endpoint"),
            ),
            case(
                "method",
                ["dex", "none"],
                "status -o json --endpoint http://localhost:1",
                |_, output| at(output, "/0/method"),
            ),
            case("namespace", ["team-a", "team-b"], "get", |_, output| {
                at(output, "/status/kfp/namespace")
            }),
            case(
                "token-file",
                ["token", "other-token"],
                "get --endpoint https://c.example.com",
                |_, output| at(output, "/status/token"),
            ),
            case(
                "client-id",
                ["iap-a", "iap-b"],
                "export - --endpoint https://c.example.com",
                |_, output| output.stdout.clone(),
            ),
            case(
                "issuer",
                ["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"],
                "get --endpoint http://localhost:1 --client-id c --grant client-credentials --client-secret-file right",
                |_, output| output.stderr.lines().next().unwrap_or_default().to_owned(),
            ),
            case(
                "grant",
                ["device-code", "client-credentials"],
                "get --endpoint http://localhost:1 --method oidc --client-id c",
                |_, output| slug(output),
            ),
            case(
                "client-secret-file",
                ["missing-a", "missing-b"],
                "get --endpoint http://localhost:1 --method oidc --client-id c --grant client-credentials",
                |_, output| output.stderr.lines().next().unwrap_or_default().to_owned(),
            ),
            case(
                "audience",
                [AUDIENCE, "somebody-else"],
                "get",
                |_, output| slug(output),
            ),
            case(
                "certificate-authority",
                ["a.pem", "b.pem"],
                "get",
                |_, output| at(output, "/status/kfp/connection/certificateAuthority"),
            ),
            case("insecure-skip-tls-verify", flag, "get", |_, output| {
                at(output, "/status/kfp/connection/insecureSkipTlsVerify")
            }),
            case(
                "proxy-url",
                ["http://one:1", "http://two:2"],
                "get",
                |_, output| at(output, "/status/kfp/connection/proxyUrl"),
            ),
            case(
                "timeout",
                ["300ms", "600ms"],
                &format!("get --endpoint {}", self.hanging.origin()),
                |_, output| output.stderr.lines().next().unwrap_or_default().to_owned(),
            ),
        ];
        cases.extend(self.login_cases());
        cases
    }

    /// Lists the options that only a login shows.
    fn login_cases(&self) -> Vec<Case> {
        let door = self.door.endpoint();
        let login = format!("get --endpoint {door} --username {USER} --password-file right");
        let by_proxy = format!(
            "get --endpoint http://kf.example.com/pipeline --username {USER} --password-file right --proxy-url {}",
            self.proxy.origin()
        );
        let flag = ["true", "false"];
        vec![
            case(
                "username",
                [USER, "second@example.com"],
                &format!("get --endpoint {door} --password-file right"),
                |_, output| at(output, "/status/kfp/principal"),
            ),
            case(
                "password-file",
                ["right", "wrong"],
                &format!("get --endpoint {door} --username {USER}"),
                |_, output| slug(output),
            ),
            case("connector", ["local", "staff"], &login, |world, _| {
                let hops = world.door.server.hops();
                hops.into_iter()
                    .filter(|hop| hop.starts_with("POST"))
                    .collect()
            }),
            case("allow-insecure-http", flag, &by_proxy, |_, output| {
                slug(output)
            }),
            case(
                "store",
                ["file", "none"],
                &format!("status -o json --endpoint {door} --method dex"),
                |_, output| at(output, "/0/store"),
            ),
            case("no-verify", flag, &login, |world, _| {
                let hops = world.door.server.hops();
                hops.iter().any(|hop| hop.contains("healthz")).to_string()
            }),
        ]
    }
}

fn case(
    option: &'static str,
    values: [&str; 2],
    args: &str,
    observe: fn(&World, &Output) -> String,
) -> Case {
    Case {
        option,
        values: values.map(str::to_owned),
        args: args.split(' ').map(str::to_owned).collect(),
        observe,
    }
}

/// Lists what `get` takes that stands in for something in the configuration.
fn options_of_get(home: &Sandbox) -> BTreeSet<String> {
    // The last two show only in a browser: google_user.rs.
    const ITS_OWN: [&str; 8] = [
        "output",
        "refresh",
        "min-ttl",
        "interactive",
        "verbose",
        "help",
        "other-client-id",
        "other-client-secret-file",
    ];
    let help = home.run(&["get", "--help"]).assert_success();
    let lines = help
        .stdout
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'));
    let names = lines
        .filter_map(|line| line.split_once("--"))
        .map(|(_, rest)| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '-');
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
    names
        .filter(|name| !ITS_OWN.contains(&name.as_str()))
        .collect()
}

fn at(output: &Output, pointer: &str) -> String {
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
    document
        .pointer(pointer)
        .map(Value::to_string)
        .unwrap_or_default()
}

/// Returns how a run ended: the slug of its error, or nothing.
fn slug(output: &Output) -> String {
    let first = output.stderr.split(']').next().unwrap_or_default();
    first.split('[').nth(1).unwrap_or_default().to_owned()
}
