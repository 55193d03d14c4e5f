//! Text that the parts of the front door write: escaped, made up at random, or the time.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::kfp_api;

/// Escapes as Go's html/template does in attributes and text.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
        .replace('+', "&#43;")
}

/// Makes this many characters of base64url that nobody can guess.
pub(super) fn random(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        text += &kfp_api::base64url(&RandomState::new().hash_one(text.len()).to_le_bytes());
    }
    text.truncate(length);
    text
}

/// Makes an id as Dex does: 25 characters of lower-case base32.
pub(super) fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte % 32)]);
    random(25).bytes().map(letter).collect()
}

/// Makes a cookie value as oauth2-proxy signs it: data, time and signature between bars.
pub(super) fn oauth2_proxy_value(length: usize) -> String {
    let signature = format!("|{}|{}=", unix_now(), random(43));
    random(length - signature.len()) + &signature
}

pub(super) fn authservice_value() -> String {
    random(159) + "="
}

fn unix_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}

/// Writes the time in so many seconds as RFC 9110 section 5.6.7 has it.
pub(super) fn http_date(seconds_from_now: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let now = unix_now() + seconds_from_now;
    let (days, time) = (now / 86_400, now % 86_400);
    // The civil calendar, counted from March of the year 0 in cycles of 400 years.
    let (cycle, day) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = cycle * 400 + year + u64::from(month < 2);
    let weekday = DAYS[(days % 7) as usize];
    let month = &MONTHS[month as usize * 3..][..3];
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
