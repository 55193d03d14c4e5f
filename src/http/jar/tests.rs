use super::*;

fn jar(url: &str, lines: &[(u32, &str)]) -> Jar {
    let mut jar = Jar::default();
    for (hop, line) in lines {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
        let clock = ServerClock::default();
        jar.store(
            &Url::parse(url).unwrap(),
            &headers,
            *hop,
            Utc::now(),
            &clock,
        );
    }
    jar
}

fn names(jar: &Jar, url: &str, since: u32) -> Vec<String> {
    jar.session(&Url::parse(url).unwrap(), since)
        .0
        .into_iter()
        .map(|cookie| cookie.name)
        .collect()
}

/// Two domains may have a cookie of one name: which one counts is told by their order.
#[test]
fn cookies_of_one_name_keep_their_order_when_they_are_brought_along() {
    let url = "https://kf.example.com/pipeline";
    let jar = jar(
        url,
        &[
            (1, "a=first; Path=/"),
            (2, "a=second; Domain=example.com; Path=/"),
            (3, "a=long; Domain=example.com; Path=/pipeline"),
            (4, "a=again; Path=/"),
        ],
    );
    let url = Url::parse(url).unwrap();
    let session = jar.session(&url, 0).0;
    let values: Vec<&str> = session.iter().map(|cookie| cookie.value.expose()).collect();
    assert_eq!(values, ["long", "again", "second"]);
    let mut again = Jar::default();
    for cookie in &session {
        again.bring(&url, cookie, Utc::now());
    }
    assert_eq!(again.session(&url, 0).0, session);
}

#[test]
fn the_logins_own_cookies_are_left_out() {
    let jar = jar(
        "https://kf.example.com/oauth2/callback",
        &[
            (1, "csrf=1; Path=/"),
            (2, "csrf=; Path=/; Max-Age=0"),
            (2, "s_0=a; Path=/"),
            (2, "s_1=b; Path=/"),
        ],
    );
    assert_eq!(
        names(&jar, "https://kf.example.com/pipeline", 2),
        ["s_0", "s_1"]
    );
}

#[test]
fn a_cookie_set_again_at_the_callback_stays() {
    let jar = jar(
        "https://kf.example.com/",
        &[(1, "s=1; Path=/"), (5, "s=2; Path=/"), (1, "t=1; Path=/")],
    );
    assert_eq!(names(&jar, "https://kf.example.com/", 5), ["s"]);
}

#[test]
fn a_value_that_was_replaced_is_still_known() {
    let jar = jar(
        "https://kf.example.com/",
        &[
            (1, "s=old; Path=/"),
            (2, "s=new; Path=/"),
            (3, "s=; Max-Age=0; Path=/"),
        ],
    );
    for value in ["old", "new"] {
        assert!(jar.values().any(|known| known == value), "{value}");
    }
}

#[test]
fn cookies_for_elsewhere_are_left_out() {
    let jar = jar(
        "https://kf.example.com/dex/auth",
        &[
            (1, "dex=1; Path=/dex"),
            (1, "all=1; Domain=example.com; Path=/"),
            (1, "foreign=1; Domain=evil.com; Path=/"),
        ],
    );
    assert_eq!(names(&jar, "https://kf.example.com/pipeline", 1), ["all"]);
}

#[test]
fn no_cookie_is_for_all_hosts_of_a_top_level_domain() {
    let evil = jar(
        "https://evil.test/",
        &[
            (1, "a=1; Domain=.test; Path=/"),
            (1, "b=2; Domain=TEST; Path=/"),
        ],
    );
    assert!(names(&evil, "https://evil.test/", 1).is_empty());
    let local = jar("http://localhost/", &[(1, "c=3; Domain=localhost; Path=/")]);
    assert_eq!(names(&local, "http://localhost/", 1), ["c"]);
    assert!(names(&local, "http://kf.localhost/", 1).is_empty());
}

