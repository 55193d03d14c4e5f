//! An answer of a walk.

use std::io::Read;

use reqwest::StatusCode;
use reqwest::blocking::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use url::Url;

use super::{LARGEST_BODY, failure};
use crate::error::{Error, Result, Slug};
use crate::sanitize::redacted_url;

/// As much of a redirect's body as is worth reading.
const SMALL_BODY: u64 = 64 * 1024;

/// An answer; its body is read when somebody asks for it.
pub struct Page {
    /// The URL that was asked.
    pub url: Url,
    /// The number of the request that brought it, counted from 1.
    pub hop: u32,
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    pub(super) unread: Option<Response>,
    pub(super) text: String,
}

impl Page {
    /// Gives where the answer redirects to, `None` where it is no redirect.
    pub fn redirect(&self) -> Result<Option<Url>> {
        if !matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = self.headers.get(LOCATION) else {
            return Ok(None);
        };
        let target = std::str::from_utf8(location.as_bytes())
            .ok()
            .and_then(|text| self.url.join(text).ok());
        match target {
            Some(target)
                if matches!(target.scheme(), "http" | "https") && target.host().is_some() =>
            {
                Ok(Some(target))
            }
            _ => Err(Error::new(
                Slug::RedirectRefused,
                format!(
                    "{} redirects to something that is not an http or https URL",
                    redacted_url(&self.url)
                ),
            )),
        }
    }

    /// Tells whether the answer says it is of a media type, such as `text/html`.
    pub fn is(&self, media_type: &str) -> bool {
        let text = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        text.split(';')
            .next()
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
    }

    /// Gives the body as text.
    pub fn text(&mut self) -> Result<&str> {
        if let Some(body) = self.unread.take() {
            let mut bytes = Vec::new();
            body.take(LARGEST_BODY + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| failure::cut_off(&error, &self.url))?;
            if bytes.len() as u64 > LARGEST_BODY {
                let what = format!("{} answered with more than 1 MiB", redacted_url(&self.url));
                return Err(Error::new(Slug::LoginNotUnderstood, what));
            }
            self.text = String::from_utf8_lossy(&bytes).into_owned();
        }
        Ok(&self.text)
    }

    /// Reads a redirect's small body away, so that its connection serves the next request too.
    pub(super) fn discard(self) {
        if let Some(body) = self.unread {
            std::io::copy(&mut body.take(SMALL_BODY), &mut std::io::sink()).ok();
        }
    }

    /// Tells the status and the target of a redirect, for words to people.
    pub fn summary(&self) -> String {
        match self.redirect() {
            Ok(Some(target)) => format!("{} to {}", self.status, redacted_url(&target)),
            _ => self.status.to_string(),
        }
    }
}
