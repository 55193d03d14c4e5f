//! What a client puts on its requests, and until when.
//!
//! The rules of expiry live here: the truth is the earliest end that is known, the end that clients are told lies a
//! little before it, and both are fixed once, when the credential is made, so that equal answers are equal.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::secret::{Secret, exposed, exposed_option};

/// Ends further away than this are cut to it, as browsers do (RFC 6265bis section 5.5): some servers write nanoseconds
/// where seconds belong.
pub const LONGEST_LIFE: TimeDelta = TimeDelta::days(400);
/// The life of a credential whose end nothing tells.
const ASSUMED_LIFE: TimeDelta = TimeDelta::hours(1);

/// A credential with its holder and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Credential {
    /// What goes onto requests.
    pub material: Material,
    /// Who it stands for, where that is known: an e-mail address, a user name, a service account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// When it was made, to the second.
    pub issued_at: DateTime<Utc>,
    /// When it truly ends, to the second.
    pub expires_at: DateTime<Utc>,
    /// The end that clients are told: a little before the truth.
    #[serde(rename = "told-end")]
    pub advertised_expiry: DateTime<Utc>,
    /// How the end is known.
    pub expiry_source: ExpirySource,
}

/// What renews a credential without a person: a refresh token (RFC 6749 section 1.5) and the client it was given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grant {
    /// The OAuth client.
    pub client_id: String,
    /// That client's secret, where it has one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "exposed_option"
    )]
    pub client_secret: Option<Secret>,
    /// The refresh token.
    #[serde(serialize_with = "exposed")]
    pub refresh_token: Secret,
}

/// The three things that a client may have to put on its requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Material {
    /// A bearer token (RFC 6750).
    Bearer(#[serde(serialize_with = "exposed")] Secret),
    /// A session's cookies (RFC 6265), all of them.
    Cookies(Vec<Cookie>),
    /// Nothing: the endpoint asks for no credential.
    None,
}

/// One cookie, with what a cookie jar needs to know of it (RFC 6265 section 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// The cookie's name.
    pub name: String,
    /// The cookie's value: the secret part.
    #[serde(serialize_with = "exposed")]
    pub value: Secret,
    /// The host, or the domain that it was set for.
    pub domain: String,
    /// Whether only that very host may see it.
    pub host_only: bool,
    /// The path below which it is sent.
    pub path: String,
    /// Whether it is sent over https only.
    pub secure: bool,
    /// Whether it is hidden from scripts in a browser.
    pub http_only: bool,
    /// Its end, where the server gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}

/// How the end of a credential is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpirySource {
    /// The `exp` claim of a JWT (RFC 7519 section 4.1.4).
    Jwt,
    /// A cookie's `Max-Age` (RFC 6265 section 5.2.2).
    MaxAge,
    /// A cookie's `Expires` (RFC 6265 section 5.2.1), or an access token's `expires_in` (RFC 6749 section 5.1).
    Expires,
    /// The context's `session-lifetime`.
    Configured,
    /// Nothing tells: an hour is assumed.
    Assumed,
}

/// An end that something told, and what told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEnd {
    /// The end itself.
    pub at: DateTime<Utc>,
    /// What told it.
    pub source: ExpirySource,
}

impl Credential {
    /// Fixes the ends of a new credential: the earliest of what is known and `session_lifetime`, else an hour.
    pub fn new(
        material: Material,
        principal: Option<String>,
        issued_at: DateTime<Utc>,
        known: Option<KnownEnd>,
        session_lifetime: Option<TimeDelta>,
    ) -> Self {
        let issued_at = to_the_second(issued_at);
        let configured = session_lifetime.map(|life| KnownEnd {
            at: moved(issued_at, life.min(LONGEST_LIFE)),
            source: ExpirySource::Configured,
        });
        let assumed = KnownEnd {
            at: moved(issued_at, ASSUMED_LIFE),
            source: ExpirySource::Assumed,
        };
        let end = known
            .into_iter()
            .chain(configured)
            .min_by_key(|end| end.at)
            .unwrap_or(assumed);
        let expires_at = to_the_second(end.at.min(moved(issued_at, LONGEST_LIFE)));
        let margin = TimeDelta::seconds(((expires_at - issued_at).num_seconds() / 20).clamp(0, 60));
        Self {
            material,
            principal,
            issued_at,
            expires_at,
            advertised_expiry: expires_at - margin,
            expiry_source: end.source,
        }
    }

