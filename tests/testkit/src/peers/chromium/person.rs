//! Somebody with an account, whose browser is the program for `BROWSER`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Chromium, PATIENCE, Page};
use crate::peers::Found;
use crate::peers::dex::Account;

/// Hands an address over, and goes, as a desktop's own program does.
const HANDS_OVER: &str = "#!/bin/sh\n\
    printf %s \"$1\" >\"$0.$$.part\" && mv \"$0.$$.part\" \"$0.$$.url\"\n";

/// Is a person at a browser, until it is dropped.
pub struct Person {
    folder: TempDir,
    pages: Arc<Mutex<Vec<Page>>>,
    is_leaving: Arc<AtomicBool>,
    at_work: Option<JoinHandle<()>>,
}

impl Person {
    /// Sits down at a browser of their own.
    pub fn start(account: Account) -> Found<Self> {
        let chromium = Chromium::start()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("browser");
        fs::write(&program, HANDS_OVER).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
        let pages: Arc<Mutex<Vec<Page>>> = Arc::default();
        let is_leaving = Arc::new(AtomicBool::new(false));
        let at_work = thread::spawn({
            let (pages, is_leaving) = (Arc::clone(&pages), Arc::clone(&is_leaving));
            let folder = folder.path().to_owned();
            move || {
                while !is_leaving.load(Ordering::SeqCst) {
                    for file in handed_over(&folder) {
                        let url = fs::read_to_string(&file).expect("an address");
                        fs::remove_file(&file).expect("its file");
                        let page = chromium.log_in(&url, account);
                        let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
                        pages.push(page);
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            }
        });
        Ok(Self {
            folder,
            pages,
            is_leaving,
            at_work: Some(at_work),
        })
    }

    /// Returns the program for `BROWSER`.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("browser")
    }

    /// Waits for the end of so many visits, and returns the page that the last one ended at.
    #[track_caller]
    pub fn page(&self, visits: usize) -> Page {
        let start = Instant::now();
        loop {
            let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
            if pages.len() >= visits {
                return pages[visits - 1].clone();
            }
            drop(pages);
            let is_there = self
                .at_work
                .as_ref()
                .is_some_and(|work| !work.is_finished());
            assert!(is_there, "the person has given up: see above");
            assert!(start.elapsed() < PATIENCE, "nobody has come so far");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn handed_over(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_url = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "url");
    paths.filter(is_url).collect()
}

impl Drop for Person {
    fn drop(&mut self) {
        self.is_leaving.store(true, Ordering::SeqCst);
        if let Some(work) = self.at_work.take() {
            drop(work.join());
        }
    }
}
