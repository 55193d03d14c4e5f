//! What a Kubernetes client does with the binary, in the words of protocol/README.md's table.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Change, HelperRun, Scene, Script, V1, V1BETA1, holds, play};
use testkit::peers::Found;
use testkit::peers::kubernetes_clients::Client;

/// Is a row of the table: the cell of each column.
pub(crate) type Row = BTreeMap<&'static str, String>;

pub(crate) const EXEC_INFO: &str = "`KUBERNETES_EXEC_INFO`";
pub(crate) const FIRST: &str = "runs at the start";
pub(crate) const FAILURE: &str = "the helper fails";
pub(crate) const WORDS: &str = "its words";
pub(crate) const EXPIRY: &str = "at expiry";
pub(crate) const REJECTED: &str = "on 401";
pub(crate) const PARALLEL: &str = "5 parallel first requests";
pub(crate) const STDIN: &str = "stdin";
pub(crate) const STDERR: &str = "stderr on success";

pub(crate) const COLUMNS: [&str; 9] = [
    EXEC_INFO, FIRST, FAILURE, WORDS, EXPIRY, REJECTED, PARALLEL, STDIN, STDERR,
];

/// Runs a client through all scenes. What the binary owes every client is asserted here.
pub(crate) fn observe(client: &Client) -> Found<Row> {
    let mut row = Row::new();
    with_a_token(client, &mut row)?;
    with_failures(client, &mut row)?;
    with_exec_info_of_a_parent(client, &mut row)?;
    Ok(row)
}

// ------------------------------------------------------------------------- tokens

fn with_a_token(client: &Client, row: &mut Row) -> Found<()> {
    let scripts = [
        Script::new("plain", "get,get"),
        Script {
            who_runs_it: HelperRun::Printed,
            ..Script::new("printed", "get")
        },
        Script {
            who_runs_it: HelperRun::NotedV1beta1,
            ..Script::new("old-version", "get")
        },
        Script {
            context: "session-lifetime: 4m",
            ..Script::new("minutes", "get,get")
        },
        Script {
            second_request: Change::NewTokenAndOldOneRejected,
            ..Script::new("rejected", "get,get,get")
        },
        Script {
            env: &[("PAUSE", "0.3")],
            ..Script::new("parallel", "parallel:5")
        },
    ];
    let (scenes, stderr) = play(client.command()?, scripts, &[]);
    assert!(!stderr.contains("kfp-credential"), "{stderr}");
    let [plain, printed, old_version, minutes, rejected, parallel] = &scenes;
    for (scene, requests) in [(plain, 2), (printed, 1), (old_version, 1), (minutes, 2)] {
        assert_answered(scene, requests);
    }
    row.insert(EXEC_INFO, exec_info(plain, old_version));
    row.insert(FIRST, plain.visits[0].runs.to_string());
    assert_eq!(
        plain.visits[1].runs, plain.visits[0].runs,
        "runs again without need"
    );
    row.insert(STDIN, plain.runs[0].stdin.clone());
    row.insert(EXPIRY, at_expiry(&outliving_a_token(client)?, minutes));
    row.insert(REJECTED, on_401(rejected));
    assert_answered(parallel, 5);
    row.insert(PARALLEL, runs(parallel.runs.len()));
    Ok(())
}

/// Asserts that every request had the first token and was answered.
fn assert_answered(scene: &Scene, requests: usize) {
    let good = vec![json!({"status": 200, "pods": 1}); requests];
    assert_eq!(scene.answers, good);
    let tokens: Vec<_> = (0..requests).map(|visit| scene.token(visit)).collect();
    assert_eq!(tokens, vec![Some(0); requests]);
    assert_eq!(scene.visits.len(), requests);
}

fn exec_info(plain: &Scene, old_version: &Scene) -> String {
    let given = &plain.runs[0].exec_info;
    if given.is_null() {
        return "no".to_owned();
    }
    assert_eq!(given["apiVersion"], V1);
    assert_eq!(old_version.runs[0].exec_info["apiVersion"], V1BETA1);
    if given["spec"]["cluster"]["server"] == plain.origin {
        "yes, with the server".to_owned()
    } else {
        "yes".to_owned()
    }
}

/// Plays the scene in which the first token lives for 6 s; again where the machine was too busy to make two requests in
/// that time.
fn outliving_a_token(client: &Client) -> Found<Scene> {
    let script = Script {
        context: "session-lifetime: 6s",
        second_request: Change::NewToken,
        ..Script::new("seconds", "get,get,pause:6.2,get")
    };
    for _ in 0..3 {
        let ([scene], _) = play(client.command()?, [script], &[]);
        let between = scene.visits[1].at - scene.visits[0].at;
        if between < Duration::from_secs(2) {
            return Ok(scene);
        }
    }
    panic!("this machine is too busy to see a token expire");
}

