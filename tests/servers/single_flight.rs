//! Many callers, one login: who waits for whom, what becomes of the others when it goes wrong, and how a wrong password
//! is sent once.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::Value;

use testkit::front_door::{FrontDoor, Options, PASSWORD, USER};
use testkit::gate::Gate;
use testkit::http::{Request, Response};
use testkit::peers::front_door::RealDoor;
use testkit::peers::needs;
use testkit::peers::slapd;
use testkit::peers::visitor::Visitor;
use testkit::sandbox::{Output, Run, Running, Sandbox, files_beneath};

const WRONG: &str = "a wrong password";

// ------------------------------------------------------------------- at once

#[test]
fn two_hundred_at_once_make_one_login() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let start = || user.command(&["--store", "file"]).spawn();
    let running: Vec<_> = std::iter::repeat_with(start).take(200).collect();
    let answers: Vec<String> = running
        .into_iter()
        .map(|one| one.wait().assert_success().stdout)
        .collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!((door.posts(), door.logins()), (1, 1));
}

#[test]
fn twenty_contexts_log_in_side_by_side() {
    let gate = Gate::default();
    let name = |number: usize| format!("user-{number}@example.com");
    let users = (0..20).map(|number| (name(number), PASSWORD.to_owned()));
    let options = Options {
        users: users.collect(),
        ..Options::default()
    };
    let held = gate.clone();
    let door = FrontDoor::start_with(options, move |request| {
        if is_login(request) {
            held.pass();
        }
        None
    });
    let home = visitor();
    let running: Vec<_> = (0..20)
        .map(|number| get_as(&home, &door, &name(number)).spawn())
        .collect();
    // Each is at its login before the first one is through.
    gate.wait_for(20);
    gate.open();
    for one in running {
        let output = one.wait().assert_success();
        assert!(!output.stderr.contains("waiting"), "{}", output.shown());
    }
    assert_eq!(door.logins(), 20);
}

// ------------------------------------------------------- the owner of the lock

/// Is a front door that holds the first login back.
struct Held {
    door: FrontDoor,
    gate: Gate,
    home: Sandbox,
}

impl Held {
    fn start() -> Self {
        let gate = Gate::default();
        let (held, first) = (gate.clone(), AtomicBool::new(true));
        let door = FrontDoor::start_with(Options::default(), move |request| {
            if is_login(request) && first.swap(false, Ordering::SeqCst) {
                held.pass();
            }
            None
        });
        let home = visitor();
        Self { door, gate, home }
    }

    fn get(&self, more: &[&str]) -> Run<'_> {
        let endpoint = self.door.endpoint();
        let own = ["get", "-v", "--store", "file", "--endpoint", &endpoint];
        let own = [own.as_slice(), &["--username", USER], more].concat();
        self.home.command(&own)
    }

    /// Starts the one that is held.
    fn owner(&self) -> Running<'_> {
        let owner = self.get(&[]).spawn();
        self.gate.wait_for(1);
        owner
    }
}

#[test]
fn an_owner_that_is_killed_is_succeeded() {
    let held = Held::start();
    let owner = held.owner();
    let waiting: Vec<_> = (0..5).map(|_| held.get(&[]).spawn()).collect();
    for one in &waiting {
        one.says("waiting: another process is logging in");
    }
    let killed = Instant::now();
    owner.signal("KILL");
    let answers: Vec<Output> = waiting
        .into_iter()
        .map(|one| one.wait().assert_success())
        .collect();
    assert!(killed.elapsed() < Duration::from_secs(5));
    assert!(answers.iter().all(|one| one.stdout == answers[0].stdout));
    let owner = owner.wait();
    assert_eq!((owner.status, owner.stdout.as_str()), (-9, ""));
    assert_eq!(held.door.logins(), 1);
    held.gate.open();
}

