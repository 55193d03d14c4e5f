//! One configuration file that everybody edits.

use std::fs;

use super::*;

const HEAD: &str = "# The team's contexts. Ask Ada before you change one.\n";
const NOTE: &str = "  # to be moved in spring\n";

/// Is one edit, and what the file says of it afterwards.
struct Edit {
    args: Vec<String>,
    /// A line that is in the file once it was acknowledged, or is gone.
    line: String,
    stays: bool,
}

fn edits() -> Vec<Edit> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    let added = (0..24).map(|number| Edit {
        args: words(&format!(
            "config set-context new-{number} --endpoint https://kf-{number}.example.com"
        )),
        line: format!("name: new-{number}\n"),
        stays: true,
    });
    let removed = (0..6).map(|number| Edit {
        args: words(&format!("config delete-context old-{number}")),
        line: format!("name: old-{number}\n"),
        stays: false,
    });
    let changed = (0..6).map(|number| Edit {
        args: words(&format!(
            "config set-namespace team-{number} --context kept-{number}"
        )),
        line: format!("namespace: team-{number}\n"),
        stays: true,
    });
    added.chain(removed).chain(changed).collect()
}

fn contexts() -> String {
    let mut yaml = format!("{HEAD}apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n");
    for name in ["old", "kept"] {
        for number in 0..6 {
            yaml += &format!(
                "- name: {name}-{number}\n{NOTE}  endpoint: https://{name}-{number}.example.com\n"
            );
        }
    }
    yaml
}

fn is_yaml(text: &str) -> bool {
    serde_saphyr::from_str::<Value>(text).is_ok_and(|file| file["contexts"].is_array())
        && text.starts_with(HEAD)
}

fn play(dice: &mut Dice, killed_of_hundred: usize) {
    let sandbox = Sandbox::new();
    let file = sandbox.config(&contexts());
    let edits: Vec<(Edit, Life)> = edits()
        .into_iter()
        .map(|edit| (edit, Life::by_chance(dice, killed_of_hundred)))
        .collect();
    watched(&file, is_yaml, || {
        thread::scope(|scope| {
            for (edit, life) in &edits {
                let (sandbox, file) = (&sandbox, &file);
                scope.spawn(move || {
                    let args: Vec<&str> = edit.args.iter().map(String::as_str).collect();
                    let output = lived(sandbox.command(&args), *life);
                    if acknowledged(&output, *life) {
                        let text = fs::read_to_string(file).expect("the file");
                        assert_eq!(
                            text.contains(&edit.line),
                            edit.stays,
                            "at once: {:?}\n{text}",
                            edit.args
                        );
                    }
                });
            }
        });
    });
    let text = fs::read_to_string(&file).expect("the file");
    // Those that were killed may have been done all the same.
    for (edit, _) in edits.iter().filter(|(_, life)| matches!(life, Life::Whole)) {
        assert_eq!(
            text.contains(&edit.line),
            edit.stays,
            "in the end: {:?}\n{text}",
            edit.args
        );
    }
    let notes = text.matches(NOTE).count();
    let left = text.matches("name: old-").count() + text.matches("name: kept-").count();
    assert_eq!(notes, left, "comments\n{text}");
    // Nobody waits for the dead.
    let last = sandbox.run(&[
        "config",
        "set-context",
        "last",
        "--endpoint",
        "https://last.example.com",
    ]);
    let last = last.assert_success();
    assert!(last.elapsed < Duration::from_secs(5), "{}", last.shown());
    sandbox.run(&["config", "validate"]).assert_success();
}

#[test]
fn a_crowd_of_edits_is_kept() {
    play(&mut dice(1), 0);
}

#[test]
fn edits_beside_those_that_are_killed_are_kept() {
    let mut dice = dice(2);
    for _ in 0..3 {
        play(&mut dice, 35);
    }
}

#[test]
fn one_edit_at_a_time_is_killed_and_the_next_goes_on() {
    let sandbox = Sandbox::new();
    let file = sandbox.config(&contexts());
    let mut dice = dice(3);
    watched(&file, is_yaml, || {
        for number in 0..25 {
            let name = format!("new-{number}");
            let args = [
                "config",
                "set-context",
                &name,
                "--endpoint",
                "https://kf.example.com",
            ];
            let life = Life::Short(Duration::from_millis(
                dice.below(25).try_into().expect("a small number"),
            ));
            let output = lived(sandbox.command(&args), life);
            let text = fs::read_to_string(&file).expect("the file");
            if acknowledged(&output, life) {
                assert!(text.contains(&format!("name: {name}\n")), "{text}");
            }
        }
    });
    sandbox.run(&["config", "validate"]).assert_success();
}
