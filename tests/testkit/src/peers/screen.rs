//! A screen that nobody sees (Xvfb), and somebody who types on it (xdotool).

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::process::{self, Process, START_DEADLINE};
use super::{Found, install};

/// Is a screen; it ends with its owner.
pub struct Screen {
    _server: Process,
    display: String,
    _folder: TempDir,
}

impl Screen {
    pub fn start() -> Found<Self> {
        let xvfb = install::program("Xvfb", "xvfb")?;
        install::program("xdotool", "xdotool")?;
        let folder = TempDir::new().expect("a temporary folder");
        let mut command = process::command(xvfb);
        // It looks for a free number itself, and prints it.
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"]);
        command.args(["-screen", "0", "800x600x24"]);
        let mut server = Process::start("Xvfb", command, &folder.path().join("log"));
        let mut number = None;
        let a_number = |line: &str| line.parse::<u32>().ok();
        server.wait_until(|| true);
        let deadline = Instant::now() + START_DEADLINE;
        while number.is_none() {
            assert!(Instant::now() < deadline, "Xvfb: {}", server.log());
            number = server.log().lines().find_map(a_number);
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            display: format!(":{}", number.expect("just found")),
            _server: server,
            _folder: folder,
        })
    }

    /// Returns what leads programs to this screen.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("DISPLAY", self.display.clone()),
            // No service of a desktop is on the bus.
            ("NO_AT_BRIDGE", "1".to_owned()),
            ("GSETTINGS_BACKEND", "memory".to_owned()),
        ]
    }

    /// Tells whether a window is on it.
    pub fn has_a_window(&self) -> bool {
        let found = self.xdotool(&["search", "--onlyvisible", "--class", "gcr-prompter"]);
        found.status.success() && !found.stdout.is_empty()
    }

    /// Waits for a window, and types at it.
    #[track_caller]
    pub fn answer(&self, text: &str, key: &str) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while !self.has_a_window() {
            assert!(Instant::now() < deadline, "no window has come up");
            thread::sleep(Duration::from_millis(100));
        }
        // It takes the keyboard a moment after it is there.
        thread::sleep(Duration::from_secs(1));
        if !text.is_empty() {
            self.xdotool(&["type", text]);
        }
        self.xdotool(&["key", key]);
    }

    fn xdotool(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new("xdotool");
        command.args(arguments).env("DISPLAY", &self.display);
        command.output().expect("xdotool")
    }
}
