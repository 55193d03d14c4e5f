//! What goes over the wire: too slow, too long, too short, too late, and no HTTP at all.

use std::time::Duration;

use super::{Mutate, bare, noise};
use testkit::http::Response;

/// So much at once is too slow for any deadline.
const DRIP: Duration = Duration::from_millis(20);

pub(crate) const ALL: &[(&str, Mutate)] = &[
    ("no answer", |_, _, _| Response::close()),
    ("no answer, and no end", |_, _, _| Response::hang()),
    ("drops", |dice, _, answer| {
        let (size, pause) = [(1, DRIP), (40, DRIP), (4000, DRIP)][dice.below(3)];
        Response::dripping(answer.on_the_wire(), size, pause)
    }),
    ("a cut", |dice, _, answer| {
        let mut wire = answer.on_the_wire();
        wire.truncate(dice.below(wire.len() + 1));
        Response::raw(wire)
    }),
    ("headers without an end", |dice, _, _| {
        let pause = Duration::from_millis([0, 1, 20][dice.below(3)]);
        endless(
            "HTTP/1.1 200 OK\r\n",
            dice.pick(&["X-More: 1\r\n", "Set-Cookie: a=b\r\n", " folded\r\n"]),
            pause,
        )
    }),
    ("one header without an end", |dice, _, _| {
        let pause = Duration::from_millis([0, 1, 20][dice.below(3)]);
        endless(
            "HTTP/1.1 200 OK\r\nX-More: ",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            pause,
        )
    }),
    ("a status line without an end", |_, _, _| {
        endless(
            "HTTP/1.1 200 ",
            "OK and more of it ",
            Duration::from_millis(1),
        )
    }),
    ("promises without an end", |dice, _, _| {
        let head = dice.pick(&[
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 102 Processing\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
            "HTTP/1.1 199 x\r\n\r\n",
        ]);
        endless("", head, Duration::from_millis([0, 1][dice.below(2)]))
    }),
    ("a promise before the answer", |dice, _, answer| {
        let head = dice.pick(&[
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\n",
        ]);
        Response::raw([head.as_bytes(), &answer.on_the_wire()].concat())
    }),
    ("a length that is too great", |dice, _, answer| {
        let length = answer.body.len() + [1, 1000, 1 << 40][dice.below(3)];
        bare(answer).truncated(length)
    }),
    ("a length that is too small", |dice, _, answer| {
        let length = dice.below(answer.body.len() + 1);
        bare(answer).header("Content-Length", &length.to_string())
    }),
    ("a length of no kind", |dice, _, answer| {
        let length = dice.pick(&[
            "-1",
            "18446744073709551616",
            "0x10",
            "1 2",
            "",
            "a",
            "+5",
            "99999999999999999999999999",
        ]);
        bare(answer).header("Content-Length", length)
    }),
    ("two lengths", |_, _, answer| {
        bare(answer)
            .header("Content-Length", "5")
            .header("Content-Length", "7")
    }),
    ("a length and chunks", |_, _, answer| {
        bare(answer)
            .header("Content-Length", "5")
            .header("Transfer-Encoding", "chunked")
            .body("5\r\nabcde\r\n0\r\n\r\n")
    }),
    ("bad chunks", |dice, _, _| {
        let body = dice.pick(&[
            "ffffffffffffffff\r\nx",
            "-1\r\nx",
            "zz\r\n",
            "5\r\nab",
            "\r\n\r\n",
            "5;a=b\r\nabcdeXX0\r\n\r\n",
            "00000000000000000000005\r\nabcde\r\n",
            "fffffffffffffffff\r\n",
        ]);
        chunked(body)
    }),
    ("chunks without an end", |dice, _, _| {
        let chunk = dice.pick(&["1\r\nx\r\n", "400\r\n", "1;extension=without\r\nx\r\n"]);
        endless(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunk,
            Duration::from_millis(1),
        )
    }),
    ("an extension of a chunk without an end", |_, _, _| {
        endless(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            "extension=without;an=end;",
            Duration::ZERO,
        )
    }),
    ("trailers without an end", |_, _, _| {
        endless(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "X-Trailer: 1\r\n",
            Duration::ZERO,
        )
    }),
    (
        "an answer nobody has asked for behind it",
        |dice, scene, answer| {
            let place = scene.elsewhere(dice);
            let more =
                format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
            let wire = [answer.on_the_wire(), more.into_bytes()].concat();
            Response::dripping(wire, 1 << 20, Duration::from_millis(200))
        },
    ),
    ("HTTP/1.0", |dice, _, answer| {
        let wire = String::from_utf8_lossy(&answer.on_the_wire()).replacen(
            "HTTP/1.1",
            dice.pick(&[
                "HTTP/1.0",
                "HTTP/0.9",
                "HTTP/2.0",
                "HTTP/9.9",
                "http/1.1",
                "HTTP/1.1 ",
                "HTTP",
            ]),
            1,
        );
        Response::raw(wire)
    }),
    ("no head at all", |_, _, answer| Response::raw(answer.body)),
    ("another protocol", |dice, _, _| {
        let bytes = dice.pick(&[
            "SSH-2.0-OpenSSH_9.2\r\n",
            "220 smtp.example.com ESMTP\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u{15}\u{3}\u{1}\0\u{2}\u{2}(",
            "-ERR unknown\r\n",
            "\0\0\u{12}\u{4}\0\0\0\0\0",
            "\r\n\r\n\r\n",
        ]);
        Response::raw(bytes)
    }),
    ("noise on the wire", |dice, _, _| {
        let count = dice.below(1 << 15) + 1;
        Response::raw(dice.bytes(count))
    }),
    ("a head that is malformed", |dice, _, answer| {
        let line = dice.pick(&[
            "no colon",
            ": no name",
            "X\0: nul",
            "X: \0",
            "X y: space",
            " : ",
            "Content-Type text/html",
            "X: a\rb",
            "\u{fc}: x",
        ]);
        let wire = String::from_utf8_lossy(&answer.on_the_wire()).replacen(
            "\r\n",
            &format!("\r\n{line}\r\n"),
            1,
        );
        Response::raw(wire)
    }),
    ("a head of noise", |dice, _, _| {
        let text = noise(dice, 400);
        Response::raw(format!(
            "HTTP/1.1 200 {text}\r\n{text}: {text}\r\n\r\n{text}"
        ))
    }),
    ("lines that end in one character", |_, _, answer| {
        let wire = String::from_utf8_lossy(&answer.on_the_wire()).replace("\r\n", "\n");
        Response::raw(wire)
    }),
];

fn chunked(body: &str) -> Response {
    Response::raw(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    ))
}

/// Sends a start, and then the same over and over.
fn endless(start: &str, again: &str, pause: Duration) -> Response {
    // Without a pause it would be the test that takes the machine's time.
    let again = if pause.is_zero() {
        again.repeat(1 + 8192 / again.len())
    } else {
        again.to_owned()
    };
    Response::raw_endless(
        format!("{start}{again}"),
        again.len(),
        pause.max(Duration::from_millis(1)),
    )
}
