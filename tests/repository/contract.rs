//! Holds the contract in `protocol/` and the code together: what the binary prints is what the schemas, the READMEs
//! and the table of errors say.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use testkit::contract::{assert_valid, closed, compiled, plain_exec_credential, read, read_json};
use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::http::Server;
use testkit::kfp_api;
use testkit::sandbox::Sandbox;

#[test]
fn a_document_of_each_type_follows_the_schema_to_the_letter() {
    let schema = closed(read_json("protocol/document.schema.json"));
    let door = FrontDoor::start(Options::default());
    let standalone = Server::start(kfp_api::standalone);
    let sandbox = Sandbox::new();
    let token = sandbox.file(
        "token",
        kfp_api::service_account_token("pipelines.kubeflow.org", 3600),
    );
    sandbox.file("ca.pem", testkit::http::TestCa::generate().pem());
    sandbox.config(&format!(
        "apiVersion: kfp-credential/v1\n\
         kind: Config\n\
         contexts:\n\
         - name: cookie\n\
         \x20 endpoint: {}\n\
         \x20 namespace: team-a\n\
         \x20 headers: {{ X-Team: a }}\n\
         \x20 certificate-authority: ../../ca.pem\n\
         \x20 insecure-skip-tls-verify: true\n\
         \x20 dex: {{ username: {USER}, password: {{ env: PW }} }}\n\
         - name: bearer\n\
         \x20 endpoint: https://kubeflow.example.com/pipeline\n\
         \x20 proxy-url: http://user:secret@proxy.example.com:3128\n\
         \x20 tls-server-name: other.example.com\n\
         \x20 certificate-authority-data: QQ==\n\
         \x20 token-file: {{ path: {} }}\n\
         - name: none\n\
         \x20 endpoint: {}\n\
         \x20 none: {{}}\n",
        door.endpoint(),
        token.display(),
        standalone.origin(),
    ));
    for context in ["cookie", "bearer", "none"] {
        let run = sandbox
            .command(&["get", "--context", context])
            .env("PW", PASSWORD)
            .run();
        let document = run.assert_success().json();
        assert_valid(&schema, &document, context);
        assert_eq!(document["status"]["kfp"]["type"], context);
        assert!(
            !document.to_string().contains("secret"),
            "the proxy's password is in the document"
        );
    }
}

#[test]
fn the_schema_ties_what_a_document_carries_to_its_type() {
    let schema = compiled(&read_json("protocol/document.schema.json"));
    let time = "2026-11-22T22:38:36Z";
    let cookie = json!({
        "name": "a", "value": "b", "domain": "c", "hostOnly": true, "path": "/", "secure": true, "httpOnly": true,
    });
    for kind in ["bearer", "cookie", "none"] {
        for (has_token, has_cookies) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut document = json!({
                "apiVersion": "client.authentication.k8s.io/v1",
                "kind": "ExecCredential",
                "spec": {"interactive": false},
                "status": {"expirationTimestamp": time, "headers": {}, "kfp": {
                    "version": 1, "type": kind, "endpoint": "https://kubeflow.example.com",
                    "issuedAt": time, "expiresAt": time, "expirySource": "assumed",
                }},
            });
            if has_token {
                document["status"]["token"] = json!("a");
            }
            if has_cookies {
                document["status"]["cookies"] = json!([cookie]);
            }
            let fits = (has_token, has_cookies) == (kind == "bearer", kind == "cookie");
            assert_eq!(schema.is_valid(&document), fits, "{document:#}");
        }
    }
}

