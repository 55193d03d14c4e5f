//! Runs what documents show: each `$ command` of a transcript, in order, in a fresh home, and compares what comes out.
//! `…` in a transcript stands for anything on that line.

use std::collections::BTreeMap;
use std::path::Path;

use super::front_door::FrontDoor;
use super::sandbox::Sandbox;

/// The made-up host of the documents, and where it is in the tests.
pub const HOST: &str = "https://kubeflow.example.com";

/// A shell in a fresh home with the README's first configuration.
pub struct Shell<'a> {
    pub sandbox: Sandbox,
    door: &'a FrontDoor,
    exported: std::cell::RefCell<BTreeMap<String, String>>,
}

impl<'a> Shell<'a> {
    pub fn new(door: &'a FrontDoor) -> Self {
        let sandbox = Sandbox::with_binary("/bin/sh");
        sandbox.config(&blocks("README.md", "yaml")[0].replace(HOST, &door.origin()));
        assert!(sandbox.runtime_on_tmpfs(), "no folder in memory");
        Self {
            sandbox,
            door,
            exported: std::cell::RefCell::default(),
        }
    }

    /// Sets a variable for every later command.
    pub fn export(&self, name: &str, value: &str) {
        let mut exported = self.exported.borrow_mut();
        exported.insert(name.to_owned(), value.to_owned());
    }

    /// Runs a command and gives what a person sees, the two streams together, with the README's host.
    pub fn run(&self, command: &str) -> String {
        if let Some((name, value)) = command
            .strip_prefix("export ")
            .and_then(|rest| rest.split_once('='))
        {
            self.export(name, value);
            return String::new();
        }
        let binary = Path::new(super::binary());
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

/// Reads a file of the project.
pub fn document(file: &str) -> String {
    let path = super::root().join(file);
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Gives the code blocks of a language.
pub fn blocks(file: &str, language: &str) -> Vec<String> {
    let text = document(file);
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// Runs every transcript of a document, and counts the commands.
pub fn run_transcripts(file: &str, shell: &Shell<'_>) -> usize {
    let mut count = 0;
    for block in blocks(file, "console") {
        for (command, expected) in steps(&block) {
            let printed = shell.run(&command);
            assert!(
                matches(&expected, &printed),
                "{file}\n$ {command}\nshown:\n{expected}\nprinted:\n{printed}"
            );
            count += 1;
        }
    }
    count
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
