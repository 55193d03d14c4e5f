//! Values that would break out of the line that they stand in, and every form read back by a real reader.

use kfp_credential::credential::{Cookie, Credential, ExpirySource, KnownEnd, Material};
use kfp_credential::protocol::document::{Answer, ConnectionView};
use kfp_credential::protocol::format::{Format, render};
use kfp_credential::protocol::request::ExecVersion;
use kfp_credential::secret::Secret;

use testkit::peers::{install, needs};

use super::*;

#[test]
fn a_certificate_authority_cannot_write_a_line_of_curls_configuration() {
    let thief = Server::start(|_| Response::text(200, "thank you"));
    let home = Sandbox::new();
    let token = home.secret("token-that-a-thief-wants");
    home.file("token", &token);
    // In YAML, `\n` inside double quotes is a line end.
    let evil = format!("ca.pem\\\"\\nurl = \\\"{}\\\"\\n#", thief.origin());
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a\n    endpoint: http://localhost:1\n    \
         certificate-authority: \"{evil}\"\n    token-file: {{path: ~/token}}\n"
    ));
    for form in ["curl-config", "json", "headers", "env", "token"] {
        home.run(&["get", "--context", "a", "-o", form])
            .assert_error(3, "config-invalid")
            .assert_says("certificate-authority");
    }
    let option = evil.replace("\\n", "\n").replace("\\\"", "\"");
    let output = home.run(&[
        "get",
        "-o",
        "curl-config",
        "--token-file",
        "token",
        "--certificate-authority",
        &option,
    ]);
    output.assert_error(3, "config-invalid");
}

