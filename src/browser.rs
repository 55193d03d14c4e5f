//! Opens a page in the person's browser, where there is one to open.

use url::Url;

use crate::environment::Environment;

/// Tells why no browser can be opened from here; `None` where one can.
pub fn obstacle(environment: &Environment) -> Option<&'static str> {
    if environment.get("BROWSER").is_some() {
        return None;
    }
    if environment.get("SSH_CONNECTION").is_some() || environment.get("SSH_CLIENT").is_some() {
        return Some("this is an SSH session");
    }
    if cfg!(target_os = "linux") {
        let has_display =
            environment.get("DISPLAY").is_some() || environment.get("WAYLAND_DISPLAY").is_some();
        let is_wsl = environment.get("WSL_DISTRO_NAME").is_some();
        if !has_display && !is_wsl {
            return Some("there is no display");
        }
    }
    None
}

/// Opens a page; `false` where that did not work. `BROWSER` goes first, as the library has it.
pub fn open(url: &Url) -> bool {
    let mut options = webbrowser::BrowserOptions::new();
    options.with_suppress_output(true);
    webbrowser::open_browser_with_options(webbrowser::Browser::Default, url.as_str(), &options)
        .is_ok()
}
