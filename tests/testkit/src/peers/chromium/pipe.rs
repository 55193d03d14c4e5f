//! Chromium's debugging protocol over a pipe: JSON, each message ended by a NUL.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How long one answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(50);

/// Is both directions of the pipe.
pub(super) struct Pipe {
    commands: ChildStdin,
    answers: Receiver<Value>,
    last: u64,
}

impl Pipe {
    pub(super) fn new(commands: ChildStdin, answers: ChildStdout) -> Self {
        let (sender, received) = channel();
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap_or_default();
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self {
            commands,
            answers: received,
            last: 0,
        }
    }

    /// Sends a command, to the browser or a tab's session, and returns its result; null for an
    /// error, such as that of a script whose page is gone.
    #[track_caller]
    pub(super) fn ask(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        write!(self.commands, "{command}\0").expect("a browser that listens");
        loop {
            let answer = self.answers.recv_timeout(PATIENCE);
            let answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            if answer["id"] == self.last {
                return answer["result"].clone();
            }
        }
    }

    /// Sends a command whose answer does not matter.
    pub(super) fn tell(&mut self, method: &str) {
        let command = json!({"id": 0, "method": method});
        write!(self.commands, "{command}\0").ok();
    }
}
