//! Pages: forms that lead elsewhere, pages that repeat a secret, pages that are hard to read, and what is no page.

use std::sync::LazyLock;
use std::time::Duration;

use super::{Mutate, Scene, bare, noise};
use testkit::dice::Dice;
use testkit::http::Response;

pub(crate) const ALL: &[(&str, Mutate)] = &[
    ("a form that leads elsewhere", |dice, scene, _| {
        let place = scene.elsewhere(dice);
        Response::html(200, form("post", &place))
    }),
    (
        "the good page with its forms led elsewhere",
        |dice, scene, answer| {
            let place = scene.elsewhere(dice);
            let page = String::from_utf8_lossy(&answer.body).into_owned();
            let page = match dice.below(4) {
                0 => page.replace("action=\"", &format!("action=\"{place}?was=")),
                1 => format!("<base href='{place}'>{page}"),
                2 => page.replace("<form", &format!("<form action=\"{place}\"")),
                _ => page.replace(
                    "<input",
                    &format!("<button formaction='{place}' type=submit></button><input"),
                ),
            };
            let length = page.len();
            super::with(answer.body(page), "Content-Length", &length.to_string())
        },
    ),
    (
        "a form of the own origin, and of another path",
        |dice, scene, _| {
            let path = dice.pick(&[
                "/",
                "/pipeline",
                "/dex/auth/other/login",
                "/dex/auth/local/login",
                "/steal",
                "/dex/../steal",
                "",
            ]);
            Response::html(
                200,
                form(
                    dice.pick(&["post", "get", "POST", "dialog"]),
                    &format!("{}{path}", scene.own),
                ),
            )
        },
    ),
    ("a sign-in page that leads elsewhere", |dice, scene, _| {
        let place = &scene.elsewhere[dice.below(scene.elsewhere.len())];
        Response::html(
            403,
            format!(
                "<title>Sign In</title><form method=GET action='{place}/oauth2/start'><input type=hidden name=rd value=/></form>"
            ),
        )
    }),
    ("an approval page that leads elsewhere", |dice, scene, _| {
        let place = scene.elsewhere(dice);
        Response::html(
            200,
            format!(
                "<form method=post action='{place}'><input type=hidden name=req value=x><input type=hidden name=approval value=approve></form>"
            ),
        )
    }),
    ("connectors that lead elsewhere", |dice, scene, _| {
        let place = &scene.elsewhere[dice.below(scene.elsewhere.len())];
        let query = scene.request.query_string();
        Response::html(
            200,
            format!(
                "<a href='{place}/dex/auth/local?{query}'>Email</a><a href='{place}/dex/auth/ldap?{query}'>LDAP</a>"
            ),
        )
    }),
    ("a page that repeats what was sent", |dice, scene, _| {
        let echo = scene.echo(dice);
        let status = [200, 400, 401, 403, 404, 500][dice.below(6)];
        match dice.below(3) {
            0 => Response::html(
                status,
                format!(
                    "<h2 class=theme-heading>Bad Request</h2><p>{}</p>",
                    echo.replace('&', "&amp;").replace('<', "&lt;")
                ),
            ),
            1 => Response::html(
                status,
                format!(
                    "<div id=login-error>{echo}</div>{}",
                    form("post", &scene.request.target)
                ),
            ),
            _ => Response::text(status, echo),
        }
    }),
    ("the words of a form that is too old", |dice, scene, _| {
        let words = dice.pick(&[
            "User session has expired.",
            "Requested resource does not exist.",
            "User session error.",
        ]);
        let again = form("post", &scene.request.target);
        let form = if dice.happens(30) { again.as_str() } else { "" };
        let page = format!("<h2 class=theme-heading>Bad Request</h2><p>{words}</p>{form}");
        Response::html([400, 401, 200][dice.below(3)], page)
    }),
    ("a page that is hard to read", |dice, scene, answer| {
        let status = answer.status;
        let mut answer = Response::html(status, hard(dice, scene));
        answer.headers.extend(bare_headers(dice));
        answer
    }),
    ("words for a terminal", |dice, _, answer| {
        let words = dice.pick(&[
            "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31m",
            "\u{9b}31m\u{202e}gnirts",
            "\r\nkfp-credential: error[internal]: forged\n  hint: run `sh`",
            "`$(touch owned)`;'\"\\",
            "%n%s%x {} {0}",
            "\0\0\0",
        ]);
        let status = if dice.happens(50) { answer.status } else { 400 };
        Response::html(
            status,
            format!("<h1>{words}</h1><p>{words}</p><div id=login-error>{words}</div>"),
        )
    }),
    ("noise", |dice, _, answer| {
        let count = dice.below(1 << 16);
        bare(answer).body(dice.bytes(count))
    }),
    ("noise of letters", |dice, _, answer| {
        let count = dice.below(1 << 16);
        let text = noise(dice, count);
        bare(answer).body(text)
    }),
    ("nothing", |_, _, answer| bare(answer).body("")),
    ("the page under another type", |dice, _, answer| {
        let kind = dice.pick(&[
            "application/json",
            "text/plain",
            "application/octet-stream",
            "image/png",
            "text/html; charset=utf-16",
            "multipart/mixed",
        ]);
        super::with(answer, "Content-Type", kind)
    }),
    ("a health answer", |_, _, _| {
        Response::json(200, "{\"multi_user\":true,\"apiServerReady\":true}")
    }),
    ("an encoding that is none", |dice, _, answer| {
        let encoding = dice.pick(&[
            "gzip",
            "gzip, gzip",
            "br",
            "deflate",
            "zstd",
            "compress",
            "x-gzip",
            "identity, gzip",
            "",
            "\u{fc}",
        ]);
        answer.header("Content-Encoding", encoding)
    }),
];

