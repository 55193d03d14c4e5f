//! The spellings in which a server may repeat what was sent to it: each read back, with every character's place in what
//! the server wrote.

use std::ops::Range;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::is_visible;

/// Base64 of any kind, once its characters are those of the standard alphabet and its padding is gone.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Longer than any character's name or number.
const LONGEST_REFERENCE: usize = 12;

/// As often as a text may have been percent-encoded on its way.
const MOST_ENCODINGS: usize = 3;

/// A text read in every way, once for all the secrets that are looked for.
pub(super) struct Searched {
    spellings: Vec<Spelling>,
    /// What base64 in it holds, packed, and where.
    in_base64: Vec<(Range<usize>, String)>,
}

impl Searched {
    /// Reads a text.
    pub(super) fn new(text: &str) -> Self {
        Self {
            spellings: Reading::all_of(text).iter().map(Spelling::of).collect(),
            in_base64: in_base64(text),
        }
    }

    /// Gives where the text holds this, in each spelling at most so often; `secret` is [`packed`].
    pub(super) fn find(&self, secret: &str, most: usize) -> Vec<Range<usize>> {
        let spelled = self.spellings.iter();
        let mut found: Vec<Range<usize>> = spelled
            .flat_map(|spelling| spelling.find(secret, most))
            .collect();
        let hidden = self.in_base64.iter();
        found.extend(
            hidden
                .filter(|(_, text)| text.contains(secret))
                .map(|(place, _)| place.clone()),
        );
        found
    }
}

/// A text read in one way, packed, with the place of each character in the text and in what was read.
struct Spelling {
    text: String,
    starts: Vec<usize>,
    places: Vec<Range<usize>>,
}

/// The characters of a text as they are read in one way.
struct Reading(Vec<Character>);

struct Character {
    is: char,
    from: usize,
    to: usize,
}

impl Spelling {
    fn of(reading: &Reading) -> Self {
        let (mut text, mut starts, mut places) = (String::new(), Vec::new(), Vec::new());
        for character in reading.0.iter().filter(|character| counts(character.is)) {
            starts.push(text.len());
            text.extend(character.is.to_lowercase());
            places.push(character.from..character.to);
        }
        Self {
            text,
            starts,
            places,
        }
    }

    fn find(&self, secret: &str, most: usize) -> Vec<Range<usize>> {
        let (text, starts) = (&self.text, &self.starts);
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some(at) = text[from..].find(secret) {
            let start = from + at;
            let first = starts.partition_point(|at| *at <= start) - 1;
            let end = starts.partition_point(|at| *at < start + secret.len());
            found.push(self.places[first].start..self.places[end - 1].end);
            if found.len() == most {
                break;
            }
            // The next may begin within this one.
            from = starts.get(first + 1).copied().unwrap_or(text.len());
        }
        found
    }
}

impl Reading {
    /// Reads a text as it is, as HTML and as JSON, and each of these percent-encoded too.
    pub(super) fn all_of(text: &str) -> Vec<Self> {
        let plain = || {
            text.char_indices().map(|(from, is)| Character {
                is,
                from,
                to: from + is.len_utf8(),
            })
        };
        let mut all = vec![Self(plain().collect())];
        if text.contains('&') {
            all.push(all[0].decoded(reference));
        }
        if text.contains('\\') {
            all.push(all[0].decoded(escape));
        }
        let mut newest = 0;
        for _ in 0..MOST_ENCODINGS {
            let encoded = all[newest..].iter().filter(|reading| reading.is_encoded());
            let decoded: Vec<Self> = encoded.map(Self::percent_decoded).collect();
            newest = all.len();
            all.extend(decoded);
        }
        all
    }

    fn is_encoded(&self) -> bool {
        let mut characters = self.0.iter();
        characters.any(|character| character.is == '%')
    }

    fn decoded(&self, read: fn(&[Character]) -> Option<(char, usize)>) -> Self {
        let (mut decoded, mut at) = (Vec::new(), 0);
        while let Some(character) = self.0.get(at) {
            let (is, length) = read(&self.0[at..]).unwrap_or((character.is, 1));
            let (from, to) = (character.from, self.0[at + length - 1].to);
            decoded.push(Character { is, from, to });
            at += length;
        }
        Self(decoded)
    }

