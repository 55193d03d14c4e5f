//! Readers of the answer's forms, as strict as the programs that they stand in for: curl, a shell, Python's cookie jar,
//! a header parser. What they do not understand to the letter is a failure.

/// Reads lines of `curl -K` (curl(1)): names, and the values of those that have one.
pub(crate) fn curl_config(text: &str) -> Vec<(String, Option<String>)> {
    lines(text)
        .map(|line| match line.split_once(" = ") {
            None => (line.to_owned(), None),
            Some((name, quoted)) => (name.to_owned(), Some(curl_value(quoted))),
        })
        .collect()
}

fn curl_value(quoted: &str) -> String {
    let mut characters = quoted.chars();
    assert_eq!(characters.next(), Some('"'), "{quoted}");
    let mut value = String::new();
    loop {
        match characters.next().expect("the end of a quotation") {
            '"' => break,
            '\\' => value.push(match characters.next().expect("an escaped character") {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                'v' => '\u{b}',
                other => other,
            }),
            other => value.push(other),
        }
    }
    assert_eq!(characters.as_str(), "", "after the quotation: {quoted}");
    value
}

/// Reads lines of `export NAME='value'`, in which `'\''` is the one way out of the quotation (POSIX, section 2.2.2).
pub(crate) fn exports(text: &str) -> Vec<(String, String)> {
    lines(text)
        .map(|line| {
            let (name, word) = line
                .strip_prefix("export ")
                .and_then(|line| line.split_once('='))
                .expect("an export");
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(!name.is_empty() && name.chars().all(is_name), "{line}");
            (name.to_owned(), shell_word(word))
        })
        .collect()
}

fn shell_word(word: &str) -> String {
    let mut value = String::new();
    let mut rest = word;
    loop {
        let quoted = rest.strip_prefix('\'').expect("a quotation");
        let (text, after) = quoted.split_once('\'').expect("its end");
        value.push_str(text);
        rest = match after.strip_prefix("\\'") {
            Some(more) => {
                value.push('\'');
                more
            }
            None => {
                assert_eq!(after, "", "after the quotation: {word}");
                return value;
            }
        };
    }
}

/// A cookie of a Netscape jar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JarCookie {
    pub(crate) domain: String,
    pub(crate) host_only: bool,
    pub(crate) path: String,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) end: i64,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Reads a Netscape cookie jar as `http.cookiejar` and curl do.
pub(crate) fn netscape(text: &str) -> Vec<JarCookie> {
    let mut lines = lines(text);
    assert_eq!(lines.next(), Some("# Netscape HTTP Cookie File"));
    lines.map(jar_cookie).collect()
}

fn jar_cookie(line: &str) -> JarCookie {
    let (http_only, line) = match line.strip_prefix("#HttpOnly_") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    assert!(
        !line.trim_start().starts_with(['#', '$']),
        "a comment: {line}"
    );
    let fields: Vec<&str> = line.split('\t').collect();
    let [domain, subdomains, path, secure, end, name, value] = fields[..] else {
        panic!("{} fields: {line:?}", fields.len());
    };
    let flag = |text: &str| match text {
        "TRUE" => true,
        "FALSE" => false,
        other => panic!("no flag: {other}"),
    };
    let host_only = !flag(subdomains);
    let dotted = domain.strip_prefix('.');
    assert_eq!(dotted.is_none(), host_only, "{line}");
    JarCookie {
        domain: dotted.unwrap_or(domain).to_owned(),
        host_only,
        path: path.to_owned(),
        secure: flag(secure),
        http_only,
        end: end.parse().expect("seconds"),
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// Reads header lines (RFC 9112 section 5), without the blanks around their values.
pub(crate) fn header_lines(text: &str) -> Vec<(String, String)> {
    let Some(text) = text.strip_suffix("\r\n") else {
        assert_eq!(text, "");
        return Vec::new();
    };
    text.split("\r\n")
        .map(|line| {
            assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
            let (name, value) = line.split_once(':').expect("a colon");
            (name.to_owned(), trimmed(value).to_owned())
        })
        .collect()
}

/// Takes off the blanks that no header's value begins or ends with.
pub(crate) fn trimmed(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    assert!(!text.contains('\r') && !text.contains('\0'), "{text:?}");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.split_terminator('\n')
}
