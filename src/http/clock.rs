//! How far a server's clock is from ours, by the `Date` of its answers (RFC 9110 section 6.6.1).
//!
//! A token's `exp` and a cookie's `Expires` are times of the server's clock; on a machine whose clock is an hour slow
//! they would seem an hour away when they are over. What is told and stored is always in our own time.

use std::cell::Cell;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{AGE, DATE, HeaderMap};

use crate::credential::moved;

/// A server's clock, as far as its answers have told.
#[derive(Debug, Default)]
pub struct ServerClock(Cell<Option<TimeDelta>>);

impl ServerClock {
    /// Gives a clock that is ahead of ours by so much.
    #[cfg(test)]
    pub(super) fn of(ahead: TimeDelta) -> Self {
        Self(Cell::new(Some(ahead)))
    }

    /// Takes note of an answer to a request that was sent at `asked` and answered at `heard`, by our clock.
    pub(super) fn hear(&self, headers: &HeaderMap, asked: DateTime<Utc>, heard: DateTime<Utc>) {
        if let Some(date) = date(headers) {
            self.0.set(Some(ahead(date, asked, heard)));
        }
    }

    /// Takes over what another server of the same party has told, where this one has told nothing.
    pub fn learn(&self, other: &ServerClock) {
        self.0.set(self.0.get().or(other.0.get()));
    }

    /// Gives how far it is ahead of ours; zero where it differs by no more than the measurement could, `None` where
    /// nothing has told.
    pub fn ahead(&self) -> Option<TimeDelta> {
        self.0.get()
    }

    /// Gives their time for one of ours.
    pub fn theirs(&self, ours: DateTime<Utc>) -> DateTime<Utc> {
        moved(ours, self.0.get().unwrap_or_default())
    }

    /// Gives our time for one of theirs.
    pub fn ours(&self, theirs: DateTime<Utc>) -> DateTime<Utc> {
        moved(theirs, -self.0.get().unwrap_or_default())
    }
}

/// Reads `Date`; an answer from a cache carries the one of long ago (RFC 9111 section 5.1).
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    if headers.contains_key(AGE) {
        return None;
    }
    let text = headers.get(DATE)?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.with_timezone(&Utc))
}

/// The server wrote its whole second somewhere between our two moments: most likely half a second ago in the middle of
/// them. A difference that this leaves room for is none.
fn ahead(date: DateTime<Utc>, asked: DateTime<Utc>, heard: DateTime<Utc>) -> TimeDelta {
    let half_a_second = TimeDelta::milliseconds(500);
    let half_way = (heard - asked).abs() / 2;
    let ahead = date + half_a_second - (asked.min(heard) + half_way);
    if ahead.abs() <= half_way + half_a_second {
        TimeDelta::zero()
    } else {
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + milliseconds).unwrap()
    }

    fn told(date: &str, more: &[(&'static str, &'static str)]) -> Option<TimeDelta> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        for (name, value) in more {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let clock = ServerClock::default();
        // 1_800_000_000 is Fri, 15 Jan 2027 08:00:00 GMT.
        clock.hear(&headers, at(200), at(700));
        clock.ahead()
    }

    #[test]
    fn a_difference_that_the_measurement_explains_is_none() {
        let same = told("Fri, 15 Jan 2027 08:00:00 GMT", &[]);
        assert_eq!(same, Some(TimeDelta::zero()));
        let other = told("Fri, 15 Jan 2027 08:00:01 GMT", &[]);
        assert_eq!(other, Some(TimeDelta::milliseconds(1050)));
    }

    #[test]
    fn a_wrong_clock_is_seen_either_way() {
        let hour = TimeDelta::hours(1);
        let ahead = told("Fri, 15 Jan 2027 09:00:00 GMT", &[]).unwrap();
        assert!((ahead - hour).abs() < TimeDelta::seconds(1), "{ahead}");
        let behind = told("Fri, 15 Jan 2027 07:00:00 GMT", &[]).unwrap();
        assert!((behind + hour).abs() < TimeDelta::seconds(1), "{behind}");
    }

    #[test]
    fn what_tells_nothing_is_left_out() {
        assert_eq!(told("yesterday", &[]), None);
        assert_eq!(
            told("Fri, 15 Jan 2027 07:00:00 GMT", &[("age", "3600")]),
            None
        );
    }

    #[test]
    fn times_beyond_the_calendar_stay_at_its_end() {
        for ahead in [i64::MIN / 1000 + 1, -3600, 0, 3600, i64::MAX / 1000] {
            let clock = ServerClock::of(TimeDelta::seconds(ahead));
            for time in [DateTime::<Utc>::MIN_UTC, at(0), DateTime::<Utc>::MAX_UTC] {
                let (theirs, ours) = (clock.theirs(time), clock.ours(time));
                assert!(ahead > 0 || (theirs <= time && ours >= time));
                assert!(ahead < 0 || (theirs >= time && ours <= time));
            }
        }
    }
}
