//! Words of a command that a person is told to type. They may come from a server or a file of somebody else's, and are
//! pasted into a shell: no hint with a command is made in any other way.

use crate::sanitize::is_visible;

/// Quotes a word for a POSIX shell where it needs that. What nobody can type or see as it is, such as a control
/// character, is not shown: `instead`, such as `NAME`, stands in for it.
pub fn word(text: &str, instead: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.chars().all(is_visible) {
        return instead.to_owned();
    }
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Writes an option with its value; one that begins with a dash is no option of its own.
pub fn option(name: &str, value: &str, instead: &str) -> String {
    let separator = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{separator}{}", word(value, instead))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_each_word_as_it_was() {
        for text in [
            "local",
            "",
            "a b",
            "it's",
            "$(touch x)",
            "`id`;id&&id|id>x<y",
            "!!\\ \"$HOME\" ~ * ? # {a,b} [c]",
            "ü+é",
            "-o",
        ] {
            let line = format!("printf '[%s]' {}", word(text, "NO"));
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("[{text}]"),
                "{line}"
            );
        }
    }

    #[test]
    fn what_cannot_be_typed_is_not_shown() {
        for text in ["a\nb", "\u{1b}[31m", "\u{202e}abc", "a\u{0}", "a\u{200b}b"] {
            assert_eq!(word(text, "NAME"), "NAME");
        }
        assert_eq!(option("--context", "-x y", "NAME"), "--context='-x y'");
        assert_eq!(option("--context", "x", "NAME"), "--context x");
        assert_eq!(option("--context", "\u{7}", "NAME"), "--context NAME");
    }
}
