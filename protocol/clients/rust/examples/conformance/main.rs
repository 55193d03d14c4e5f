//! Does what the JSON on its stdin asks of the Rust client, and prints as JSON what came of it.
//!
//! It serves the tests that hold the clients of all languages to the same vectors, and shows every part of the client in
//! use, with reqwest: the credential's headers, and all that a context may say about the connection.

mod own_certificate;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kfp_credential_client::{Connection, Credential, ExecConfig, Helper, HelperError, Reply};
use reqwest::blocking::{Client, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Proxy, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    exec: Option<Value>,
    context: Option<String>,
    timeout_seconds: Option<f64>,
    retry_pause_seconds: Option<f64>,
    request_timeout_seconds: Option<f64>,
    #[serde(default)]
    requests: Vec<Request>,
    parallel: Option<usize>,
    #[serde(default)]
    pause_seconds: f64,
    documents: Option<Vec<String>>,
    #[serde(default)]
    find: bool,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

fn main() -> Result<(), Failure> {
    let task: Task = serde_json::from_reader(std::io::stdin())?;
    let results = if task.find {
        found()
    } else if let Some(documents) = &task.documents {
        documents.iter().map(|text| read(text)).collect()
    } else {
        task.send()
    };
    writeln!(std::io::stdout(), "{results}")?;
    Ok(())
}

fn found() -> Value {
    match ExecConfig::find() {
        Ok(config) => json!({"command": config.command, "args": config.args}),
        Err(error) => failed(&error),
    }
}

fn read(text: &str) -> Value {
    match Credential::parse(text.as_bytes()) {
        Ok(credential) => json!({
            "ok": true,
            "endpoint": credential.endpoint,
            "headers": credential.headers(),
            "expiration": credential.expiration.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "namespace": credential.namespace,
        }),
        Err(error) => failed(&error),
    }
}

impl Task {
    /// Makes the whole list of requests as often at once as the task says.
    fn send(&self) -> Value {
        let times = self.parallel.unwrap_or(1).max(1);
        let timeout = Duration::from_secs_f64(self.request_timeout_seconds.unwrap_or(60.0));
        let program = match self.helper() {
            Ok(helper) => Program::new(helper, timeout),
            Err(error) => return vec![failed(&error); times * self.requests.len()].into(),
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..times)
                .map(|_| scope.spawn(|| self.send_each(&program)))
                .collect();
            let results = threads.into_iter().filter_map(|thread| thread.join().ok());
            results.flatten().collect()
        })
    }

    fn send_each(&self, program: &Program) -> Vec<Value> {
        let mut results = Vec::new();
        for request in &self.requests {
            if !results.is_empty() {
                thread::sleep(Duration::from_secs_f64(self.pause_seconds));
            }
            results.push(match program.send(request) {
                Ok(result) => result,
                Err(error) => failed(&*error),
            });
        }
        results
    }

    fn helper(&self) -> Result<Helper, HelperError> {
        let mut helper = match &self.exec {
            Some(exec) => {
                let holder = json!({"exec": exec}).to_string();
                Helper::new(ExecConfig::parse(holder.as_bytes(), "the task", None)?)
            }
            None => Helper::find()?,
        };
        if let Some(context) = &self.context {
            helper = helper.context(context);
        }
        if let Some(seconds) = self.timeout_seconds {
            helper = helper.timeout(Duration::from_secs_f64(seconds));
        }
        if let Some(seconds) = self.retry_pause_seconds {
            helper = helper.retry_pause(Duration::from_secs_f64(seconds));
        }
        Ok(helper)
    }
}

/// A program's HTTP, around its helper.
struct Program {
    helper: Helper,
    /// How long an exchange may take, to the last byte of its answer.
    timeout: Duration,
    /// The client at hand, and the connection that it was built for.
    client: Mutex<Option<(Connection, Client)>>,
}

impl Program {
    fn new(helper: Helper, timeout: Duration) -> Self {
        // reqwest comes without a choice of cryptography; a second installation fails and changes nothing.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = Mutex::default();
        Self {
            helper,
            timeout,
            client,
        }
    }

    fn send(&self, request: &Request) -> Result<Value, Failure> {
        let answer = self.helper.send(&request.url, |url, credential| {
            self.exchange(request, url, credential)
        })?;
        Ok(json!({
            "status": answer.status().as_u16(),
            "contentType": header(&answer, "content-type").unwrap_or_default(),
            "body": answer.text()?,
        }))
    }