#[test]
fn an_owner_that_is_stopped_is_named_in_bounded_time() {
    let held = Held::start();
    let owner = held.owner();
    owner.signal("STOP");
    let pid = owner.id();
    let waiting: Vec<_> = (0..3)
        .map(|_| held.get(&["--timeout", "1s"]).spawn())
        .collect();
    for one in waiting {
        let output = one.wait().assert_error(4, "login-in-progress");
        let output = output.assert_says(&format!("process {pid}, which is logging in to"));
        let output = output.assert_says(&format!("`kill {pid}`"));
        assert!(
            output.elapsed < Duration::from_secs(3),
            "{}",
            output.shown()
        );
    }
    assert_eq!(held.door.logins(), 0);
    // Nothing of it is lost.
    owner.signal("CONT");
    held.gate.open();
    let answer = owner.wait().assert_success();
    assert_eq!(held.get(&[]).run().assert_success().stdout, answer.stdout);
    assert_eq!(held.door.logins(), 1);
}

#[test]
fn a_session_that_still_lives_is_answered_while_another_process_renews_it() {
    let gate = Gate::default();
    let (held, logins) = (gate.clone(), AtomicBool::new(false));
    let door = FrontDoor::start_with(Options::default(), move |request| {
        if is_login(request) && logins.swap(true, Ordering::SeqCst) {
            held.pass();
        }
        None
    });
    let home = visitor();
    let first = get_as(&home, &door, USER).run().assert_success();
    ends_in(&home, TimeDelta::minutes(5));
    let owner = get_as(&home, &door, USER).spawn();
    gate.wait_for(1);
    owner.signal("STOP");
    let old = get_as(&home, &door, USER).run().assert_success();
    let old = old.assert_says("the stored one is still valid: [login-in-progress]");
    assert!(old.elapsed < Duration::from_secs(1), "{}", old.shown());
    assert_eq!(cookie(&old), cookie(&first));
    owner.signal("CONT");
    gate.open();
    let renewed = owner.wait().assert_success();
    assert_ne!(cookie(&renewed), cookie(&first));
}

// ------------------------------------------------------------ a wrong password

#[test]
fn a_wrong_password_is_sent_once() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let start = || ask(&user, WRONG, &[]).spawn();
    let running: Vec<_> = std::iter::repeat_with(start).take(40).collect();
    let outputs: Vec<Output> = running
        .into_iter()
        .map(|one| one.wait().assert_error(5, "dex-login-rejected"))
        .collect();
    assert_eq!(door.posts(), 1);
    let (first, others): (Vec<_>, Vec<_>) = outputs
        .iter()
        .partition(|output| !output.stderr.contains("  caused by: tried "));
    assert_eq!((first.len(), others.len()), (1, 39));
    let words: Vec<&str> = first[0].stderr.lines().collect();
    for other in others {
        // The first one's words, and more.
        for line in &words {
            assert!(other.stderr.contains(line), "{line}\n{}", other.shown());
        }
        assert!(other.stderr.contains(" s ago with the same password"));
        assert!(other.stderr.contains("`get --refresh`"));
    }
    let note = files_beneath(&user.home.state_folder().join("refusals"));
    let note = fs::read_to_string(&note[0]).expect("the note");
    assert!(!note.contains(WRONG), "{note}");
}

#[test]
fn another_password_is_tried_at_once() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    ask(&user, WRONG, &[])
        .run()
        .assert_error(5, "dex-login-rejected");
    ask(&user, "another wrong one", &[])
        .run()
        .assert_error(5, "dex-login-rejected");
    assert_eq!(door.posts(), 2);
    let right = user.get(&["--store", "file"]).assert_success();
    user.assert_opens(&right.json());
    assert_eq!(door.posts(), 3);
    let notes = files_beneath(&user.home.state_folder().join("refusals"));
    assert!(notes.is_empty(), "{notes:?}");

    // The same of a file, whose wrong password is corrected in its place.
    let file = user.home.file("password", WRONG);
    let options = ["--store", "none", "--password-file", "password"];
    let from_file = || {
        let run = user.command(&options);
        run.env_remove("KFP_CREDENTIAL_PASSWORD").run()
    };
    for _ in 0..3 {
        from_file().assert_error(5, "dex-login-rejected");
    }
    assert_eq!(door.posts(), 4);
    fs::write(file, slapd::USER.password).expect("the file");
    from_file().assert_success();
    assert_eq!(door.posts(), 5);
}

