//! Runs what README.md shows: each `$ command` of its transcripts, in order, in a fresh home, and compares what comes
//! out. `…` in a transcript stands for anything on that line.

mod peers;
mod support;

use std::collections::BTreeMap;
use std::path::Path;

use peers::{needs, python};
use support::front_door::{FrontDoor, Options, PASSWORD};
use support::sandbox::Sandbox;

/// The made-up host of the README, and where it is in the tests.
const HOST: &str = "https://kubeflow.example.com";

#[test]
fn the_transcripts_are_true() {
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    let mut count = 0;
    for block in blocks("console") {
        for (command, expected) in steps(&block) {
            let printed = shell.run(&command);
            assert!(
                matches(&expected, &printed),
                "$ {command}\nshown:\n{expected}\nprinted:\n{printed}"
            );
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} commands were found");
}

#[test]
fn the_python_program_lists_experiments() {
    let python = needs!(python::kfp());
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    let program = blocks("python").concat().replace(HOST, &door.origin());
    let file = shell.sandbox.file("program.py", program);
    let printed = shell.run(&format!(
        "KF_PASSWORD={PASSWORD} {} {}",
        python.display(),
        file.display()
    ));
    assert!(printed.contains("taxi fares"), "{printed}");
}

#[test]
fn the_set_up_is_two_commands() {
    let text = readme();
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
    for readme in ["README.md", "protocol/README.md"] {
        let text = std::fs::read_to_string(root.join(readme)).unwrap();
        let headings: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| {
                line.trim_start_matches('#')
                    .trim()
                    .to_lowercase()
                    .replace(' ', "-")
            })
            .collect();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let is_there = match link.strip_prefix('#') {
                Some(heading) => headings.iter().any(|known| known == heading),
                None => root.join(readme).with_file_name("").join(link).exists(),
            };
            assert!(is_there, "{readme} links to {link}");
        }
    }
}

// ------------------------------------------------------------ helpers

/// A shell in a fresh home with the README's first configuration.
struct Shell<'a> {
    sandbox: Sandbox,
    door: &'a FrontDoor,
    exported: std::cell::RefCell<BTreeMap<String, String>>,
}

impl<'a> Shell<'a> {
    fn new(door: &'a FrontDoor) -> Self {
        let sandbox = Sandbox::with_binary("/bin/sh");
        sandbox.config(&blocks("yaml")[0].replace(HOST, &door.origin()));
        assert!(sandbox.runtime_on_tmpfs(), "no folder in memory");
        Self {
            sandbox,
            door,
            exported: std::cell::RefCell::default(),
        }
    }

    /// Runs a command and gives what a person sees, the two streams together, with the README's host.
    fn run(&self, command: &str) -> String {
        if let Some((name, value)) = command
            .strip_prefix("export ")
            .and_then(|rest| rest.split_once('='))
        {
            self.exported
                .borrow_mut()
                .insert(name.to_owned(), value.to_owned());
            return String::new();
        }
        let binary = Path::new(support::BINARY);
        let folder = binary.parent().expect("the binary's folder").display();
        let script = format!(
            "PATH={folder}:$PATH; {{ {}\n}} 2>&1",
            command.replace(HOST, &self.door.origin())
        );
        let mut run = self.sandbox.command(&["-c", &script]);
        for (name, value) in &*self.exported.borrow() {
            run = run.env(name, value);
        }
        run.run().stdout.replace(&self.door.origin(), HOST)
    }
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    std::fs::read_to_string(path).expect("README.md")
}

fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// Gives the commands of a transcript with what they print.
fn steps(block: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command.to_owned(), String::new())),
            (None, Some((_, expected))) => expected.push_str(&format!("{line}\n")),
            (None, None) => panic!("a transcript begins with a command: {line}"),
        }
    }
    steps
}

/// Compares line by line; `…` stands for anything, and one at the end of the last line for more lines too.
fn matches(expected: &str, printed: &str) -> bool {
    let (mut expected_lines, mut printed_lines) = (expected.lines().peekable(), printed.lines());
    while let Some(line) = expected_lines.next() {
        let Some(printed) = printed_lines.next() else {
            return false;
        };
        if !line_matches(line, printed) {
            return false;
        }
        if expected_lines.peek().is_none() && line.ends_with('…') {
            return true;
        }
    }
    printed_lines.next().is_none()
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let parts: Vec<&str> = expected.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return expected == printed;
    };
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