    fn percent_decoded(&self) -> Self {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        let digit = |at: usize| {
            self.0
                .get(at)
                .and_then(|character| character.is.to_digit(16))
        };
        let mut at = 0;
        while let Some(character) = self.0.get(at) {
            let byte = match (character.is, digit(at + 1), digit(at + 2)) {
                ('%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
                _ => None,
            };
            let length = if byte.is_some() { 3 } else { 1 };
            let place = (character.from, self.0[at + length - 1].to);
            let before = bytes.len();
            match (byte, character.is) {
                (Some(byte), _) => bytes.push(byte),
                (None, is) => bytes.extend_from_slice(is.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            places.resize(places.len() + bytes.len() - before, place);
            at += length;
        }
        let (mut decoded, mut start) = (Vec::new(), 0);
        for chunk in bytes.utf8_chunks() {
            for (at, is) in chunk.valid().char_indices() {
                let (from, _) = places[start + at];
                let (_, to) = places[start + at + is.len_utf8() - 1];
                decoded.push(Character { is, from, to });
            }
            start += chunk.valid().len() + chunk.invalid().len();
        }
        Self(decoded)
    }
}

/// Gives what of a text is compared: no blanks, nothing that a terminal does not show, and no difference of case, which
/// goes where a text becomes the host of an address.
pub(super) fn packed(text: &str) -> String {
    let counted = text.chars().filter(|c| counts(*c));
    counted.flat_map(char::to_lowercase).collect()
}

/// A plus is a blank in forms (application/x-www-form-urlencoded) and itself in paths, and both may be mixed.
fn counts(c: char) -> bool {
    is_visible(c) && !c.is_whitespace() && c != '+'
}

/// Reads what may be base64 in a text.
fn in_base64(text: &str) -> Vec<(Range<usize>, String)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let mut found = Vec::new();
    let mut rest = 0;
    for run in text.split(|c| !is_part(c)) {
        let start = rest;
        rest = start
            + run.len()
            + text[start + run.len()..]
                .chars()
                .next()
                .map_or(0, char::len_utf8);
        if run.is_empty() {
            continue;
        }
        let standard = run.replace('-', "+").replace('_', "/");
        let whole = standard.len() - usize::from(standard.len() % 4 == 1);
        let decoded = BASE64.decode(&standard[..whole]).unwrap_or_default();
        let held = packed(&String::from_utf8_lossy(&decoded));
        if !held.is_empty() {
            let padding = text[start + run.len()..]
                .bytes()
                .take_while(|byte| *byte == b'=');
            found.push((start..start + run.len() + padding.count(), held));
        }
    }
    found
}

/// Reads a character reference of HTML, and how long it is: of those with names, the few that escaping makes.
fn reference(text: &[Character]) -> Option<(char, usize)> {
    let inside = after(text, '&')?;
    let end = inside
        .iter()
        .take(LONGEST_REFERENCE)
        .position(|character| character.is == ';')?;
    let name: String = inside[..end].iter().map(|character| character.is).collect();
    let is = match name.as_str() {
        "lt" | "LT" => '<',
        "gt" | "GT" => '>',
        "amp" | "AMP" => '&',
        "quot" | "QUOT" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "plus" => '+',
        "num" => '#',
        "sol" => '/',
        "equals" => '=',
        name => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    Some((is, end + 2))
}

/// Reads an escape of JSON (RFC 8259 section 7), and how long it is.
fn escape(text: &[Character]) -> Option<(char, usize)> {
    let inside = after(text, '\\')?;
    let unit = |at: usize| -> Option<u32> {
        let digits = inside.get(at..at + 4)?.iter();
        digits
            .map(|digit| digit.is.to_digit(16))
            .try_fold(0, |number, digit| Some(number * 16 + digit?))
    };
    match inside.first()?.is {
        'u' => match unit(1)? {
            high @ 0xd800..=0xdbff => {
                let low = unit(7).filter(|low| (0xdc00..=0xdfff).contains(low))?;
                let is_pair = inside
                    .get(5..7)?
                    .iter()
                    .map(|character| character.is)
                    .eq(['\\', 'u']);
                let both = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                is_pair.then(|| char::from_u32(both))?.map(|is| (is, 12))
            }
            single => Some((char::from_u32(single)?, 6)),
        },
        'n' => Some(('\n', 2)),
        't' => Some(('\t', 2)),
        is @ ('"' | '\\' | '/') => Some((is, 2)),
        _ => None,
    }
}

fn after(text: &[Character], first: char) -> Option<&[Character]> {
    let (is, rest) = text.split_first()?;
    (is.is == first).then_some(rest)
}
