//! curl as a browser: a client of the front door that is not ours, one request at a time.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use url::Url;

use super::dex::Account;
use super::front_door::RealDoor;

/// Is curl with a jar, which follows nothing by itself.
pub struct Curl {
    folder: tempfile::TempDir,
    ca: Option<PathBuf>,
    hops: RefCell<Vec<String>>,
}

pub struct Page {
    pub status: u16,
    pub url: Url,
    pub location: Option<Url>,
    pub body: String,
}

impl Curl {
    pub fn new(ca: Option<&Path>) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            ca: ca.map(Path::to_owned),
            hops: RefCell::default(),
        }
    }

    pub fn get(&self, url: &str) -> Page {
        self.ask("GET", url, &[])
    }

    pub fn with_header(&self, url: &str, header: &str) -> Page {
        self.ask("GET", url, &["-H", header])
    }

    pub fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        let fields = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.ask("POST", url, &["--data", &fields])
    }

    fn ask(&self, method: &str, url: &str, more: &[&str]) -> Page {
        let format = "\n%{http_code} %{redirect_url}";
        let output = self.run(&[&["-w", format, url], more].concat());
        assert!(output.status.success(), "{url}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, last) = text.rsplit_once('\n').expect("curl's last line");
        let (status, location) = last.split_once(' ').expect("curl's last line");
        let url = Url::parse(url).expect("an address");
        let hop = format!("{method} {} {status}", url.path());
        self.hops.borrow_mut().push(hop);
        Page {
            status: status.parse().expect("a status"),
            location: url.join(location).ok().filter(|_| !location.is_empty()),
            url,
            body: body.to_owned(),
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let jar = self.folder.path().join("jar");
        let mut command = Command::new("curl");
        command.args(["-sS", "-g", "--noproxy", "*", "--max-time", "30"]);
        command.arg("-b").arg(&jar).arg("-c").arg(&jar);
        if let Some(ca) = &self.ca {
            command.arg("--cacert").arg(ca);
        }
        command.args(arguments).output().expect("curl")
    }

    pub fn follow(&self, mut page: Page) -> Page {
        while let Some(next) = page.location.take() {
            assert!(self.hops().len() < 25, "{:?}", self.hops());
            page = self.get(next.as_str());
        }
        page
    }

    /// Walks from the dashboard's address to the first page that is not oauth2-proxy's.
    pub fn start(&self, door: &RealDoor) -> Page {
        let base = Url::parse(&door.base()).expect("an address");
        let mut page = self.get(base.as_str());
        if page.status == 403 {
            let action = attribute(&page.body, "action=\"");
            let mut start = page.url.join(&action).expect("an action");
            start.query_pairs_mut().append_pair("rd", base.path());
            page = self.get(start.as_str());
        }
        self.follow(page)
    }

    pub fn submit(&self, form: &Page, account: Account) -> Page {
        let action = attribute(&form.body, "action=\"").replace("&amp;", "&");
        let action = form.url.join(&action).expect("an action");
        let fields = [("login", account.login), ("password", account.password)];
        self.follow(self.post(action.as_str(), &fields))
    }

    pub fn login(&self, door: &RealDoor, account: Account) -> Page {
        let form = self.start(door);
        assert_eq!(form.status, 200, "{:?}", self.hops());
        self.submit(&form, account)
    }

    /// Returns the request's headers as the application sees them.
    pub fn echo(&self, door: &RealDoor) -> Value {
        let page = self.get(&format!("{}/echo", door.base()));
        assert_eq!(page.status, 200, "{:?}\n{}", self.hops(), door.logs());
        let seen: Value = serde_json::from_str(&page.body).expect("JSON");
        seen["headers"].clone()
    }

    pub fn hops(&self) -> Vec<String> {
        self.hops.borrow().clone()
    }

    /// Returns the jar's names and values.
    fn jar(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.folder.path().join("jar")).expect("a jar");
        let lines = text
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>());
        lines
            .filter(|fields| fields.len() == 7)
            // curl 7.88 keeps what a server has cleared when it reads and writes one jar.
            .filter(|fields| !fields[5].contains("_csrf") && !fields[5].contains("_state_"))
            .map(|fields| (fields[5].to_owned(), fields[6].to_owned()))
            .collect()
    }

    pub fn cookies(&self) -> Vec<String> {
        self.jar().into_iter().map(|(name, _)| name).collect()
    }

    pub fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self
            .jar()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }
}

/// Returns what stands between `start` and the next quotation mark.
fn attribute(html: &str, start: &str) -> String {
    let rest = &html[html
        .find(start)
        .unwrap_or_else(|| panic!("{start} in {html}"))
        + start.len()..];
    rest.split('"').next().unwrap_or_default().to_owned()
}
