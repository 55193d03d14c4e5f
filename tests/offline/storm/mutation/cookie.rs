//! Cookies of the wrong kind, number, size, place and age.

use super::{Mutate, with};
use testkit::http::Response;

pub(crate) const ALL: &[(&str, Mutate)] = &[
    ("no cookies", |_, _, mut answer| {
        answer.headers.retain(|(name, _)| name != "Set-Cookie");
        answer
    }),
    ("cookies without a sense", |dice, _, mut answer| {
        let lines = [
            "",
            ";",
            "=",
            "a",
            "=b",
            "a=;;;;",
            "a=b; Domain=",
            "a=b; Path=",
            "a=b; Max-Age=",
            "a=b; Expires=",
            "a=b; Expires=Thu, 99 Foo 99999 99:99:99 GMT",
            "a=b; Max-Age=99999999999999999999999999",
            "a=b; Max-Age=-9223372036854775808",
            "a=b; Max-Age=9223372036854775807",
            "a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            "a=\"b\\\"; c\"",
            "a=b c,d\\e",
            "__Host-a=b; Domain=127.0.0.1",
            "__Secure-a=b",
            "a=b; Secure; Secure=; SECURE",
            "a\u{1}b=c\u{7f}",
            "a=b; Path=/nowhere",
            "a=b; Domain=.",
            "a=b; Domain=com",
            "a=b; Domain=.localhost",
            "a=b; Domain=127.0.0.2",
            "a=b; Domain=0.0.1",
            "\u{fc}=\u{df}",
            "a=b; SameSite=Strict; Partitioned",
        ];
        for _ in 0..=dice.below(12) {
            answer = answer.header("Set-Cookie", dice.pick(&lines));
        }
        answer
    }),
    ("a cookie for elsewhere", |dice, scene, answer| {
        let host = scene.elsewhere[dice.below(scene.elsewhere.len())]
            .split("://")
            .nth(1)
            .unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        answer.header(
            "Set-Cookie",
            &format!("for_elsewhere=planted; Domain={host}; Path=/"),
        )
    }),
    (
        "the good cookies under another age",
        |dice, _, mut answer| {
            let age = dice.pick(&[
                "; Max-Age=0",
                "; Max-Age=-1",
                "; Max-Age=1",
                "; Max-Age=99999999999999999999",
                "; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "; Domain=example.com",
                "; Path=/elsewhere",
                "; Secure",
                "; Max-Age=\u{661}",
            ]);
            for (name, value) in &mut answer.headers {
                if name == "Set-Cookie" {
                    value.push_str(age);
                }
            }
            answer
        },
    ),
    (
        "the good cookies with control characters",
        |dice, _, mut answer| {
            let byte = char::from(u8::try_from(dice.below(32)).expect("below 32"));
            for (name, value) in &mut answer.headers {
                if name == "Set-Cookie" && !matches!(byte, '\r' | '\n') {
                    *value = value.replacen('=', &format!("={byte}x{byte}"), 1);
                }
            }
            answer.header("Set-Cookie", &format!("planted=a{byte}b; Path=/"))
        },
    ),
    ("a large cookie", |dice, _, answer| {
        let value = "x".repeat(1024 << dice.below(10));
        answer.header("Set-Cookie", &format!("large={value}; Path=/"))
    }),
    ("many cookies", |dice, _, mut answer| {
        let (count, size) = [(60, 4000), (90, 100), (95, 3900)][dice.below(3)];
        for number in 0..count {
            answer = answer.header(
                "Set-Cookie",
                &format!("many{number}={}; Path=/", "x".repeat(size)),
            );
        }
        answer
    }),
    ("more headers than anybody reads", |dice, _, mut answer| {
        for number in 0..(100 << dice.below(8)) {
            answer = answer.header("Set-Cookie", &format!("more{number}=1"));
        }
        answer
    }),
    ("the session before the login", |_, _, answer| {
        answer
            .header(
                "Set-Cookie",
                "oauth2_proxy_kubeflow=fixed-by-somebody; Path=/",
            )
            .header(
                "Set-Cookie",
                "authservice_session=fixed-by-somebody; Path=/",
            )
    }),
    ("the session again, at another path", |_, _, answer| {
        answer
            .header("Set-Cookie", "oauth2_proxy_kubeflow=shadow; Path=/pipeline")
            .header("Set-Cookie", "authservice_session=shadow; Path=/pipeline")
    }),
    ("bytes that are no text", |dice, _, answer| {
        let answer = with(answer, "X-Bytes", "planted=@@@@");
        let mut wire = answer
            .header("Set-Cookie", "planted=@@@@; Path=/")
            .on_the_wire();
        let noise = dice.bytes(4);
        for start in 0..wire.len().saturating_sub(4) {
            if &wire[start..start + 4] == b"@@@@" {
                for (place, byte) in wire[start..].iter_mut().zip(&noise) {
                    *place = byte | 0x80;
                }
            }
        }
        Response::raw(wire)
    }),
];