#[test]
fn a_control_character_in_the_configuration_is_told_with_its_key() {
    let home = Sandbox::new();
    home.secret("5ecret-part");
    for (line, key) in [
        (r#"namespace: "5ecret-part\nb""#, "namespace"),
        (r#"namespace: "5ecret-part\x9b""#, "namespace"),
        (
            r#"certificate-authority: "5ecret-part\0""#,
            "certificate-authority",
        ),
        (r#"proxy-url: "http://5ecret-part\n@h""#, "proxy-url"),
        (r#"tls-server-name: "5ecret-part\t""#, "tls-server-name"),
        (r#"headers: {X-A: "5ecret-part\r\nX-B: 1"}"#, "headers"),
        (r#"headers: {X-A: ""}"#, "headers"),
        (r#"headers: {X-A: {file: "5ecret-part\n"}}"#, "headers"),
        (r#"servers: ["https://5ecret-part\n"]"#, "servers"),
        (r#"dex: {username: "5ecret-part\x1b[31m"}"#, "dex.username"),
        (r#"dex: {connector: "5ecret-part\u2028"}"#, "dex.connector"),
        (
            r#"dex: {login-origins: ["https://5ecret-part\n"]}"#,
            "dex.login-origins",
        ),
        (r#"iap: {client-id: "5ecret-part\n"}"#, "iap.client-id"),
        (r#"iap: {account: "5ecret-part\n"}"#, "iap.account"),
        (
            r#"gcp: {token-uri: "https://5ecret-part\n"}"#,
            "gcp.token-uri",
        ),
        (
            r#"gcp: {service-account: {impersonate: "5ecret-part\n"}}"#,
            "impersonate",
        ),
        (r#"token-file: {path: "5ecret-part\n"}"#, "token-file.path"),
        (
            r#"token-file: {audience: "5ecret-part\n"}"#,
            "token-file.audience",
        ),
    ] {
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a\n    endpoint: http://localhost:1\n    {line}\n"
        ));
        for args in [&["config", "validate"][..], &["get", "--context", "a"]] {
            home.run(args)
                .assert_error(3, "config-invalid")
                .assert_says(key);
        }
    }
    // A program's arguments are no lines of ours.
    home.config(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n  - name: a\n    endpoint: http://localhost:1\n    \
         dex: {username: u, password: {command: [sh, -c, \"echo a\\necho b\"]}}\n",
    );
    home.run(&["config", "validate"]).assert_success();
}

#[test]
fn a_control_character_in_an_option_is_told_with_its_name() {
    let home = Sandbox::new();
    home.file("token", "opaque-token");
    for (option, variable) in [
        ("--namespace", "KFP_CREDENTIAL_NAMESPACE"),
        (
            "--certificate-authority",
            "KFP_CREDENTIAL_CERTIFICATE_AUTHORITY",
        ),
        ("--audience", "KFP_CREDENTIAL_AUDIENCE"),
        ("--endpoint", "KFP_CREDENTIAL_ENDPOINT"),
        ("--proxy-url", "KFP_CREDENTIAL_PROXY_URL"),
    ] {
        let get = ["get", "--token-file", "token"];
        home.run(&[&get[..], &[option, "a\nb"]].concat())
            .assert_error(3, "config-invalid")
            .assert_says(option);
        let run = home.command(&get).env(variable, "a\u{85}b").run();
        run.assert_error(3, "config-invalid").assert_says(option);
    }
}

#[test]
fn a_control_character_in_what_others_wrote_is_nobodys_name() {
    let home = Sandbox::new();
    let claims = json!({"exp": 4_000_000_000_u64, "sub": "evil\u{1b}]0;name\n"});
    let token = home.secret(made_up_jwt(&claims));
    home.file("token", &token);
    home.file(".config/kfp/context.json", r#"{"namespace":"team\na"}"#);
    let output = home.run(&["get", "--token-file", "token"]).assert_success();
    let kfp = &output.json()["status"]["kfp"];
    assert_eq!(
        (&kfp["principal"], &kfp["namespace"]),
        (&Value::Null, &Value::Null)
    );
    let output = home.run(&["status", "--token-file", "token"]);
    assert!(!output.assert_success().stdout.contains('\u{1b}'));
}

// ------------------------------------------------------------- round trips

/// Values with every mark that some reader gives a meaning to.
const ODD: [&str; 8] = [
    r"all!",
    r#"a"b'c\d`e$f$(g)${h}"#,
    r"'; url = http://127.0.0.1:1 #",
    r#"\" url = "x"#,
    "%41%0d%0a+&=?<>|*~[]{}^",
    "a  b   c",
    r"\n\r\t\x0a\\",
    "-o @/etc/passwd",
];

fn answer_of(material: Material) -> (Credential, ConnectionView) {
    let end = KnownEnd {
        at: chrono::Utc::now() + chrono::TimeDelta::hours(2),
        source: ExpirySource::MaxAge,
    };
    let credential = Credential::new(material, None, chrono::Utc::now(), Some(end), None);
    (credential, ConnectionView::default())
}

fn printed(
    credential: &Credential,
    connection: ConnectionView,
    extra: &[(&str, &str)],
    proxy: Option<&str>,
    format: Format,
) -> String {
    let extra = extra.iter();
    let answer = Answer {
        credential,
        context: Some("a 'b' \"c\""),
        endpoint: "http://127.0.0.1:9/pipe'line".into(),
        namespace: Some("team'; exit 7 #"),
        bearer_header: "Authorization",
        extra_headers: extra
            .map(|(name, value)| ((*name).into(), Secret::new(*value)))
            .collect(),
        connection,
        proxy_with_secrets: proxy.map(Secret::new),
        now: chrono::Utc::now(),
    };
    let text = render(&answer, format, ExecVersion::V1).expect("a form");
    text.expose().to_owned()
}

fn cookie(name: &str, value: &str, host_only: bool, http_only: bool) -> Cookie {
    Cookie {
        name: name.into(),
        value: Secret::new(value),
        domain: "127.0.0.1".into(),
        host_only,
        path: "/".into(),
        secure: false,
        http_only,
        expires: None,
    }
}

/// Runs a program with this text on stdin.
#[track_caller]
fn fed(program: &str, args: &[&str], text: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).expect("a reader");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{program}: {output:?}\n{text}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn curl_reads_headers_and_its_configuration_as_they_were_meant() {
    needs!(install::program("curl", "curl"));
    let server = Server::start(|_| Response::text(200, "ok"));
    for odd in ODD {
        let (credential, connection) = answer_of(Material::Bearer(Secret::new(format!("t{odd}"))));
        let extra = [("X-Odd", odd), ("#odd!$%&'*+-.^_`|~", "name")];
        for (format, option) in [(Format::Headers, "-H@-"), (Format::CurlConfig, "-K-")] {
            server.clear();
            let text = printed(&credential, connection.clone(), &extra, None, format);
            fed("curl", &["-q", "-sS", option, &server.origin()], &text);
            let heard = server.requests();
            assert_eq!(heard.len(), 1, "{text}");
            let heard = &heard[0];
            assert_eq!(
                heard.header("authorization"),
                Some(&*format!("Bearer t{odd}")),
                "{text}"
            );
            assert_eq!(heard.header("x-odd"), Some(odd), "{text}");
            assert_eq!(heard.header("#odd!$%&'*+-.^_`|~"), Some("name"), "{text}");
            assert_eq!(heard.path(), "/");
        }
    }
}

#[test]
fn curl_goes_the_way_that_its_configuration_says() {
    needs!(install::program("curl", "curl"));
    let ca = TestCa::generate();
    let server = Server::start_tls(&ca, &["127.0.0.1"], |_| Response::text(200, "ok"));
    let home = Sandbox::new();
    let file = home.file(r#"a "b" \n 'c' $d.pem"#, ca.pem());
    let (credential, _) = answer_of(Material::Bearer(Secret::new("token")));
    let connection = ConnectionView {
        certificate_authority: Some(file.to_string_lossy().into_owned()),
        ..ConnectionView::default()
    };
    let text = printed(&credential, connection, &[], None, Format::CurlConfig);
    fed("curl", &["-q", "-sS", "-K-", &server.origin()], &text);
    assert_eq!(server.requests().len(), 1);

    let proxy = Server::start(|_| Response::text(200, "ok"));
    let url = format!("http://us%22er:p%5C%22w@127.0.0.1:{}", proxy.port());
    let text = printed(
        &credential,
        ConnectionView::default(),
        &[],
        Some(&url),
        Format::CurlConfig,
    );
    fed(
        "curl",
        &[
            "-q",
            "-sS",
            "-K-",
            "--noproxy",
            "",
            "http://kf.example.com/",
        ],
        &text,
    );
    let heard = proxy.requests();
    // us"er:p\"w
    assert_eq!(
        heard[0].header("proxy-authorization"),
        Some("Basic dXMiZXI6cFwidw==")
    );
}

#[test]
fn a_shell_reads_the_variables_as_they_were_meant() {
    let script = r#"eval "$(cat)" && printf '%s\n' "$KF_PIPELINES_ENDPOINT" "$KFP_NAMESPACE" "$KFP_EXISTING_TOKEN$KFP_CREDENTIAL_COOKIE""#;
    for odd in ODD {
        let bearer = answer_of(Material::Bearer(Secret::new(odd))).0;
        let cookies = answer_of(Material::Cookies(vec![cookie(
            "n",
            &odd.replace(';', ","),
            true,
            true,
        )]))
        .0;
        let cookie = format!("n={}", odd.replace(';', ","));
        for (credential, value) in [(bearer, odd.to_owned()), (cookies, cookie)] {
            let text = printed(
                &credential,
                ConnectionView::default(),
                &[],
                None,
                Format::Env,
            );
            for shell in ["sh", "bash"] {
                let said = fed(shell, &["-c", script], &text);
                let expected = format!("http://127.0.0.1:9/pipe'line\nteam'; exit 7 #\n{value}\n");
                assert_eq!(said, expected, "{shell}\n{text}");
            }
        }
    }
}

#[test]
fn python_and_curl_read_the_jar_and_the_document_as_they_were_meant() {
    needs!(install::program("curl", "curl"));
    needs!(install::program("python3", "python3"));
    let server = Server::start(|_| Response::text(200, "ok"));
    let home = Sandbox::new();
    let (mut jars, mut documents) = (Vec::new(), Vec::new());
    let odds = ODD.map(|odd| odd.replace(';', ","));
    for (number, odd) in odds.iter().enumerate() {
        let cookies = vec![
            cookie("plain", odd, true, false),
            cookie("s_0", &format!("x{odd}"), true, true),
        ];
        let credential = answer_of(Material::Cookies(cookies)).0;
        let text = printed(
            &credential,
            ConnectionView::default(),
            &[],
            None,
            Format::Netscape,
        );
        let jar = home.file(&format!("jar-{number}"), &text);
        let jar = jar.to_string_lossy().into_owned();
        server.clear();
        fed("curl", &["-q", "-sS", "-b", &jar, &server.origin()], "");
        assert_eq!(
            server.requests()[0].cookie("plain"),
            Some(odd.as_str()),
            "{text}"
        );
        jars.push((jar, text));
        documents.push(printed(
            &credential,
            ConnectionView::default(),
            &[("X-Odd", odd)],
            None,
            Format::Json,
        ));
    }

    // One Python for all of them, as its start is what takes time.
    let script = "import http.cookiejar, json, sys\n\
        for name in sys.argv[1:]:\n\
        \x20 jar = http.cookiejar.MozillaCookieJar(name)\n\
        \x20 jar.load()\n\
        \x20 print(json.dumps([[c.name, c.value, c.domain, c.path, c.secure, c.is_expired()] for c in jar]))\n";
    let names = jars.iter().map(|(jar, _)| jar.as_str());
    let read = fed(
        "python3",
        &["-c", script].into_iter().chain(names).collect::<Vec<_>>(),
        "",
    );
    let read: Vec<Value> = lines_of_json(&read);
    assert_eq!(read.len(), odds.len());
    for ((rows, odd), (_, text)) in read.iter().zip(&odds).zip(&jars) {
        let row = |name: &str, value: &str| json!([name, value, "127.0.0.1", "/", false, false]);
        let expected = [row("plain", odd), row("s_0", &format!("x{odd}"))];
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 2, "{text}");
        assert!(
            expected.iter().all(|row| rows.contains(row)),
            "{rows:?}\n{text}"
        );
    }

    let script = "import json, sys\n\
        for text in sys.stdin.read().split('\\0'):\n\
        \x20 print(json.dumps(json.loads(text)))\n";
    let same = fed("python3", &["-c", script], &documents.join("\0"));
    let read = lines_of_json(&same);
    assert_eq!(read.len(), odds.len());
    for ((read, odd), text) in read.iter().zip(&odds).zip(&documents) {
        assert_eq!(*read, serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(read["status"]["headers"]["X-Odd"][0], odd.as_str());
        assert_eq!(read["status"]["cookies"][0]["value"], odd.as_str());
    }
}

fn lines_of_json(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}
