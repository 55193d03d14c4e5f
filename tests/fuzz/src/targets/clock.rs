//! The `Date` and `Age` of a server's answers, and times moved by what they tell.

use chrono::{DateTime, TimeDelta, Utc};
use kfp_credential::credential::{Credential, ExpirySource, KnownEnd, LONGEST_LIFE, Material};
use kfp_credential::http::fuzzing;
use reqwest::header::{AGE, DATE, HeaderMap, HeaderName, HeaderValue};

use crate::input::Fields;

pub(crate) fn run(bytes: &[u8]) {
    let mut fields = Fields::of(bytes);
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &[u8]| {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    };
    add(DATE, fields.bytes());
    let age = fields.bytes();
    if !age.is_empty() {
        add(AGE, age);
    }
    let asked = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    let heard = asked + TimeDelta::milliseconds(i64::try_from(fields.below(100_000)).unwrap_or(0));
    let clock = fuzzing::clock(&headers, asked, heard);
    assert!(!headers.contains_key(AGE) || clock.ahead().is_none());
    let ahead = clock.ahead().unwrap_or_default();
    for time in [DateTime::<Utc>::MIN_UTC, asked, DateTime::<Utc>::MAX_UTC] {
        let (ours, theirs) = (clock.ours(time), clock.theirs(time));
        assert!(ahead < TimeDelta::zero() || ours <= time && theirs >= time);
        assert!(ahead > TimeDelta::zero() || ours >= time && theirs <= time);
        let source = ExpirySource::Expires;
        let end = Some(KnownEnd { at: ours, source });
        let credential = Credential::new(Material::None, None, asked, end, None);
        assert!(credential.expires_at <= asked + LONGEST_LIFE && credential.expires_at <= ours);
        assert!(credential.advertised_expiry <= credential.expires_at);
    }
    assert!(ahead.is_zero() || clock.ours(clock.theirs(asked)) == asked);
}
