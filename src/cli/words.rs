//! Times and lives in words for people.

use chrono::{DateTime, TimeDelta, Utc};

use crate::credential::{Credential, ExpirySource, Material, wire_time};
use crate::jwt;
use crate::method;

/// Gives a time with its distance: `2026-11-23T21:38:36Z (in 23h 59m)`.
pub(super) fn until(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let time_text = wire_time(time);
    if time <= now {
        return format!("{time_text} (expired)");
    }
    format!("{time_text} (in {})", life(time - now))
}

/// Gives a credential's end, and where nobody knows it, that it is assumed.
pub(super) fn end_of(credential: &Credential, now: DateTime<Utc>) -> String {
    let end = until(credential.expires_at, now);
    let Material::Bearer(token) = &credential.material else {
        return end;
    };
    match credential.expiry_source {
        ExpirySource::Assumed if jwt::claims(token.expose()).is_some() => {
            format!("{end}, which is assumed: the token has no expiry")
        }
        ExpirySource::Assumed => {
            format!("{end}, which is assumed: the token is opaque, not a JWT with an expiry")
        }
        ExpirySource::Jwt
        | ExpirySource::MaxAge
        | ExpirySource::Expires
        | ExpirySource::Configured => end,
    }
}

/// Tells of a server's clock that differs from ours by more than a minute.
pub(super) fn clock(ahead: Option<TimeDelta>) -> Option<String> {
    let ahead = ahead.filter(|ahead| ahead.abs() > TimeDelta::minutes(1))?;
    let (length, side) = (life(ahead.abs()), method::side(ahead));
    Some(format!(
        "The server's clock is {length} {side} this machine's"
    ))
}

/// Gives a length of time in its two largest units.
fn life(length: TimeDelta) -> String {
    let (days, hours, minutes, seconds) = (
        length.num_days(),
        length.num_hours() % 24,
        length.num_minutes() % 60,
        length.num_seconds() % 60,
    );
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {seconds}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_told_above_a_minute() {
        let words = |seconds| clock(Some(TimeDelta::seconds(seconds)));
        assert_eq!((words(60), words(-60), clock(None)), (None, None, None));
        let ahead = "The server's clock is 1m 1s ahead of this machine's";
        assert_eq!(words(61).as_deref(), Some(ahead));
        let behind = "The server's clock is 2h 0m behind this machine's";
        assert_eq!(words(-7200).as_deref(), Some(behind));
    }

    #[test]
    fn the_two_largest_units_are_shown() {
        for (seconds, words) in [
            (5, "5s"),
            (65, "1m 5s"),
            (3_700, "1h 1m"),
            (90_000, "1d 1h"),
        ] {
            assert_eq!(life(TimeDelta::seconds(seconds)), words);
        }
    }
}
