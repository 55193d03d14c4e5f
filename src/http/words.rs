//! What servers say, made fit for people: cut, visible, and never with what was sent to them.

use crate::secret::Secret;

/// As many characters of a server's words as are shown to people.
const MOST_WORDS: usize = 200;
/// Stands in for words that repeat a secret.
pub(super) const WITHHELD: &str = "(withheld, as it repeats what was sent)";

/// Makes a server's words fit to be shown: one line of visible characters, cut.
pub fn fit_to_show(words: &str) -> String {
    let visible: String = words.chars().filter(|c| is_visible(*c)).collect();
    if visible.chars().count() <= MOST_WORDS {
        return visible;
    }
    let cut: String = visible.chars().take(MOST_WORDS).collect();
    format!("{cut}…")
}

/// The same, and withheld where the words repeat one of the secrets that were sent.
pub fn fit_to_show_without(words: &str, sent: &[&Secret]) -> String {
    if sent.iter().any(|secret| repeats(words, secret.expose())) {
        return WITHHELD.to_owned();
    }
    fit_to_show(words)
}

/// Tells whether words repeat a secret as it is, with other blanks, or encoded as in a URL or form.
pub(super) fn repeats(words: &str, secret: &str) -> bool {
    let packed = |text: &str| -> String {
        let visible = text.chars().filter(|c| is_visible(*c));
        visible.filter(|c| !c.is_whitespace()).collect()
    };
    let secret = packed(secret);
    let spaced = words.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    !secret.is_empty() && (packed(words).contains(&secret) || packed(&decoded).contains(&secret))
}

/// Tells whether a terminal shows a character as itself: no control character, nothing that turns the writing
/// direction, ends the line or takes no room.
pub fn is_visible(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    !c.is_control() && !is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_cut_and_cleaned() {
        assert_eq!(fit_to_show("a\u{1b}[31mb\u{202e}c"), "a[31mbc");
        assert_eq!(
            fit_to_show(&"x".repeat(500)).chars().count(),
            MOST_WORDS + 1
        );
    }

    #[test]
    fn a_secret_is_known_in_every_spelling() {
        for words in [
            "wrong: a b+c%!",
            "/login?p=a+b%2Bc%25",
            "/login/a%20b%2Bc%25",
            "a\n  b+c%",
            "a\u{7}b+c%",
        ] {
            assert!(repeats(words, "a b+c%"), "{words}");
        }
        assert!(!repeats("all is well", "a b+c%"));
        assert!(!repeats("all is well", " "));
    }
}
