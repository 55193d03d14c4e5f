//! Logins, renewals and logouts in one home, of one user and of many.

use std::collections::HashMap;

use super::*;
use testkit::front_door::{FrontDoor, Options, PASSWORD};
use testkit::sandbox::files_beneath;

fn door(users: &[String]) -> FrontDoor {
    let users = users.iter().map(|user| (user.clone(), PASSWORD.to_owned()));
    FrontDoor::start(Options {
        users: users.collect::<HashMap<_, _>>(),
        ..Options::default()
    })
}

fn home(door: &FrontDoor) -> Sandbox {
    let home = Sandbox::new();
    home.env("KFP_CREDENTIAL_PASSWORD", &home.secret(PASSWORD));
    home.env("KFP_CREDENTIAL_ENDPOINT", &door.endpoint());
    home.env("KFP_CREDENTIAL_STORE", "file");
    home
}

#[track_caller]
fn assert_entries_are_whole(home: &Sandbox) {
    for folder in ["store", "refusals", "answers"] {
        for file in files_beneath(&home.state_folder().join(folder)) {
            let name = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // What a killed process had not put in its place yet is read by nobody.
            let text = std::fs::read_to_string(&file).expect("an entry");
            assert!(name.starts_with('.') || is_json(&text), "{name}: {text}");
        }
    }
}

#[test]
fn many_users_come_and_go_and_what_was_answered_is_stored() {
    let users: Vec<String> = (0..8)
        .map(|number| format!("user-{number}@example.com"))
        .collect();
    let door = door(&users);
    let home = home(&door);
    let mut dice = dice(9);
    let plans: Vec<(&String, Dice)> = users.iter().map(|user| (user, dice.others())).collect();
    thread::scope(|scope| {
        for (user, mut dice) in plans {
            let home = &home;
            scope.spawn(move || {
                // The answer that the store holds for certain; `None` where that is not known.
                let mut kept: Option<String> = None;
                for _ in 0..8 {
                    let args: &[&str] = match dice.below(4) {
                        0 => &["get", "--refresh"],
                        1 => &["logout"],
                        _ => &["get"],
                    };
                    let args = [args, &["--username", user]].concat();
                    let life = Life::by_chance(&mut dice, 35);
                    let output = lived(home.command(&args), life);
                    let is_done = acknowledged(&output, life);
                    let is_plain = args == ["get", "--username", user];
                    if let (true, true, Some(kept)) = (is_plain, is_done, &kept) {
                        assert_eq!(
                            output.stdout,
                            *kept,
                            "what was answered before is lost\n{}",
                            output.shown()
                        );
                    }
                    let is_get = args[0] == "get";
                    kept = match (is_get, is_done) {
                        (true, true) => Some(output.stdout),
                        // A killed one that only reads changes nothing.
                        (true, false) if is_plain && kept.is_some() => kept,
                        _ => None,
                    };
                }
            });
        }
    });
    assert_entries_are_whole(&home);
    for user in &users {
        let last = home
            .run(&["get", "--refresh", "--username", user])
            .assert_success();
        assert!(last.elapsed < Duration::from_secs(10), "{}", last.shown());
        home.run(&["logout", "--username", user]).assert_success();
    }
    let entries = files_beneath(&home.state_folder().join("store"));
    let left = entries.iter().filter(|file| {
        !file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'))
    });
    assert_eq!(left.count(), 0, "{entries:?}");
}

#[test]
fn one_user_in_a_crowd_that_is_killed_gets_an_answer() {
    let user = ["user@example.com".to_owned()];
    let door = door(&user);
    let mut dice = dice(10);
    for _ in 0..3 {
        let home = home(&door);
        let before = door.logins();
        let lives: Vec<Life> = (0..24).map(|_| Life::by_chance(&mut dice, 40)).collect();
        let (home, user) = (&home, user[0].as_str());
        thread::scope(|scope| {
            for life in &lives {
                scope.spawn(move || {
                    let output = lived(home.command(&["get", "--username", user]), *life);
                    acknowledged(&output, *life);
                });
            }
        });
        let killed = lives
            .iter()
            .filter(|life| matches!(life, Life::Short(_)))
            .count();
        let logins = door.logins() - before;
        assert!(logins <= killed + 1, "{logins} logins, {killed} killed");
        assert_entries_are_whole(home);
    }
}
