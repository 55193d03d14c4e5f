//! A pseudo-terminal with a person at it, who waits for a prompt before typing.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

/// How long a person waits for the program to say something.
const PATIENCE: Duration = Duration::from_secs(30);

/// Is a terminal; what is written to it gathers until somebody looks.
pub struct Terminal {
    keyboard: File,
    /// The program's end, kept open so that the terminal outlives the program.
    line: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    pub fn open() -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&keyboard).expect("its other end");
        unlockpt(&keyboard).expect("its other end");
        let name = ptsname(&keyboard, Vec::new()).expect("its name");
        let name = name.to_str().expect("a path");
        let line = File::options().read(true).write(true).open(name);
        let keyboard = File::from(keyboard);
        let mut screen = keyboard.try_clone().expect("a handle");
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let gathered = Arc::clone(&shown);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                let mut shown = gathered.lock().unwrap_or_else(PoisonError::into_inner);
                shown.extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            keyboard,
            line: line.expect("the program's end"),
            shown,
        }
    }

    /// Returns the end that a program reads and writes.
    pub fn line(&self) -> File {
        self.line.try_clone().expect("a handle")
    }

    /// Returns all that was shown so far.
    pub fn shown(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Asserts that a program, which has ended, has left the terminal as it was, and that it never
    /// showed this secret.
    #[track_caller]
    pub fn assert_in_order(&self, secret: &str) {
        let shown = self.shown();
        assert!(!shown.contains("[left without echo]"), "{shown}");
        assert!(!shown.contains(secret), "{shown}");
    }

    /// Tells whether what is typed is shown.
    fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.line).expect("the terminal's modes");
        modes.local_modes.contains(LocalModes::ECHO)
    }

    /// Answers a prompt for something that may be seen.
    #[track_caller]
    pub fn answer(&self, prompt: &str, text: &str) {
        self.wait_for(prompt);
        self.press(&format!("{text}\n"));
    }

    /// Answers a prompt for a secret, once nothing is shown any more.
    #[track_caller]
    pub fn answer_unseen(&self, prompt: &str, secret: &str) {
        self.wait_for_unseen(prompt);
        self.press(&format!("{secret}\n"));
    }

    /// Waits for a prompt that hides what is typed.
    #[track_caller]
    pub fn wait_for_unseen(&self, prompt: &str) {
        self.wait_for(prompt);
        self.wait_until("what is typed is shown", || !self.echoes());
    }

    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        self.wait_until(&format!("no {words:?}"), || self.shown().contains(words));
    }

    /// Presses keys.
    pub fn press(&self, keys: &str) {
        let mut keyboard = &self.keyboard;
        keyboard.write_all(keys.as_bytes()).expect("the keyboard");
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        self.press("\x03");
    }

    #[track_caller]
    fn wait_until(&self, what_is_wrong: &str, ready: impl Fn() -> bool) {
        let start = Instant::now();
        while !ready() {
            assert!(
                start.elapsed() < PATIENCE,
                "{what_is_wrong}; the terminal shows:\n{}",
                self.shown()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }
}
