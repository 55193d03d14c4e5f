//! A small client for tests that ask a server themselves: it follows nothing and has no cookies.

use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{Request, Response, find_header, forward};

/// Asks for an address and returns the answer, whatever it is.
pub fn get(url: &str, headers: &[(&str, &str)]) -> Response {
    send("GET", url, headers, Vec::new())
}

/// Posts a form and returns the answer, whatever it is.
pub fn post(url: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Response {
    let form = Serializer::new(String::new()).extend_pairs(fields).finish();
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    send("POST", url, &[&[kind], headers].concat(), form.into_bytes())
}

/// Sends a JSON document (`POST`, `PUT`) and returns the answer, whatever it is.
pub fn send_json(method: &str, url: &str, document: &Value) -> Response {
    let kind = [("Content-Type", "application/json")];
    send(method, url, &kind, document.to_string().into_bytes())
}

fn send(method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    let url = Url::parse(url).expect("an address");
    let host = url.host_str().expect("a host");
    let host = format!("{host}:{}", url.port_or_known_default().expect("a port"));
    let query = url.query().map(|query| format!("?{query}"));
    let own = [("Host", host.clone())].into_iter();
    let length = (method != "GET").then(|| ("Content-Length", body.len().to_string()));
    let own = own.chain(length);
    let request = Request {
        method: method.to_owned(),
        target: format!("{}{}", url.path(), query.unwrap_or_default()),
        headers: own
            .chain(headers.iter().map(|(name, value)| (*name, (*value).into())))
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        body,
    };
    forward(&request, &format!("http://{host}"))
}

impl Response {
    /// Returns the first header of this name, whatever its case.
    pub fn find(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// Returns the body as text.
    pub fn words(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads the body as JSON; what is none fails the test.
    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.status, self.words()))
    }
}
