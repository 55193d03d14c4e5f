//! One file of the kfp SDK that everybody exports a login to.

use std::fs;

use super::*;

fn play(dice: &mut Dice, killed_of_hundred: usize) {
    let google = Google::default();
    let clients = clients(12);
    let home = home_of_clients(&google, &clients, "file");
    let logins = sdk_file(&google, &clients);
    let import = home
        .command(&["import", "-"])
        .stdin(&logins.to_string())
        .run();
    import.assert_success();
    let before = json!({"of-somebody-else": logins["of-somebody-else"], "odd": 7});
    let file = home.file("out.json", before.to_string());
    let lives: Vec<Life> = clients
        .iter()
        .map(|_| Life::by_chance(dice, killed_of_hundred))
        .collect();
    let done = std::sync::Mutex::new(Vec::new());
    watched(&file, is_json, || {
        thread::scope(|scope| {
            for (client, life) in clients.iter().zip(&lives) {
                let (home, done) = (&home, &done);
                scope.spawn(move || {
                    let output = lived(
                        home.command(&["export", "out.json", "--context", client]),
                        *life,
                    );
                    if acknowledged(&output, *life) {
                        done.lock().expect("no panic").push(client.clone());
                    }
                });
            }
        });
    });
    let text = fs::read_to_string(&file).expect("the file");
    let after: Value = serde_json::from_str(&text).expect("JSON");
    for client in done.into_inner().expect("no panic") {
        assert_eq!(
            after[&client], logins[&client],
            "the login of {client}\n{after:#}"
        );
    }
    for other in ["of-somebody-else", "odd"] {
        assert_eq!(after[other], before[other], "{after:#}");
    }
    // Nobody waits for the dead, and those who were killed can do it again.
    for client in &clients {
        let output = home
            .run(&["export", "out.json", "--context", client])
            .assert_success();
        assert!(
            output.elapsed < Duration::from_secs(5),
            "{}",
            output.shown()
        );
    }
    let text = fs::read_to_string(&file).expect("the file");
    let after: Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        clients.iter().all(|client| after[client] == logins[client]),
        "{after:#}"
    );
}

#[test]
fn a_crowd_of_exports_is_kept() {
    play(&mut dice(4), 0);
}

#[test]
fn exports_beside_those_that_are_killed_are_kept() {
    let mut dice = dice(5);
    for _ in 0..3 {
        play(&mut dice, 40);
    }
}