/// A token lives for 6 s in the first scene, for 4 min in the second: a run between the first two requests shows how
/// early a client thinks that it ends.
fn at_expiry(seconds: &Scene, minutes: &Scene) -> String {
    let again_at_once = |scene: &Scene| scene.visits[1].runs > scene.visits[0].runs;
    assert_eq!((seconds.token(0), seconds.token(1)), (Some(0), Some(0)));
    assert_eq!(seconds.status(2), 200);
    let renewed = seconds.token(2) == Some(1);
    let words = match (renewed, again_at_once(seconds), again_at_once(minutes)) {
        (true, true, true) => "again, 5 min early",
        (true, true, false) => "again, 10 s early",
        (true, false, false) => "again",
        (false, false, false) => "nothing",
        strange => panic!("a client of strange times: {strange:?}"),
    };
    words.to_owned()
}

fn on_401(scene: &Scene) -> String {
    assert_eq!(scene.status(0), 200);
    let words = match (scene.status(1), scene.status(2)) {
        (200, 200) => "again, and repeats the request",
        (401, 200) => "again, for the next request",
        (401, 401) => "nothing",
        strange => panic!("strange answers: {strange:?}"),
    };
    words.to_owned()
}

fn runs(number: usize) -> String {
    format!("{number} run{}", if number == 1 { "" } else { "s" })
}

// ----------------------------------------------------------------------- failures

fn with_failures(client: &Client, row: &mut Row) -> Found<()> {
    const CHATTER: &str = "a word on stderr";
    let scripts = [
        Script {
            cookies: true,
            ..Script::new("cookies", "get")
        },
        Script {
            listed: false,
            ..Script::new("unlisted", "get")
        },
        Script {
            env: &[("WORDS", CHATTER)],
            ..Script::new("chatter", "get")
        },
    ];
    let (scenes, stderr) = play(client.command()?, scripts, &[]);
    let [cookies, unlisted, chatter] = &scenes;
    let failure = without_a_token(cookies);
    row.insert(WORDS, words("format-not-available", cookies, &stderr));
    if row[EXEC_INFO] == "yes, with the server" {
        assert_eq!(without_a_token(unlisted), failure);
        assert_eq!(words("exec-server-refused", unlisted, &stderr), row[WORDS]);
    } else {
        // Nobody tells the binary for whom the token is.
        assert_answered(unlisted, 1);
    }
    row.insert(FAILURE, failure);
    let logged = holds(&stderr, scenes.iter().flat_map(|scene| &scene.tokens));
    let chatter = match (chatter.status(0), stderr.contains(CHATTER), logged) {
        (200, true, false) => "shown",
        (200, false, false) => "swallowed",
        (403, true, true) => "spoils the answer, and the token is logged",
        strange => panic!("stderr made a difference: {strange:?}\n{stderr}"),
    };
    row.insert(STDERR, chatter.to_owned());
    Ok(())
}

fn without_a_token(scene: &Scene) -> String {
    assert!(!scene.runs.is_empty(), "the helper was not run");
    if scene.status(0) == 0 {
        assert!(scene.visits.is_empty(), "{:?}", scene.visits);
        return "error".to_owned();
    }
    assert_eq!(scene.status(0), 403);
    let mut sent = scene.visits.iter().map(|visit| &visit.authorization);
    assert!(sent.all(Option::is_none));
    "goes on anonymously".to_owned()
}

/// Tells where the words of a failure are.
fn words(slug: &str, scene: &Scene, stderr: &str) -> String {
    let first = format!("kfp-credential: error[{slug}]: ");
    let as_it_is = stderr.lines().any(|line| line.starts_with(&first));
    let place = if as_it_is {
        "on stderr"
    } else if scene.error().contains(&first) {
        "in the error"
    } else if stderr.contains(&first) {
        "logged"
    } else {
        "lost"
    };
    place.to_owned()
}

// ------------------------------------------------------------------------- a parent's

/// A program that was itself started as an exec plugin has exec info for somebody else in its environment.
fn with_exec_info_of_a_parent(client: &Client, row: &mut Row) -> Found<()> {
    let parents = json!({
        "apiVersion": V1, "kind": "ExecCredential",
        "spec": {"interactive": false, "cluster": {"server": "https://parent.example.com"}},
    });
    let scripts = [
        Script::new("leaking", "get"),
        Script {
            env: &[("KUBERNETES_EXEC_INFO", "")],
            ..Script::new("shut", "get")
        },
    ];
    let env = [("KUBERNETES_EXEC_INFO", &*parents.to_string())];
    let (scenes, stderr) = play(client.command()?, scripts, &env);
    let [leaking, shut] = &scenes;
    if leaking.runs[0].exec_info == parents {
        row.insert(EXEC_INFO, row[EXEC_INFO].clone() + ", a parent's leaks");
        assert_eq!(without_a_token(leaking), row[FAILURE]);
        assert_eq!(words("exec-server-refused", leaking, &stderr), row[WORDS]);
        assert_eq!(shut.runs[0].exec_info, Value::Null);
    } else {
        assert_answered(leaking, 1);
    }
    assert_answered(shut, 1);
    Ok(())
}