#[test]
fn a_refresh_and_a_login_try_at_once() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let wrong = |more: &[&str]| {
        let run = ask(&user, WRONG, more).run();
        run.assert_error(5, "dex-login-rejected")
    };
    wrong(&[]);
    wrong(&["--refresh"]);
    assert_eq!(door.posts(), 2);
    wrong(&[]);
    assert_eq!(door.posts(), 2);
    let endpoint = door.endpoint();
    let login = ["login", "--endpoint", &endpoint, "--username"];
    let login = [login.as_slice(), &[slapd::USER.login, "--store", "file"]].concat();
    let login = user.home.command(&login);
    login
        .env("KFP_CREDENTIAL_PASSWORD", WRONG)
        .run()
        .assert_error(5, "dex-login-rejected");
    assert_eq!(door.posts(), 3);
    // What a person typed wrong stands for nobody.
    wrong(&[]);
    assert_eq!(door.posts(), 4);
}

#[test]
fn a_refusal_stands_for_half_a_minute() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let wrong = || {
        let run = ask(&user, WRONG, &[]).run();
        run.assert_error(5, "dex-login-rejected")
    };
    wrong();
    for (age, posts) in [(29, 1), (31, 2), (-60, 3)] {
        let file = files_beneath(&user.home.state_folder().join("refusals"));
        let text = fs::read_to_string(&file[0]).expect("the note");
        let mut note: Value = serde_json::from_str(&text).expect("JSON");
        note["note"]["at"] = (Utc::now() - TimeDelta::seconds(age)).to_rfc3339().into();
        fs::write(&file[0], note.to_string()).expect("the note");
        wrong();
        assert_eq!(door.posts(), posts, "{age} s");
    }
}

#[test]
fn what_says_nothing_of_the_password_is_not_remembered() {
    for slug in ["unreachable", "server-error"] {
        let answer = move || match slug {
            "unreachable" => Response::close(),
            _ => Response::text(503, "overloaded"),
        };
        let door = FrontDoor::start_with(Options::default(), move |request| {
            is_login(request).then(answer)
        });
        let home = visitor();
        for attempt in 1..=2 {
            let output = get_as(&home, &door, USER).run();
            output.assert_error(6, slug);
            let posts = door.server.requests();
            let posts = posts.iter().filter(|request| is_login(request)).count();
            assert_eq!(posts, attempt, "{slug}");
        }
    }
}

#[test]
fn a_live_session_is_answered_while_the_new_password_is_refused() {
    let door = needs!(RealDoor::ldap());
    let user = Visitor::new(&door, slapd::USER);
    let stored = user.get(&["--store", "file"]).assert_success();
    ends_in(&user.home, TimeDelta::minutes(5));
    for _ in 0..5 {
        let old = ask(&user, WRONG, &[]).run().assert_success();
        assert_eq!(cookie(&old), cookie(&stored));
    }
    assert_eq!(door.posts(), 2);
}

// -------------------------------------------------------------------- helpers

fn is_login(request: &Request) -> bool {
    request.method == "POST" && request.path().ends_with("/login")
}

fn visitor() -> Sandbox {
    let home = Sandbox::new();
    let password = home.secret(PASSWORD);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home
}

fn get_as<'a>(home: &'a Sandbox, door: &FrontDoor, user: &str) -> Run<'a> {
    let endpoint = door.endpoint();
    let own = ["get", "-v", "--store", "file", "--endpoint", &endpoint];
    home.command(&[own.as_slice(), &["--username", user]].concat())
}

/// Asks with another password than the right one.
fn ask<'a>(user: &'a Visitor, password: &str, more: &[&str]) -> Run<'a> {
    let run = user.command(&[&["--store", "file"], more].concat());
    run.env("KFP_CREDENTIAL_PASSWORD", password)
}

fn cookie(output: &Output) -> Value {
    output.json()["status"]["headers"]["Cookie"].clone()
}

/// Makes the one stored session an old one that ends so much later than now.
fn ends_in(home: &Sandbox, life: TimeDelta) {
    let files = files_beneath(&home.state_folder().join("store"));
    let text = fs::read_to_string(&files[0]).expect("an entry");
    let mut entry: Value = serde_json::from_str(&text).expect("JSON");
    let end = (Utc::now() + life).to_rfc3339();
    let credential = &mut entry["credential"];
    credential["expires-at"] = end.clone().into();
    credential["told-end"] = end.into();
    credential["issued-at"] = (Utc::now() - TimeDelta::hours(23)).to_rfc3339().into();
    fs::write(&files[0], entry.to_string()).expect("the entry");
}