    /// Gives the end to tell clients at `now`: the fixed early one, or the truth where that has passed.
    pub fn advertised_expiry_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        if now < self.advertised_expiry {
            self.advertised_expiry
        } else {
            self.expires_at
        }
    }

    /// Tells whether the credential has truly not ended yet.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }

    /// Gives the cookies that have not ended, each by its own end: of a set some may be over before the others.
    pub fn live_cookies(&self, now: DateTime<Utc>) -> Vec<Cookie> {
        let Material::Cookies(cookies) = &self.material else {
            return Vec::new();
        };
        let is_live = |cookie: &&Cookie| cookie.expires.is_none_or(|end| now < end);
        cookies.iter().filter(is_live).cloned().collect()
    }

    /// Gives the whole life it had when it was made.
    pub fn lifetime(&self) -> TimeDelta {
        self.expires_at - self.issued_at
    }

    /// Names the kind as the document does.
    pub fn kind(&self) -> &'static str {
        match self.material {
            Material::Bearer(_) => "bearer",
            Material::Cookies(_) => "cookie",
            Material::None => "none",
        }
    }
}

impl Cookie {
    /// Gives the `Cookie` header's value for a set of cookies: `k=v; k2=v2` (RFC 6265 section 4.2.1).
    pub fn header_value(cookies: &[Cookie]) -> Secret {
        let pairs: Vec<String> = cookies
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose()))
            .collect();
        Secret::new(pairs.join("; "))
    }
}

/// Moves a time; beyond what the calendar holds, to its end.
pub fn moved(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    let end = if by < TimeDelta::zero() {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    };
    time.checked_add_signed(by).unwrap_or(end)
}

/// Drops the fraction of a second: the wire carries whole seconds.
pub fn to_the_second(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}

