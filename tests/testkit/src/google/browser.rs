//! Browsers for `BROWSER`, which consent at once and follow the redirects: one in the process of the test, and curl.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use url::Url;

use super::proxy::Asking;
use super::stand_in::{Google, request, visit};
use crate::http::Response;

/// Hands its URL over, and waits until the browser has been there.
const HANDS_OVER: &str = r#"#!/bin/sh
printf %s "$1" >"$0.$$.part" && mv "$0.$$.part" "$0.$$.url"
while [ -e "$0.$$.url" ]; do sleep 0.01; done
"#;
const MOST_REDIRECTS: usize = 8;

/// Ends a browser of this process.
#[derive(Default)]
pub(super) struct Closing(Arc<AtomicBool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Google {
    /// Writes a program for `BROWSER` whose pages this process visits. It has no cookies, which an OAuth server of the
    /// options wants: there it is [`Google::curl_browser`].
    pub fn browser(&self) -> PathBuf {
        if self.has_oauth_server() {
            return self.curl_browser();
        }
        let folder = tempfile::tempdir_in(self.folder()).expect("a folder");
        // Gone with the folder around it.
        let folder = folder.keep();
        let script = program(&folder.join("browser"), HANDS_OVER);
        let (asking, is_closing) = (self.proxy().asking(), Arc::clone(&self.closing().0));
        thread::spawn(move || {
            while !is_closing.load(Ordering::SeqCst) {
                for url in handed_over(&folder) {
                    let asking = asking.clone();
                    // A page may be held back while another one is asked for.
                    thread::spawn(move || {
                        let address = fs::read_to_string(&url).unwrap_or_default();
                        browse(&asking, &address);
                        fs::remove_file(url.with_extension("open")).ok();
                        fs::remove_file(url).ok();
                    });
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
        script
    }

    /// Writes a program for `BROWSER` that is curl, with cookies, through the proxy.
    pub fn curl_browser(&self) -> PathBuf {
        let text = format!(
            "#!/bin/sh\nexec curl -sS -L --max-redirs {MOST_REDIRECTS} -b '' -o \"$0.page\" --proxy {} \
             --noproxy 127.0.0.1,localhost,::1 --cacert {} \"$1\"\n",
            self.proxy().origin(),
            self.ca_file().display()
        );
        program(&self.folder().join("browser"), &text)
    }
}

/// Lists the URLs that were handed over since the last look.
fn handed_over(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let urls = entries.map(|entry| entry.path());
    let is_new = |path: &PathBuf| {
        let is_url = path.extension().is_some_and(|kind| kind == "url");
        is_url && fs::File::create_new(path.with_extension("open")).is_ok()
    };
    urls.filter(is_new).collect()
}

/// Goes where a page leads, until one leads nowhere.
fn browse(asking: &Asking, address: &str) {
    let mut next = Url::parse(address).ok();
    for _ in 0..=MOST_REDIRECTS {
        let Some(url) = next else {
            return;
        };
        let page = match url.scheme() {
            "https" => {
                let host = url.host_str().unwrap_or_default();
                asking.ask(host, &request("GET", &url, host))
            }
            _ => Some(visit(url.as_str())),
        };
        next = page.and_then(|page| url.join(location(&page)?).ok());
    }
}

fn location(page: &Response) -> Option<&str> {
    let mut headers = page.headers.iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    found.map(|(_, target)| target.as_str())
}

fn program(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).expect("a script");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    path.to_owned()
}