/// What takes memory from whoever reads all of it.
pub(crate) const LARGE: &[(&str, Mutate)] = &[
    ("more than anybody reads", |dice, _, answer| {
        bare(answer).body(vec![b'x'; (1 << 20) + dice.below(1 << 20)])
    }),
    ("a bomb", |dice, _, mut answer| {
        if dice.happens(80) {
            answer.status = 200; // a redirect's is not read
        }
        bare(answer)
            .header(
                "Content-Type",
                dice.pick(&["text/html", "application/json"]),
            )
            .header("Content-Encoding", "gzip")
            .body(bomb())
    }),
    ("a cut bomb", |dice, _, answer| {
        let mut bytes = bomb().to_vec();
        bytes.truncate(dice.below(4000) + 1);
        bare(answer).header("Content-Encoding", "gzip").body(bytes)
    }),
    ("a body without an end", |dice, _, mut answer| {
        if dice.happens(80) {
            answer.status = 200;
        }
        let pause = Duration::from_millis([0, 1, 20][dice.below(3)]);
        let size = 1 << dice.below(16);
        bare(answer)
            .header(
                "Content-Type",
                dice.pick(&["text/html", "application/json"]),
            )
            .body(vec![b' '; size])
            .endless(pause)
    }),
];

fn form(method: &str, action: &str) -> String {
    format!(
        "<form method={method} action='{action}'><input type=text name=login><input type=password name=password><input type=hidden name=req value=x></form>"
    )
}

fn bare_headers(dice: &mut Dice) -> Option<(String, String)> {
    let language = ("Content-Language".to_owned(), "x".repeat(dice.below(100)));
    dice.happens(10).then_some(language)
}

/// Makes a page that costs a careless reader its time or memory.
fn hard(dice: &mut Dice, scene: &Scene<'_>) -> String {
    let size = [1_usize << 16, 1 << 18, (1 << 20) - 4096][dice.below(3)];
    let piece = dice.pick(&[
        "<div>",
        "<form>",
        "<table><tr><td>",
        "<a href=x>",
        "<b><i><u>",
        "<p><a><p>",
        "<svg><math>",
        "<input type=password name=p>",
        "<template>",
        "<select><option>",
        "</p>",
        "<!--",
        "<![CDATA[",
        "&amp;",
        "&#x1F511;",
        "<form method=post action=/><input type=password>",
        "<font><p>",
        "<ruby><rt>",
        "<a b c d e f g h i j k>",
        "<nobr><a>",
        "<button><form>",
        "\0",
        "<\u{fc}",
        "<frameset>",
        "<h1><li><dd>",
    ]);
    let mut page = match dice.below(3) {
        0 => form("post", &scene.request.target),
        1 => format!(
            "<input {}>",
            (0..5000)
                .map(|number| format!("a{number}=b "))
                .collect::<String>()
        ),
        _ => String::new(),
    };
    page += &piece.repeat(size.saturating_sub(page.len()) / piece.len());
    page
}

/// Is a gzip file of many zeros (RFC 1952, RFC 1951 with the fixed codes), 160 times smaller than they.
fn bomb() -> &'static [u8] {
    const ZEROS: usize = 128 << 20;
    static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut bits = Bits(vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], 0);
        bits.low_first(0b011, 3); // the last block, of fixed codes
        bits.high_first(0x30, 8); // the byte 0
        for _ in 0..ZEROS / 258 {
            bits.high_first(0b1100_0101, 8); // a length of 258
            bits.high_first(0, 5); // at a distance of 1
        }
        bits.high_first(0, 7); // the end
        bits.0.extend([0; 8]); // the checksum is wrong: nobody is to come that far
        bits.0
    });
    &BOMB
}

/// Is bytes that grow by bits, the lowest first, and how many bits of the last one are used.
struct Bits(Vec<u8>, u8);

impl Bits {
    fn bit(&mut self, bit: bool) {
        if self.1 == 0 {
            self.0.push(0);
        }
        *self.0.last_mut().expect("a byte") |= u8::from(bit) << self.1;
        self.1 = (self.1 + 1) % 8;
    }

    fn low_first(&mut self, value: u16, count: u8) {
        (0..count).for_each(|place| self.bit(value >> place & 1 == 1));
    }

    fn high_first(&mut self, value: u16, count: u8) {
        (0..count)
            .rev()
            .for_each(|place| self.bit(value >> place & 1 == 1));
    }
}
