//! Addresses of the configuration, made fit to be shown: what cannot be parsed is not shown, and a user name or
//! password in one never is.

use url::Url;

use super::redacted_url;

/// Stands in for what is not shown.
pub const REDACTED: &str = "REDACTED";

/// Gives an address as it may be shown, where that is not as it is written.
pub fn redacted_address(text: &str) -> Option<String> {
    let Ok(url) = Url::parse(text) else {
        return Some(REDACTED.to_owned());
    };
    let is_address = matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h");
    if !is_address || url.host().is_none() {
        // `user:password@host` is a URL too, of the scheme `user`.
        return Some(REDACTED.to_owned());
    }
    let is_open = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (!is_open || text.contains('@')).then(|| redacted_url(&url))
}

/// Takes user names and passwords out of every address in a text, such as a comment or the lines of an edit.
pub fn without_userinfo(text: &str) -> String {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`' | '<' | '>');
    text.split_inclusive(is_mark)
        .map(word_without_userinfo)
        .collect()
}

/// Knows `scheme://user:password@host`, and `user:password@host` where a slash is missing or the scheme.
fn word_without_userinfo(word: &str) -> String {
    let start = word.find("//").map_or(0, |at| at + 2);
    let (before, after) = word.split_at(start);
    let end = after.find(['/', '\\', '?', '#']).unwrap_or(after.len());
    match after[..end].rfind('@') {
        Some(at) if start > 0 || after[..at].contains(':') => {
            format!("{before}{}", &after[at + 1..])
        }
        _ => word.to_owned(),
    }
}

/// Takes whole addresses out of a text, malformed ones among them: of a command line that was not understood nobody knows
/// what was meant as what.
pub fn without_addresses(text: &str) -> String {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '`');
    text.split_inclusive(is_mark)
        .map(|word| {
            let bare = word.trim_end_matches(is_mark);
            let is_address = bare.contains('@') || bare.contains("://");
            if is_address {
                word.replacen(bare, REDACTED, 1)
            } else {
                word.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_only_as_far_as_it_is_understood() {
        for (written, shown) in [
            ("https://kf.example.com/pipeline", None),
            ("http://proxy:3128", None),
            ("socks5h://proxy", None),
            ("http://user:pw@proxy:3128", Some("http://proxy:3128/")),
            ("http://token@proxy", Some("http://proxy/")),
            ("http://h/?key=s", Some("http://h/")),
            ("http://user:pw@host:99999", Some(REDACTED)),
            ("user:pw@host", Some(REDACTED)),
            ("token@host", Some(REDACTED)),
            ("pw:x@host/a", Some(REDACTED)),
            ("http:user:pw@host", Some("http://host/")),
            ("http:\\\\user:pw@host", Some("http://host/")),
            ("http://us\ter:pw@host", Some("http://host/")),
            ("ftp://user:pw@host", Some(REDACTED)),
            ("http://user:pw@", Some(REDACTED)),
            ("http://u@s:er@h", Some("http://h/")),
        ] {
            assert_eq!(redacted_address(written).as_deref(), shown, "{written}");
        }
    }

    #[test]
    fn a_command_line_loses_its_addresses() {
        let text = "unexpected argument 'user:pw@h' found\n\n  Usage: --x <URL>";
        let shown = "unexpected argument 'REDACTED' found\n\n  Usage: --x <URL>";
        assert_eq!(without_addresses(text), shown);
        assert_eq!(without_addresses("'https://h/?key=s'"), "'REDACTED'");
        assert_eq!(without_addresses("a 'b' c"), "a 'b' c");
    }

    #[test]
    fn a_text_loses_the_user_of_every_address() {
        for (text, shown) in [
            (
                "# proxy-url: http://u:pw@old:1/x",
                "# proxy-url: http://old:1/x",
            ),
            (
                "a: 'http://pw@h' # https://u:p@w@g",
                "a: 'http://h' # https://g",
            ),
            ("x: //u:pw@h", "x: //h"),
            ("mail: user@example.com", "mail: user@example.com"),
            ("p: http:u:pw@h", "p: h"),
            ("p: u:pw@h/x", "p: h/x"),
            ("image: reg:5000/a@sha256:1", "image: reg:5000/a@sha256:1"),
            ("https://h/a@b", "https://h/a@b"),
            ("http://u:pw@host:99999", "http://host:99999"),
        ] {
            assert_eq!(without_userinfo(text), shown);
        }
    }
}