/// Writes a time as the wire carries it: `YYYY-MM-DDTHH:MM:SSZ`.
pub fn wire_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn ending(seconds: i64) -> KnownEnd {
        KnownEnd {
            at: at(seconds),
            source: ExpirySource::MaxAge,
        }
    }

    fn credential(known: impl Into<Option<KnownEnd>>, session_lifetime: Option<i64>) -> Credential {
        Credential::new(
            Material::None,
            None,
            at(0),
            known.into(),
            session_lifetime.map(TimeDelta::seconds),
        )
    }

    #[test]
    fn the_end_told_is_a_minute_or_a_twentieth_early() {
        assert_eq!(
            credential(ending(86_400), None).advertised_expiry,
            at(86_340)
        );
        assert_eq!(credential(ending(600), None).advertised_expiry, at(570));
        assert_eq!(credential(ending(5), None).advertised_expiry, at(5));
    }

    #[test]
    fn past_the_advertised_expiry_the_truth_is_told() {
        let credential = credential(ending(600), None);
        assert_eq!(credential.advertised_expiry_at(at(569)), at(570));
        assert_eq!(credential.advertised_expiry_at(at(570)), at(600));
        assert!(credential.is_live(at(599)) && !credential.is_live(at(600)));
    }

    #[test]
    fn the_earliest_end_wins_and_an_hour_is_assumed_where_none_is_known() {
        let shorter = credential(ending(600), Some(60));
        assert_eq!(
            (shorter.expires_at, shorter.expiry_source),
            (at(60), ExpirySource::Configured)
        );
        let longer = credential(ending(600), Some(6000));
        assert_eq!(
            (longer.expires_at, longer.expiry_source),
            (at(600), ExpirySource::MaxAge)
        );
        let unknown = credential(None, None);
        assert_eq!(
            (unknown.expires_at, unknown.expiry_source),
            (at(3600), ExpirySource::Assumed)
        );
    }

    #[test]
    fn a_cookie_of_a_set_ends_by_its_own_end() {
        let cookie = |name: &str, end: Option<i64>| Cookie {
            name: name.into(),
            value: Secret::new("v"),
            domain: "h".into(),
            host_only: true,
            path: "/".into(),
            secure: false,
            http_only: false,
            expires: end.map(at),
        };
        let cookies = vec![
            cookie("a", Some(10)),
            cookie("b", None),
            cookie("c", Some(20)),
        ];
        let set = Credential::new(Material::Cookies(cookies), None, at(0), None, None);
        let names = |seconds| -> Vec<String> {
            let live = set.live_cookies(at(seconds));
            live.into_iter().map(|cookie| cookie.name).collect()
        };
        assert_eq!(names(9), ["a", "b", "c"]);
        assert_eq!(names(10), ["b", "c"]);
        assert_eq!(names(20), ["b"]);
    }

    #[test]
    fn an_absurd_end_is_cut_to_400_days() {
        let far = Some(KnownEnd {
            at: DateTime::<Utc>::MAX_UTC,
            source: ExpirySource::MaxAge,
        });
        assert_eq!(credential(far, None).expires_at, at(400 * 86_400));
        assert_eq!(
            credential(None, Some(i64::MAX / 1000)).expires_at,
            at(400 * 86_400)
        );
    }

    /// Times from one end of the calendar to the other.
    fn times() -> Vec<DateTime<Utc>> {
        let (first, last) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        let near = [-86_400 * 401, -3601, -60, -1, 0, 1, 19, 20, 21, 59, 60, 61];
        let far = [1199, 1200, 1201, 3600, 86_400, 86_400 * 400, 86_400 * 401];
        let mut times = vec![first, first + TimeDelta::nanoseconds(1), at(-1_800_000_000)];
        times.extend(near.into_iter().chain(far).map(at));
        times.extend([
            at(i64::from(u32::MAX)),
            last - TimeDelta::nanoseconds(1),
            last,
        ]);
        times
    }

    fn lives() -> Vec<Option<TimeDelta>> {
        let known = [TimeDelta::MIN, TimeDelta::zero(), TimeDelta::seconds(1)];
        let long = [TimeDelta::hours(1), LONGEST_LIFE, TimeDelta::MAX];
        let known = known.into_iter().chain(long).map(Some);
        known.chain([None]).collect()
    }

    #[test]
    fn no_end_overflows_wraps_or_outlives_what_bounds_it() {
        for issued in times() {
            for end in times().into_iter().map(Some).chain([None]) {
                for life in lives() {
                    let known = end.map(|at| KnownEnd {
                        at,
                        source: ExpirySource::Jwt,
                    });
                    let made = Credential::new(Material::None, None, issued, known, life);
                    let what = format!("{issued:?} {end:?} {life:?}: {made:?}");
                    let longest = moved(issued, LONGEST_LIFE);
                    assert!(made.expires_at <= longest, "{what}");
                    assert!(end.is_none_or(|end| made.expires_at <= end), "{what}");
                    let bound = life.map(|life| moved(issued, life));
                    assert!(bound.is_none_or(|bound| made.expires_at <= bound), "{what}");
                    assert!(made.advertised_expiry <= made.expires_at, "{what}");
                    let margin = made.expires_at - made.advertised_expiry;
                    assert!(margin <= TimeDelta::minutes(1), "{what}");
                    assert!(
                        made.advertised_expiry >= made.issued_at.min(made.expires_at),
                        "{what}"
                    );
                    for now in times() {
                        let told = made.advertised_expiry_at(now);
                        assert!(!made.is_live(now) || told > now, "{now:?} {what}");
                        assert!(told <= made.expires_at, "{now:?} {what}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_later_end_never_makes_an_earlier_one() {
        for issued in times() {
            let mut last = None;
            for at in times() {
                let source = ExpirySource::Expires;
                let known = Some(KnownEnd { at, source });
                let made = Credential::new(Material::None, None, issued, known, None);
                assert!(last <= Some(made.expires_at), "{issued:?} {at:?}");
                last = Some(made.expires_at);
            }
        }
    }
}
