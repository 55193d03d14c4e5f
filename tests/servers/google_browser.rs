//! A person's login at Google with a real browser: Chromium, without a window, as `BROWSER`.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use testkit::google::{DESKTOP_CLIENT, DESKTOP_SECRET, Google, IAP_CLIENT, IAP_HOST, USER, jwt};
use testkit::http::{Request, Response};
use testkit::peers::chromium::FLAGS;
use testkit::peers::{install, needs};
use testkit::sandbox::Sandbox;
use testkit::terminal::Terminal;

/// How long Chromium may take to end after the login has.
const PATIENCE: Duration = Duration::from_secs(60);

/// Is a program for `BROWSER`, and where it leaves the page that it ends at.
struct Browser {
    script: PathBuf,
    page: PathBuf,
}

impl Browser {
    fn new(chromium: &Path, google: &Google) -> Self {
        let folder = google.folder();
        let (script, page) = (folder.join("chromium"), folder.join("chromium.page"));
        // The end of the test's terminal is not to end the browser: hence a session of its own.
        // Whose certificates it trusts is Chromium's own business, not that of the program.
        let text = format!(
            "#!/bin/sh\n\
             [ $# = 2 ] || exec setsid \"$0\" \"$1\" again\n\
             timeout 50 '{}' {} --user-data-dir='{}' --proxy-server={} \
             '--proxy-bypass-list=127.0.0.1;localhost' --ignore-certificate-errors \
             --virtual-time-budget=5000 --dump-dom \"$1\" >'{page}.new' 2>'{page}.log'\n\
             mv '{page}.new' '{page}'\n",
            chromium.display(),
            FLAGS.join(" "),
            folder.join("profile").display(),
            google.proxy().origin(),
            page = page.display(),
        );
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
        Self { script, page }
    }

    /// Waits for the browser's end, and returns the page that it showed last.
    #[track_caller]
    fn last_page(&self) -> String {
        let start = Instant::now();
        while !self.page.exists() {
            let log = fs::read_to_string(self.page.with_extension("page.log"));
            assert!(start.elapsed() < PATIENCE, "{}", log.unwrap_or_default());
            thread::sleep(Duration::from_millis(20));
        }
        fs::read_to_string(&self.page).expect("a page")
    }
}

fn person(google: &Google, browser: &Browser) -> Sandbox {
    let person = Sandbox::new();
    for (name, value) in google.env() {
        person.env(name, &value);
    }
    person.env("GCE_METADATA_HOST", "127.0.0.1:1");
    person.env("DESKTOP_SECRET", DESKTOP_SECRET);
    person.secret(DESKTOP_SECRET);
    person.env("BROWSER", &browser.script.to_string_lossy());
    person.config(&format!(
        "apiVersion: kfp-credential/v1\n\
         kind: Config\n\
         contexts:\n\
         - name: google\n\
         \x20 endpoint: https://{IAP_HOST}/pipeline\n\
         \x20 store: file\n\
         \x20 iap:\n\
         \x20   client-id: {IAP_CLIENT}\n\
         \x20   other-client-id: {DESKTOP_CLIENT}\n\
         \x20   other-client-secret: {{ env: DESKTOP_SECRET }}\n"
    ));
    person
}

/// Logs in at a terminal; `get` then answers without any further question to Google.
#[track_caller]
fn logs_in(google: &Google, browser: &Browser, pages: usize) {
    let person = person(google, browser);
    let terminal = Terminal::open();
    let login = person.command(&["login", "--context", "google"]);
    let done = login.at_terminal(terminal.line()).run().assert_success();
    let words = format!("Logged in to https://{IAP_HOST}/pipeline as {USER}, until 20");
    let done = done.assert_says(&words);
    assert!(!done.stderr.contains("not verified"), "{}", done.shown());
    terminal.assert_in_order(DESKTOP_SECRET);

    let page = browser.last_page();
    assert!(page.contains("<title>kfp-credential</title>"), "{page}");
    let words = "<p>You are logged in. Close this page and go back to the terminal.</p>";
    assert!(page.contains(words), "{page}");
    assert!(!page.contains("made-up"), "a code or a token: {page}");

    let mut visited = google.lines();
    visited.retain(|line| line.ends_with(" accounts.google.com/o/oauth2/v2/auth"));
    assert_eq!(visited.len(), pages);
    assert_eq!(google.replays(), 0);

    google.clear();
    let get = ["get", "--context", "google", "-o", "token"];
    let token = person.run(&get).assert_success().stdout;
    let claims = jwt::GOOGLE.verify(token.trim()).expect("Google's token");
    assert_eq!(
        (&claims["aud"], &claims["email"]),
        (&IAP_CLIENT.into(), &USER.into())
    );
    assert!(google.lines().is_empty(), "{:?}", google.lines());
}

#[test]
fn chromium_is_sent_back_at_once() {
    let chromium = needs!(install::program("chromium", "chromium"));
    let google = Google::default();
    logs_in(&google, &Browser::new(&chromium, &google), 1);
}

/// Is how the stand-in's own page says that the person has consented.
const CONSENT: &str = "made_up_consent";

fn consent_page(request: &Request) -> Response {
    let allow = format!("{}&amp;{CONSENT}=1", request.target.replace('&', "&amp;"));
    Response::html(
        200,
        format!(
            "<!doctype html><html lang=\"en\"><title>Sign in - Google Accounts</title>\
             <body><p>{USER}</p><a id=\"allow\" href=\"{allow}\">Allow</a>\
             <script>setTimeout(() => document.getElementById('allow').click(), 100)</script>"
        ),
    )
}

#[test]
fn chromium_asks_for_consent() {
    let chromium = needs!(install::program("chromium", "chromium"));
    let google = Google::default();
    google.behave(|behave| behave.consent_page = true);
    let browser = Browser::new(&chromium, &google);
    // The person's hand: a script of the page follows the link that the person would.
    google.intercept(|host, request| {
        let is_question = host == "accounts.google.com"
            && request.path() == "/o/oauth2/v2/auth"
            && request.query(CONSENT).is_none();
        is_question.then(|| consent_page(request))
    });
    logs_in(&google, &browser, 2);
}