#[test]
fn every_json_block_of_the_readmes_follows_its_schema() {
    let full = closed(read_json("protocol/document.schema.json"));
    let exec = closed(read_json("protocol/exec.schema.json"));
    let plain = plain_exec_credential(read_json("protocol/document.schema.json"));
    let mut count = 0;
    for readme in ["README.md", "protocol/README.md"] {
        for block in fenced(&read(readme), "json") {
            let document: Value = serde_json::from_str(&block)
                .unwrap_or_else(|error| panic!("{readme}: {error}\n{block}"));
            if document.get("exec").is_some() {
                assert_valid(&exec, &document, readme);
            } else if document["status"].get("kfp").is_some() {
                assert_valid(&full, &document, readme);
            } else {
                assert_valid(&plain, &document, readme);
            }
            count += 1;
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn the_specifications_tables_name_every_field_of_the_schemas() {
    let specification = read("protocol/README.md");
    let document = read_json("protocol/document.schema.json");
    let mut expected = BTreeSet::new();
    fields(&document, "", &mut expected);
    let mut named = names_in_table(&specification, "## The document");
    for (short, whole) in [
        ("connection.", "status.kfp.connection."),
        ("kfp.", "status.kfp."),
    ] {
        named = named
            .into_iter()
            .map(|name| match name.strip_prefix(short) {
                Some(rest) => format!("{whole}{rest}"),
                None => name,
            })
            .collect();
    }
    // Rows that name a whole object stand for what a jar or the schema's own words tell.
    expected.retain(|name| !name.starts_with("status.cookies.") && name != "spec");
    expected.retain(|name| name != "status" && name != "status.kfp");
    assert_eq!(named, expected);

    let exec = read_json("protocol/exec.schema.json");
    let mut expected = BTreeSet::new();
    fields(&exec["properties"]["exec"], "", &mut expected);
    expected.retain(|name| !name.starts_with("env."));
    assert_eq!(
        names_in_table(&specification, "## Finding the helper"),
        expected
    );
}

#[test]
fn the_specifications_exit_codes_are_those_of_the_table_of_errors() {
    let specification = read("protocol/README.md");
    let table = section(&specification, "## Errors");
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let codes: Vec<&str> = cells[1].split(", ").collect();
        let meanings: Vec<&str> = cells[2].splitn(codes.len(), ", ").collect();
        if codes[0].parse::<u8>().is_ok() {
            rows.extend(codes.iter().zip(meanings).map(|(code, meaning)| {
                (
                    (*code).to_owned(),
                    meaning.replace("the helper", "kfp-credential"),
                )
            }));
        }
    }
    let table = read_json("protocol/errors.json");
    let expected = table["exitCodes"].as_object().unwrap();
    assert_eq!(rows.len(), expected.len());
    for (code, meaning) in rows {
        assert_eq!(expected[&code], meaning, "exit code {code}");
    }
}

#[test]
fn the_specification_says_when_a_client_makes_each_of_its_slugs() {
    let specification = read("protocol/README.md");
    let table = read_json("protocol/errors.json");
    for row in table["clientErrors"].as_array().unwrap() {
        let slug = row["slug"].as_str().unwrap();
        assert!(specification.contains(&format!("`{slug}`")), "{slug}");
    }
}

#[test]
fn the_exec_configuration_that_is_printed_and_written_follows_its_schema() {
    let schema = closed(read_json("protocol/exec.schema.json"));
    let sandbox = Sandbox::new();
    sandbox.config("apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n- name: team-a\n");
    let args = ["config", "exec", "--context", "team-a"];
    let printed = sandbox.run(&args).assert_success().json();
    assert_valid(&schema, &printed, "printed");
    let args = [args.as_slice(), &["--kfp-sdk"]].concat();
    drop(sandbox.run(&args).assert_success());
    let written = sandbox.home().join(".config/kfp/context.json");
    let written = std::fs::read_to_string(written).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_valid(&schema, &written, "written");
    for configuration in [printed, written] {
        assert_eq!(
            configuration["exec"]["args"],
            json!(["get", "--context", "team-a"])
        );
        assert!(configuration["exec"]["installHint"].is_string());
    }
}

#[test]
fn every_configuration_of_readme_and_guide_is_accepted_by_schema_and_program() {
    let schema = compiled(&read_json("protocol/config.schema.json"));
    let mut blocks = fenced(&read("README.md"), "yaml");
    assert_eq!(blocks.len(), 4);
    let guide = fenced(&read("protocol/guides/single-sign-on.md"), "yaml");
    assert_eq!(guide.len(), 2);
    blocks.extend(guide);
    for block in blocks {
        let value: Value = serde_saphyr::from_str(&block).unwrap();
        assert!(schema.is_valid(&value), "{block}");
        let sandbox = Sandbox::new();
        sandbox.config(&block);
        sandbox.run(&["config", "validate"]).assert_success();
    }
}

#[test]
fn every_key_that_the_program_reads_is_in_the_schema() {
    let schema = read_json("protocol/config.schema.json");
    let sandbox = Sandbox::new();
    sandbox.config(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n- name: a\n  unknown-key: 1\n",
    );
    let error = sandbox.run(&["config", "validate"]).stderr;
    let list = error
        .lines()
        .next()
        .and_then(|line| line.split("expected one of ").nth(1));
    let known: BTreeSet<String> = list.unwrap().split(", ").map(str::to_owned).collect();
    let described: BTreeSet<String> = schema["$defs"]["context"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(known, described);
}

#[test]
fn the_pod_of_the_volume_mounts_the_token_where_the_program_looks() {
    let pod: Value =
        serde_saphyr::from_str(&read("protocol/service-account-token-volume.yaml")).unwrap();
    let container = &pod["spec"]["containers"][0];
    let token = &pod["spec"]["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
    let mounted = Path::new(container["volumeMounts"][0]["mountPath"].as_str().unwrap())
        .join(token["path"].as_str().unwrap());
    assert_eq!(
        Some(mounted.to_str().unwrap()),
        container["env"][0]["value"].as_str()
    );
    assert_eq!(
        mounted,
        Path::new("/var/run/secrets/kubeflow/pipelines/token")
    );
    assert_eq!(token["audience"], "pipelines.kubeflow.org");
}

// ------------------------------------------------------------ helpers

/// Collects the paths of every property that a schema describes.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in properties {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        fields(property, &path, found);
        fields(&property["items"], &path, found);
        found.insert(path);
    }
}

fn section<'a>(markdown: &'a str, heading: &str) -> &'a str {
    let start = markdown.find(heading).expect("the heading");
    let text = &markdown[start + heading.len()..];
    &text[..text.find("\n## ").unwrap_or(text.len())]
}

/// Gives the names in backquotes in the first column of a section's tables.
fn names_in_table(markdown: &str, heading: &str) -> BTreeSet<String> {
    section(markdown, heading)
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next())
        .flat_map(|cell| cell.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

fn fenced(markdown: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in markdown.lines() {
        match (&mut block, line.trim_start()) {
            (None, start) if start == format!("```{language}") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(text), _) => text.push_str(&format!("{line}\n")),
            (None, _) => {}
        }
    }
    blocks
}
