//! What is shown to people, made fit for that: a server's words are cut, visible and without what was sent to it, a URL
//! goes without what may be secret in it.

pub mod address;
mod spellings;

use std::ops::Range;

use spellings::Searched;
use url::Url;

/// As many characters of a server's words as are shown to people.
const MOST_WORDS: usize = 200;
/// As much of a text as is searched for secrets; the rest is not shown.
const MOST_SEARCHED: usize = 8 * 1024;
/// A secret of fewer characters than these is told by the letters around a gap.
const LEAST_TO_CUT: usize = 4;
/// More of them in one text than this are no accident.
const MOST_CUTS: usize = 50;
/// Stands in for a part that repeats a secret.
const CUT_OUT: &str = "(withheld)";
/// Stands in for words in which secrets cannot be told from the rest.
const WITHHELD: &str = "(withheld, as it repeats what was sent)";

/// Makes a server's words fit to be shown: one line of visible characters, cut.
pub fn sanitized(words: &str) -> String {
    let mut visible = words.chars().filter(|c| is_visible(*c));
    let mut shown: String = visible.by_ref().take(MOST_WORDS).collect();
    if visible.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Gives a URL for people: without its query, which may hold codes and states, and without a user name.
pub fn redacted_url(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_username("").ok();
    url.set_password(None).ok();
    url.to_string()
}

/// Cuts out of words what repeats a secret: as it is, with other blanks, or encoded as in a URL, a form, HTML, JSON or
/// base64. What is left never repeats one: where cutting cannot bring that about, nothing is left.
pub fn without_secrets(words: &str, secrets: &[&str]) -> String {
    let mut end = words.len().min(MOST_SEARCHED);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    let (searched, rest) = words.split_at(end);
    let readings = Searched::new(searched);
    let mut cuts: Vec<Range<usize>> = Vec::new();
    for secret in secrets {
        let secret = spellings::packed(secret);
        if secret.is_empty() {
            continue;
        }
        let found = readings.find(&secret, MOST_CUTS);
        if !found.is_empty() && secret.chars().count() < LEAST_TO_CUT {
            return WITHHELD.to_owned();
        }
        cuts.extend(found);
    }
    if cuts.is_empty() && rest.is_empty() {
        return words.to_owned();
    }
    let (shown, kept) = cut_out(searched, cuts);
    let is_broken_off = !rest.is_empty() && kept.chars().count() <= 2 * MOST_WORDS;
    if is_broken_off || repeats(&kept, secrets) {
        return WITHHELD.to_owned();
    }
    shown
}

/// Gives the words with each range replaced, and what is left of them alone.
fn cut_out(words: &str, mut cuts: Vec<Range<usize>>) -> (String, String) {
    cuts.sort_by_key(|cut| cut.start);
    let (mut shown, mut kept, mut at) = (String::new(), String::new(), 0);
    for cut in cuts {
        if cut.start > at || shown.is_empty() {
            let part = &words[at..cut.start];
            shown.push_str(part);
            kept.push_str(part);
            shown.push_str(CUT_OUT);
        }
        at = at.max(cut.end);
    }
    shown.push_str(&words[at..]);
    kept.push_str(&words[at..]);
    (shown, kept)
}

/// Tells whether words repeat one of the secrets in any spelling that is known.
fn repeats(words: &str, secrets: &[&str]) -> bool {
    let readings = Searched::new(words);
    secrets.iter().any(|secret| {
        let secret = spellings::packed(secret);
        !secret.is_empty() && !readings.find(&secret, 1).is_empty()
    })
}

/// Tells whether a terminal shows a character as itself: no control character, nothing that turns the writing
/// direction, ends the line or takes no room.
pub fn is_visible(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_control() && !is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_cut_and_cleaned() {
        assert_eq!(sanitized("a\u{1b}[31mb\u{202e}c"), "a[31mbc");
        assert_eq!(sanitized(&"x".repeat(500)).chars().count(), MOST_WORDS + 1);
    }

    #[test]
    fn a_secret_is_known_in_every_spelling() {
        for words in [
            "wrong: a b+c%!",
            "/login?p=a+b%2Bc%25",
            "/login/a%20b%2Bc%25",
            "a\n  b+c%",
            "a\u{7}b+c%",
            "a&#32;b&plus;c&#x25;",
            "{\"p\": \"a\\u0020b+c\\u0025\"}",
            "Basic YSBiK2Ml",
            "http://A%2520B%252bC%2525.example.com/",
            "/login/a%20b+c%%3C/div%3E",
            "a\u{ad} \u{61c}b\u{fe0f}+c%",
        ] {
            assert!(repeats(words, &["a b+c%"]), "{words}");
        }
        assert!(!repeats("all is well", &["a b+c%"]));
        assert!(!repeats("all is well", &[" "]));
    }

    /// Every one of thousands of cookies is looked for in each word that is shown.
    #[test]
    fn many_secrets_in_a_long_text_take_no_long_time() {
        let secrets: Vec<String> = (0..2_000)
            .map(|number| format!("cookie-{number:05}"))
            .collect();
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let text = "word+%41&amp; \\n QUJDREVG ".repeat(40_000);
        let start = std::time::Instant::now();
        without_secrets(&text, &secrets);
        // A fraction of a second in a build for users; minutes where each one reads the text anew.
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }

    #[test]
    fn what_repeats_a_secret_is_cut_out_and_the_message_stays() {
        for (words, secrets, shown) in [
            (
                "Invalid Email Address and password.",
                &["password"] as &[_],
                "Invalid Email Address and (withheld).",
            ),
            ("all is well", &["password", "", " "], "all is well"),
            (
                "you typed p&amp;w <7>, so: 401",
                &["p&w <7>"],
                "you typed (withheld), so: 401",
            ),
            (
                "at /x/p%26w%20%3C7%3E/y",
                &["p&w <7>"],
                "at /x/(withheld)/y",
            ),
            ("\"p\\u0026w \\u003c7>\"", &["p&w <7>"], "\"(withheld)\""),
            (
                "got Basic dXNlcjpodW50ZXIyMg== from you",
                &["hunter22"],
                "got Basic (withheld) from you",
            ),
            (
                "hunter22hunter22 and hunter22",
                &["hunter22"],
                "(withheld) and (withheld)",
            ),
            // Overlapping repetitions, and secrets that lie in each other.
            ("abababa.", &["ababa"], "(withheld)."),
            ("12345678", &["3456", "1234", "5678"], "(withheld)"),
            (
                "x cookie-value=y",
                &["cookie-v", "ie-value"],
                "x (withheld)=y",
            ),
            // What is left must not be one again.
            ("hunhunter22ter22", &["hunter22"], WITHHELD),
            ("a cat has a hat", &["at"], WITHHELD),
        ] {
            assert_eq!(without_secrets(words, secrets), shown, "{words}");
        }
        let many = "secret ".repeat(200);
        assert_eq!(without_secrets(&many, &["secret"]), WITHHELD);
        let long = "secret ".repeat(20_000);
        assert_eq!(without_secrets(&long, &["secret"]), WITHHELD);
        assert!(!without_secrets(&("x".repeat(70_000) + "secret"), &["secret"]).contains("secret"));
    }
}
