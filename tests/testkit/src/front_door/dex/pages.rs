//! Dex's pages as its default theme writes them, so far as a client looks at them.

use super::super::super::http::{Request, Response};
use super::super::state::AuthRequest;
use super::super::text::escaped;

pub(super) fn connectors_page(offered: &[(String, String)]) -> String {
    let row = |(name, url): &(String, String)| {
        format!(
            r#"
      <div class="theme-form-row">
        <a href="{}" target="_self">
          <button class="dex-btn theme-btn-provider">
            <span class="dex-btn-text">Log in with {}</span>
          </button>
        </a>
      </div>
"#,
            escaped(url),
            escaped(name)
        )
    };
    let rows: Vec<String> = offered.iter().map(row).collect();
    let rows = rows.concat();
    format!("  <h2 class=\"theme-heading\">Log in to dex </h2>\n  <div>{rows}  </div>")
}

/// Shows the form; with `refused`, the name whose password was wrong.
pub(super) fn login_form(request: &Request, begun: &AuthRequest, refused: Option<&str>) -> String {
    let prompt = if begun.connector == "local" {
        "Email Address"
    } else {
        "Username"
    };
    let action = escaped(&request.target);
    let value = refused.map_or_else(
        || "autofocus".to_owned(),
        |name| format!("value=\"{}\"", escaped(name)),
    );
    let error = refused.map_or_else(String::new, |_| {
        format!(
            "<div id=\"login-error\" class=\"dex-error-box\">\n        \
             Invalid {prompt} and password.\n      </div>"
        )
    });
    let back = if begun.back.is_empty() {
        String::new()
    } else {
        format!(
            "<a class=\"dex-subtle-text\" href=\"{}\">Select another login method.</a>",
            escaped(&begun.back)
        )
    };
    format!(
        r#"  <h2 class="theme-heading">Log in to Your Account</h2>
  <form method="post" action="{action}">
    <label for="login">{prompt}</label>
    <input tabindex="1" required id="login" name="login" type="text" class="theme-form-input" placeholder="{}"  {value} />
    <label for="password">Password</label>
    <input tabindex="2" required id="password" name="password" type="password" class="theme-form-input" placeholder="password" />
    {error}
    <button tabindex="3" id="submit-login" type="submit" class="dex-btn theme-btn--primary">Login</button>
  </form>
  {back}"#,
        prompt.to_lowercase()
    )
}

pub(super) fn approval_page(id: &str) -> String {
    let form = |approval: &str, label: &str| {
        format!(
            r#"
      <form method="post">
        <input type="hidden" name="req" value="{id}"/>
        <input type="hidden" name="approval" value="{approval}">
        <button type="submit" class="dex-btn"><span class="dex-btn-text">{label}</span></button>
      </form>"#
        )
    };
    format!(
        "  <h2 class=\"theme-heading\">Grant Access</h2>\n  \
         <div class=\"dex-subtle-text\">Dex Login Application would like to:</div>{}{}",
        form("approve", "Grant Access"),
        form("rejected", "Cancel")
    )
}

pub(super) fn dex_error(status: u16, kind: &str, reason: &str) -> Response {
    let reason = escaped(reason);
    dex_page(
        status,
        &format!("  <h2 class=\"theme-heading\">{kind}</h2>\n  <p>{reason}</p>"),
    )
}

pub(super) fn dex_page(status: u16, panel: &str) -> Response {
    Response::html(
        status,
        format!(
            r#"<!DOCTYPE html>
<html>
  <head>
    <meta charset="utf-8">
    <title>dex</title>
  </head>
  <body class="theme-body">
    <div class="dex-container">
<div class="theme-panel">
{panel}
</div>
    </div>
  </body>
</html>
"#
        ),
    )
}
