//! Text that every reader takes for one line: what goes into headers, shell words, cookie jars and words to people.

/// Tells whether a text holds a character that would end or change the line that it stands in: a control character (C0,
/// DEL, C1) or one of Unicode's own line ends, at which some readers split (Python's `str.splitlines`).
pub fn breaks_a_line(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Makes one line of a text from outside, for words to people: what would break it is shown as a gap.
pub fn on_one_line(text: &str) -> String {
    let kept = |c: char| {
        let breaks = breaks_a_line(c.encode_utf8(&mut [0; 4]));
        if breaks {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(kept).collect()
}

/// Lists names in a sentence, with `word` before the last one.
pub fn listed(names: &[&str], word: &str) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{breaks_a_line, listed, on_one_line};

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        assert_eq!(listed(&["a", "b", "c"], "or"), "a, b or c");
        assert_eq!(listed(&["a", "b"], "and"), "a and b");
        assert_eq!(listed(&["a"], "or"), "a");
        assert_eq!(listed(&[], "or"), "");
    }

    #[test]
    fn every_control_character_and_line_end_is_known() {
        let controls = (0..0x20).chain(0x7f..0xa0).chain([0x2028, 0x2029]);
        for c in controls.map(|code| char::from_u32(code).unwrap()) {
            assert!(breaks_a_line(&format!("a{c}b")), "{c:?}");
            assert_eq!(on_one_line(&format!("a{c}b")), "a\u{fffd}b");
        }
        for plain in ["", " ", "a b", "ü\u{a0}", "\u{2027}", "😀"] {
            assert!(!breaks_a_line(plain), "{plain:?}");
            assert_eq!(on_one_line(plain), plain);
        }
    }
}
