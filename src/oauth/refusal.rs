//! Refusals in words: what an authorization server says where it gives no code and no token.

/// A refusal, of the authorization endpoint (RFC 6749 section 4.1.2.1) or of the token endpoint (section 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The `error`.
    pub code: String,
    /// The `error_description`, where there is one.
    pub description: Option<String>,
}

impl Refusal {
    /// Gives the code and the description as the server has written them, which is not fit to be shown.
    pub fn words(&self) -> String {
        match &self.description {
            Some(description) => format!("{}: {description}", self.code),
            None => self.code.clone(),
        }
    }
}
