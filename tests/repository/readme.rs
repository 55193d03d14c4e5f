//! Runs what README.md and the guides of protocol/ show.

use std::path::Path;

use serde_json::Value;

use testkit::contract;
use testkit::front_door::{FrontDoor, Options, PASSWORD};
use testkit::peers::{needs, python};
use testkit::transcript::{HOST, Shell, blocks, document, run_transcripts};

#[test]
fn the_transcripts_are_true() {
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    let count = run_transcripts("README.md", &shell);
    assert!(count >= 9, "only {count} commands were found");
}

#[test]
fn the_python_programs_of_the_guides_list_experiments() {
    let python = needs!(python::kfp());
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/clients/python");
    let mut count = 0;
    for guide in ["kfp-python", "languages"] {
        for program in blocks(&format!("protocol/guides/{guide}.md"), "python") {
            let door = FrontDoor::start(Options::default());
            let shell = Shell::new(&door);
            shell.export("KF_PASSWORD", PASSWORD);
            shell.export("PYTHONPATH", &package.to_string_lossy());
            let program = program.replace(HOST, &door.origin());
            let file = shell.sandbox.file("program.py", program);
            let command = format!("{} -B -W ignore {}", python.display(), file.display());
            let printed = shell.run(&command);
            assert!(printed.contains("taxi fares"), "{guide}: {printed}");
            count += 1;
        }
    }
    assert_eq!(count, 3);
}

#[test]
fn the_tests_that_security_md_names_are_there() {
    let text = contract::read("SECURITY.md");
    let table = text.split("## How each promise is tested").nth(1);
    let table = table.expect("a heading");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split_once(" | ").map(|(_, tests)| tests));
    let names: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in names {
        let is_there = |program: &&str| {
            let module = format!("tests/{program}/{name}.rs");
            contract::root().join(module).is_file()
        };
        let programs = ["offline", "servers", "clients", "repository"];
        let is_program = programs.contains(&name);
        assert!(is_program || programs.iter().any(is_there), "{name}");
    }
}

#[test]
fn the_transcripts_of_the_guides_are_true() {
    for (guide, least) in [("shell", 4), ("curl", 4), ("single-sign-on", 1)] {
        let door = FrontDoor::start(Options::default());
        let shell = Shell::new(&door);
        shell.export("KF_PASSWORD", PASSWORD);
        let count = run_transcripts(&format!("protocol/guides/{guide}.md"), &shell);
        assert!(count >= least, "{guide}: {count} commands");
    }
}

#[test]
fn the_script_of_the_guide_reads_the_document() {
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    shell.export("KF_PASSWORD", PASSWORD);
    let script = &blocks("protocol/guides/shell.md", "sh")[0];
    let printed = shell.run(script);
    let expected = format!("{HOST}/pipeline until 20");
    assert!(printed.starts_with(&expected), "{printed}");
}

#[test]
fn the_kubeconfig_of_the_guide_is_what_is_printed() {
    let guide = "protocol/guides/kubernetes.md";
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    shell.sandbox.config(&blocks(guide, "yaml")[0]);
    assert_eq!(run_transcripts(guide, &shell), 1);
}

#[test]
fn the_command_line_of_kfp_takes_what_the_guide_gives_it() {
    let python = needs!(python::kfp());
    let guide = "protocol/guides/kfp-cli.md";
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    shell.export("KF_PASSWORD", PASSWORD);
    let folder = python.parent().expect("the environment's programs");
    let [_, session] = &blocks(guide, "sh")[..] else {
        panic!("two scripts");
    };
    let script = session.replace("kfp --endpoint", "kfp --output json --endpoint");
    let printed = shell.run(&format!("PATH={}:$PATH\n{script}", folder.display()));
    assert!(printed.contains("taxi fares"), "{printed}");
}

#[test]
fn the_pod_default_of_the_guide_mounts_what_the_pod_does() {
    let parsed = |yaml: &str| serde_saphyr::from_str::<Value>(yaml).unwrap();
    let pod = parsed(&document("protocol/service-account-token-volume.yaml"));
    let default = parsed(&blocks("protocol/guides/notebooks.md", "yaml")[0]);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(default["spec"]["env"], container["env"]);
    assert_eq!(default["spec"]["volumeMounts"], container["volumeMounts"]);
    assert_eq!(default["spec"]["volumes"], pod["spec"]["volumes"]);
}

#[test]
fn the_set_up_is_two_commands() {
    let text = document("README.md");
    for (marker, command) in [
        ("main", "cargo run --example quickstart"),
        ("test", "cargo test"),
    ] {
        let after = text
            .split(&format!("<!-- {marker} command -->\n```sh\n"))
            .nth(1);
        assert_eq!(after.and_then(|rest| rest.lines().next()), Some(command));
    }
}

#[test]
fn what_the_readmes_link_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = ["README.md", "SECURITY.md", "tests/README.md"];
    let mut documents = documents.map(str::to_owned).to_vec();
    for part in ["", "vectors/", "clients/"] {
        documents.push(format!("protocol/{part}README.md"));
    }
    for guide in std::fs::read_dir(root.join("protocol/guides")).unwrap() {
        let name = guide.unwrap().file_name().into_string().unwrap();
        documents.push(format!("protocol/guides/{name}"));
    }
    for name in &documents {
        let text = document(name);
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root.join(name),
                file => root.join(name).with_file_name("").join(file),
            };
            assert!(target.exists(), "{name} links to {link}");
            assert!(
                heading.is_empty() || headings(&target).iter().any(|known| known == heading),
                "{name} links to {link}"
            );
        }
    }
}

/// Gives a document's headings as links name them.
fn headings(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a document");
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim();
            heading.to_lowercase().replace(' ', "-")
        })
        .collect()
}
