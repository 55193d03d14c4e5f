//! Many processes that edit one file at once: each change is there afterwards.

use super::*;

const MANY: usize = 20;

fn set_context(number: usize) -> Vec<String> {
    let endpoint = format!("https://kf{number}.example.com/pipeline");
    let name = format!("c{number}");
    ["config", "set-context", &name, "--endpoint", &endpoint]
        .map(str::to_owned)
        .to_vec()
}

/// Runs all of these at once, to their end.
#[track_caller]
fn at_once(home: &Sandbox, commands: &[Vec<String>]) {
    let runs: Vec<_> = commands
        .iter()
        .map(|args| {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            home.command(&args).spawn()
        })
        .collect();
    for run in runs {
        run.wait().assert_success();
    }
}

/// Tells which of the contexts a file holds.
fn held(text: &str) -> usize {
    (0..MANY)
        .filter(|number| text.contains(&format!("https://kf{number}.example.com/")))
        .count()
}

#[test]
fn twenty_contexts_written_at_once_are_twenty() {
    let commands: Vec<_> = (0..MANY).map(set_context).collect();
    let home = Sandbox::new();
    home.config(
        "# Our Kubeflows.\napiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n\
         - name: first # the oldest\n  endpoint: https://first.example.com # in the cellar\n",
    );
    at_once(&home, &commands);
    let text = fs::read_to_string(home.config_file()).unwrap();
    assert_eq!(held(&text), MANY, "{text}");
    for comment in ["# Our Kubeflows.", "# the oldest", "# in the cellar"] {
        assert!(text.contains(comment), "{text}");
    }
    home.run(&["config", "validate"]).assert_success();
    let beside = fs::read_dir(home.config_file().parent().unwrap()).unwrap();
    assert_eq!(beside.count(), 1, "nothing is left beside");
}

#[test]
fn twenty_first_contexts_are_twenty_and_one_is_current() {
    let commands: Vec<_> = (0..MANY).map(set_context).collect();
    let home = Sandbox::new();
    let fresh = home.home().join("fresh/config");
    home.env("XDG_CONFIG_HOME", &fresh.to_string_lossy());
    at_once(&home, &commands);
    let text = fs::read_to_string(fresh.join("kfp-credential/config.yaml")).unwrap();
    assert_eq!(held(&text), MANY, "{text}");
    assert_eq!(text.matches("current-context: c").count(), 1, "{text}");
}

/// As where `~/.local` belongs to somebody else, or each run has a state folder of its own.
#[test]
fn twenty_contexts_are_twenty_without_a_common_state_folder() {
    let home = Sandbox::new();
    home.file("blocked", "");
    let blocked = home.home().join("blocked").to_string_lossy().into_owned();
    let run = |number: usize, state: &str| {
        let args = set_context(number);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        home.command(&args).env("XDG_STATE_HOME", state).spawn()
    };
    let own = |number| home.home().join(format!("state-{number}"));
    let runs: Vec<_> = (0..MANY)
        .map(|number| match number % 2 {
            0 => run(number, &blocked),
            _ => run(number, &own(number).to_string_lossy()),
        })
        .collect();
    for run in runs {
        run.wait().assert_success();
    }
    let text = fs::read_to_string(home.config_file()).unwrap();
    assert_eq!(held(&text), MANY, "{text}");
}

#[test]
fn two_spellings_of_one_file_are_one_file() {
    let home = Sandbox::new();
    fs::create_dir_all(home.home().join("real/team")).unwrap();
    std::os::unix::fs::symlink(home.home().join("real"), home.home().join("link")).unwrap();
    let absolute = home.home().join("real/team/config.yaml");
    let absolute = absolute.to_string_lossy().into_owned();
    let spellings = [
        "real/team/config.yaml",
        "link/team/config.yaml",
        "./link/../real/team/config.yaml",
        absolute.as_str(),
    ];
    let commands: Vec<Vec<String>> = (0..MANY)
        .map(|number| {
            let mut args = set_context(number);
            args.extend(["--config".to_owned(), spellings[number % 4].to_owned()]);
            args
        })
        .collect();
    at_once(&home, &commands);
    let text = fs::read_to_string(absolute).unwrap();
    assert_eq!(held(&text), MANY, "{text}");
}

#[test]
fn every_kind_of_edit_at_once_is_made() {
    let home = Sandbox::new();
    for number in 0..10 {
        let args = set_context(number);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        home.run(&args).assert_success();
    }
    let mut commands: Vec<Vec<String>> = (10..MANY).map(set_context).collect();
    for number in 0..5 {
        let context = format!("c{number}");
        commands.push(
            ["config", "delete-context", &context]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    for number in 5..10 {
        let (context, namespace) = (format!("c{number}"), format!("ns-{number}"));
        let args = ["config", "set-namespace", &namespace, "--context", &context];
        commands.push(args.map(str::to_owned).to_vec());
    }
    commands.push(["config", "use-context", "c9"].map(str::to_owned).to_vec());
    at_once(&home, &commands);
    let text = fs::read_to_string(home.config_file()).unwrap();
    assert_eq!(held(&text), 15, "{text}");
    for number in 5..10 {
        assert!(text.contains(&format!("namespace: ns-{number}")), "{text}");
    }
    assert!(text.contains("current-context: c9\n"), "{text}");
}

#[test]
fn the_sdks_context_file_keeps_what_each_command_writes() {
    let home = Sandbox::new();
    let args = set_context(1);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    home.run(&args).assert_success();
    let file = home.home().join(".config/kfp/context.json");
    for _ in 0..8 {
        let commands = [
            ["config", "set-namespace", "team-a", "--kfp-sdk"]
                .map(str::to_owned)
                .to_vec(),
            ["config", "exec", "--kfp-sdk"].map(str::to_owned).to_vec(),
        ];
        at_once(&home, &commands);
        let text = fs::read_to_string(&file).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["namespace"], "team-a");
        assert_eq!(json.as_object().unwrap().len(), 2, "{text}");
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn an_edit_that_is_killed_leaves_a_whole_file_and_stops_nobody() {
    let home = Sandbox::new();
    let mut expected = 0;
    for number in 0..MANY {
        let args = set_context(number);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = home.command(&args).spawn();
        std::thread::sleep(std::time::Duration::from_millis(number as u64 / 2));
        run.signal("KILL");
        drop(run.wait());
        if home.config_file().exists() {
            let text = fs::read_to_string(home.config_file()).unwrap();
            assert!(held(&text) >= expected, "{text}");
            expected = held(&text);
        }
    }
    // What a killed one left half-written beside the file goes with the next edit.
    let folder = home.config_file();
    let folder = folder.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    let last = set_context(MANY);
    let last: Vec<&str> = last.iter().map(String::as_str).collect();
    home.run(&last).assert_success();
    home.run(&["config", "validate"]).assert_success();
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}