#[test]
fn twenty_minutes_in_nanoseconds_survive() {
    let jar = jar(
        "https://kf.example.com/",
        &[(1, "authservice_session=x; Path=/; Max-Age=1200000000000")],
    );
    let (cookies, end) = jar.session(&Url::parse("https://kf.example.com/").unwrap(), 1);
    assert_eq!(cookies[0].expires, end.map(|end| end.at));
    let life = end.unwrap().at - Utc::now();
    assert!(life > TimeDelta::days(399) && life <= TimeDelta::days(400));
}

#[test]
fn max_age_goes_before_expires_and_neither_is_no_end() {
    let end = |line: &str| {
        jar("https://h/", &[(1, line)])
            .session(&Url::parse("https://h/").unwrap(), 1)
            .1
            .map(|end| end.source)
    };
    assert_eq!(
        end("s=1; Max-Age=60; Expires=Wed, 21 Oct 2099 07:28:00 GMT"),
        Some(ExpirySource::MaxAge)
    );
    assert_eq!(
        end("s=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT"),
        Some(ExpirySource::Expires)
    );
    assert_eq!(end("s=1"), None);
}

#[test]
fn expires_is_counted_by_the_servers_clock() {
    let url = Url::parse("https://h/").unwrap();
    let now = to_the_second(Utc::now());
    for ahead in [-86_400, -3600, 0, 3600, 86_400] {
        let clock = ServerClock::of(TimeDelta::seconds(ahead));
        let theirs = clock.theirs(now) + TimeDelta::minutes(10);
        let line = format!(
            "s=1; Expires={}",
            theirs.format("%a, %d %b %Y %H:%M:%S GMT")
        );
        let mut jar = Jar::default();
        jar.set(&url, &line, 1, now, &clock);
        let (cookies, end) = jar.session(&url, 1);
        let end = end.map(|end| (end.at, end.source));
        let wanted = now + TimeDelta::minutes(10);
        assert_eq!(end, Some((wanted, ExpirySource::Expires)), "{ahead}");
        assert_eq!(cookies[0].expires, Some(wanted));
    }
}

#[test]
fn no_end_of_a_cookie_overflows_or_lies_beyond_400_days() {
    let url = Url::parse("https://h/").unwrap();
    let now = to_the_second(Utc::now());
    let ages = [i64::MIN, -1, 0, 1, 34_560_000, i64::MAX].map(|age| format!("Max-Age={age}"));
    let dates = ["Thu, 01 Jan 1601 00:00:00", "Fri, 31 Dec 9999 23:59:59"];
    let dates = dates.map(|date| format!("Expires={date} GMT"));
    let absurd = [
        "Max-Age=99999999999999999999",
        "Max-Age=-99999999999999999999",
    ];
    let absurd = absurd.map(str::to_owned);
    for attribute in ages.into_iter().chain(dates).chain(absurd) {
        for ahead in [i64::MIN / 1000 + 1, -3600, 0, 3600, i64::MAX / 1000] {
            let clock = ServerClock::of(TimeDelta::seconds(ahead));
            let mut jar = Jar::default();
            jar.set(&url, &format!("s=1; {attribute}"), 1, now, &clock);
            let end = jar.session(&url, 1).1.map(|end| end.at);
            let is_sound = |end| end >= now && end <= now + LONGEST_LIFE;
            assert!(end.is_none_or(is_sound), "{attribute} {ahead}: {end:?}");
        }
    }
}

#[test]
fn a_session_that_is_brought_along_is_what_it_was() {
    let url = Url::parse("https://kf.example.com/pipeline").unwrap();
    let lines = [
        "a=1; Path=/; Max-Age=600; HttpOnly; Secure",
        "b=2; Path=/pipeline; Domain=example.com",
        "c=; Path=/",
        "d=\"q=r\"; Path=/; Max-Age=9",
    ];
    let lines = lines.map(|line| (1, line));
    let (cookies, end) = jar("https://kf.example.com/x", &lines).session(&url, 0);
    assert_eq!(cookies.len(), 4);
    let mut again = Jar::default();
    for cookie in &cookies {
        again.bring(&url, cookie, Utc::now());
    }
    let (brought, same_end) = again.session(&url, 0);
    assert_eq!(brought, cookies);
    assert_eq!(same_end.map(|end| end.at), end.map(|end| end.at));
    assert!(again.session(&url, 1).0.is_empty());
}
