//! One file of the kfp SDK whose refresh tokens are replaced at each use, by everybody at once.

use std::fs;

use super::*;

/// Renews the logins of all clients at once, again and again; those of the first few are killed by chance.
fn play(dice: &mut Dice, store: &str, killed: usize) {
    let google = Google::default();
    google.behave(|google| google.rotation = true);
    let clients = clients(12);
    let home = home_of_clients(&google, &clients, store);
    let logins = sdk_file(&google, &clients);
    let file = home.file(".config/kfp/credentials.json", logins.to_string());
    let plans: Vec<(&String, Vec<Life>)> = clients
        .iter()
        .enumerate()
        .map(|(number, client)| {
            let share = if number < killed { 50 } else { 0 };
            (
                client,
                (0..3).map(|_| Life::by_chance(dice, share)).collect(),
            )
        })
        .collect();
    watched(&file, is_json, || {
        thread::scope(|scope| {
            for (client, lives) in &plans {
                let home = &home;
                scope.spawn(move || {
                    for life in lives {
                        let args = ["get", "--refresh", "--context", client];
                        let output = lived(home.command(&args), *life);
                        // Whoever is killed with the answer on its way takes the login along: it was in there alone.
                        let is_lost = output.stderr.contains("error[login-required]");
                        let was_killed = lives.iter().any(|life| matches!(life, Life::Short(_)));
                        if !(is_lost && was_killed) {
                            acknowledged(&output, *life);
                        }
                    }
                });
            }
        });
    });
    let text = fs::read_to_string(&file).expect("the file");
    let after: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        after["of-somebody-else"], logins["of-somebody-else"],
        "{after:#}"
    );
    for (number, client) in clients.iter().enumerate() {
        let output = home.run(&["get", "--refresh", "--context", client]);
        assert!(
            output.elapsed < Duration::from_secs(10),
            "{}",
            output.shown()
        );
        if number >= killed {
            output.assert_success();
        }
    }
    if killed == 0 {
        assert_eq!(google.reuses(), 0, "a dead token was sent again");
        assert_eq!(google.refreshes(), 12 * 4);
    }
}

#[test]
fn a_crowd_of_renewals_keeps_every_token() {
    for store in ["none", "file"] {
        play(&mut dice(6), store, 0);
    }
}

#[test]
fn renewals_beside_those_that_are_killed_keep_their_tokens() {
    play(&mut dice(7), "none", 5);
    play(&mut dice(8), "file", 5);
}

/// The file as the SDK reads it is what is renewed from, too: it holds the live token of every client.
#[test]
fn the_file_holds_every_live_token() {
    let google = Google::default();
    google.behave(|google| google.rotation = true);
    let clients = clients(12);
    let home = home_of_clients(&google, &clients, "none");
    let file = home.file(
        ".config/kfp/credentials.json",
        sdk_file(&google, &clients).to_string(),
    );
    thread::scope(|scope| {
        for client in &clients {
            let home = &home;
            scope.spawn(move || {
                home.run(&["get", "--refresh", "--context", client])
                    .assert_success()
            });
        }
    });
    let after: Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("the file")).expect("JSON");
    let is_live =
        |client: &String| google.is_live(after[client]["refresh_token"].as_str().expect("a token"));
    let live = clients.iter().filter(|client| is_live(client)).count();
    assert_eq!(live, 12, "{after:#}");
}
