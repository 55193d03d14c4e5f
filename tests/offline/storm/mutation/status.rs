//! Wrong statuses, and headers that do not belong to the answer.

use super::{Mutate, with};
use testkit::dice::Dice;
use testkit::http::Response;

pub(crate) const ALL: &[(&str, Mutate)] = &[
    ("another status", |dice, _, mut answer| {
        answer.status = any(dice);
        answer
    }),
    ("another status and no body", |dice, _, _| {
        Response::new(any(dice))
    }),
    ("a status of no kind", |dice, _, mut answer| {
        answer.status = [0, 1, 99, 600, 999][dice.below(5)];
        let wire = answer.on_the_wire();
        Response::raw(wire)
    }),
    ("401 with a challenge", |dice, scene, _| {
        let way = dice.pick(&[
            "Basic realm=\"x\"",
            "Bearer",
            "Negotiate",
            "NTLM",
            "Digest nonce=\"\"",
        ]);
        Response::text(401, scene.echo(dice)).header("WWW-Authenticate", way)
    }),
    ("407", |dice, scene, _| {
        Response::text(407, scene.echo(dice)).header("Proxy-Authenticate", "Basic realm=\"x\"")
    }),
    ("101", |_, _, _| {
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        Response::raw(head)
    }),
    ("another time", |dice, _, answer| {
        let times = [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 0001 00:00:00 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Tue, 19 Jan 2038 03:14:08 GMT",
            "Thu, 99 Foo 99999 99:99:99 GMT",
            "-1",
            "",
        ];
        with(answer, "Date", dice.pick(&times))
    }),
    ("headers that lead elsewhere", |dice, scene, answer| {
        let place = scene.elsewhere(dice);
        answer
            .header("Refresh", &format!("0; url={place}"))
            .header("Content-Location", &place)
            .header("Link", &format!("<{place}>; rel=preconnect"))
            .header(
                "Alt-Svc",
                &format!("h2=\"{}\"; ma=86400", place.replace("http://", "")),
            )
            .header("Location", &place)
    }),
    ("every header twice", |_, _, mut answer| {
        let again = answer.headers.clone();
        answer.headers.extend(again);
        answer
    }),
    (
        "a header of another case, and of an odd value",
        |dice, _, answer| {
            let value = dice.pick(&[
                "",
                " ",
                "\t",
                ",",
                "text/html",
                "application/json; charset=\u{fc}",
                "\u{1f511}",
            ]);
            with(answer, "cOnTeNt-TyPe", value)
        },
    ),
    ("a secret in every header", |dice, scene, mut answer| {
        let echo = scene.echo(dice).replace(['\r', '\n'], " ");
        for name in [
            "Server",
            "X-Powered-By",
            "Location",
            "WWW-Authenticate",
            "X-Request-Id",
        ] {
            answer = answer.header(name, &echo);
        }
        answer.status = any(dice);
        answer
    }),
    ("asked for quiet", |_, _, mut answer| {
        answer.status = 429;
        answer.header("Retry-After", "99999999999999999999")
    }),
];

fn any(dice: &mut Dice) -> u16 {
    const CODES: [u16; 34] = [
        200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 305, 306, 307, 308, 400, 401,
        402, 403, 404, 405, 406, 408, 409, 410, 413, 418, 421, 451, 500, 502, 503, 599,
    ];
    CODES[dice.below(CODES.len())]
}