    fn exchange(
        &self,
        request: &Request,
        url: &str,
        credential: &Credential,
    ) -> Result<Reply<Response>, Failure> {
        let mut url: Url = url.parse()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        let lines = credential.header_lines();
        for (name, _) in &lines {
            headers.remove(name);
        }
        for (name, value) in &lines {
            let mut value = HeaderValue::from_bytes(value.as_bytes())?;
            value.set_sensitive(true);
            headers.append(HeaderName::try_from(name)?, value);
        }
        let client = self.client_for(credential)?;
        if let Some(name) = name_to_verify(credential) {
            // The name takes the host's place in the URL, and the client has its address.
            headers
                .entry("host")
                .or_insert(HeaderValue::try_from(url.authority())?);
            url.set_host(Some(name))?;
        }
        let answer = client
            .request(Method::from_bytes(request.method.as_bytes())?, url)
            .headers(headers)
            .timeout(self.timeout)
            .body(request.body.clone())
            .send()?;
        Ok(Reply {
            status: answer.status().as_u16(),
            content_type: header(&answer, "content-type"),
            location: header(&answer, "location"),
            answer,
        })
    }

    fn client_for(&self, credential: &Credential) -> Result<Client, Failure> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((connection, client)) = &*kept
            && *connection == credential.connection
        {
            return Ok(client.clone());
        }
        let client = build_client(credential)?;
        *kept = Some((credential.connection.clone(), client.clone()));
        Ok(client)
    }
}

/// Builds a client that reaches the endpoint as the helper did.
fn build_client(credential: &Credential) -> Result<Client, Failure> {
    let connection = &credential.connection;
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_danger_accept_invalid_certs(connection.insecure_skip_tls_verify);
    if let Some(pem) = connection.authorities()? {
        let key = match &connection.certificate_authority {
            Some(_) => "certificateAuthority",
            None => "certificateAuthorityData",
        };
        let named = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let named = named.ok().filter(|named| !named.is_empty());
        let named = named.ok_or_else(|| unsupported(key, "it contains no PEM certificate"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = own_certificate::trusting(named, provider)
            .map_err(|error| unsupported(key, &error.to_string()))?;
        if !connection.insecure_skip_tls_verify {
            builder = builder.tls_backend_preconfigured(config);
        }
    }
    if let Some(url) = &connection.proxy_url {
        let scheme = url.split("://").next().unwrap_or_default();
        if !["http", "https", "socks5", "socks5h"].contains(&scheme) {
            return Err(unsupported("proxyUrl", "its scheme is not known"));
        }
        builder = builder.proxy(Proxy::all(url)?);
    }
    if credential.is_on_this_machine() {
        builder = builder.no_proxy();
    }
    if let Some(name) = name_to_verify(credential) {
        if connection.proxy_url.is_some() && !credential.is_on_this_machine() {
            return Err(unsupported("tlsServerName", "not through a proxy"));
        }
        let endpoint: Url = credential.endpoint.parse()?;
        let addresses = endpoint.socket_addrs(|| None)?;
        builder = builder.no_proxy().resolve_to_addrs(name, &addresses);
    }
    Ok(builder.build()?)
}

/// The name that stands in for the host in the endpoint's certificate.
fn name_to_verify(credential: &Credential) -> Option<&str> {
    let name = credential.connection.tls_server_name.as_deref();
    name.filter(|_| credential.endpoint.starts_with("https:"))
}

fn unsupported(key: &str, why: &str) -> Failure {
    HelperError::connection_unsupported(key, why).into()
}

fn header(answer: &Response, name: &str) -> Option<String> {
    let value = answer.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Tells of an error; those that are not the client's own have no slug.
fn failed(error: &(dyn Error + 'static)) -> Value {
    let Some(known) = error.downcast_ref::<HelperError>() else {
        let chain = std::iter::successors(Some(error), |&error| error.source());
        let chain: Vec<String> = chain.map(ToString::to_string).collect();
        return json!({"error": "", "message": chain.join(": ")});
    };
    let mut told = json!({
        "error": known.slug(),
        "message": known.to_string(),
        "hint": known.hint(),
    });
    if let Some(code) = known.exit_code() {
        told["exit"] = code.into();
    }
    told
}
