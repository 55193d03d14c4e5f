//! JSON, as Google's endpoints and the API answer it: of the wrong types, too deep, too large, and with a secret in it.

use serde_json::{Value, json};

use super::{Mutate, bare};
use testkit::dice::Dice;
use testkit::http::Response;

pub(crate) const ALL: &[(&str, Mutate)] = &[
    ("a value of another type", |dice, _, answer| {
        changed(answer, |object| {
            let keys: Vec<String> = object.keys().cloned().collect();
            if !keys.is_empty() {
                let key = &keys[dice.below(keys.len())];
                object[key] = odd(dice);
            }
        })
    }),
    ("a value that is missing", |dice, _, answer| {
        changed(answer, |object| {
            let keys: Vec<String> = object.keys().cloned().collect();
            if !keys.is_empty() {
                object.remove(&keys[dice.below(keys.len())]);
            }
        })
    }),
    ("tokens of every name", |dice, _, answer| {
        changed(answer, |object| {
            for key in [
                "access_token",
                "id_token",
                "token",
                "accessToken",
                "refresh_token",
                "expires_in",
                "expireTime",
                "token_type",
            ] {
                if dice.happens(50) {
                    object.insert(key.to_owned(), odd(dice));
                }
            }
        })
    }),
    ("an odd life", |dice, _, answer| {
        changed(answer, |object| {
            let lives = [
                json!(-1),
                json!(0),
                json!(1),
                json!(u64::MAX),
                json!(i64::MIN),
                json!(1e308),
                json!("3599"),
                json!("x"),
                json!(0.5),
                json!([]),
            ];
            object.insert(
                "expires_in".to_owned(),
                lives[dice.below(lives.len())].clone(),
            );
            let ends = [
                json!("0000-00-00T00:00:00Z"),
                json!("9999-12-31T23:59:59Z"),
                json!("1970-01-01T00:00:00Z"),
                json!(""),
                json!(7),
                json!("+262142-12-31T23:59:59Z"),
            ];
            object.insert(
                "expireTime".to_owned(),
                ends[dice.below(ends.len())].clone(),
            );
        })
    }),
    ("a token with a line in it", |dice, _, answer| {
        changed(answer, |object| {
            let token = dice.pick(&[
                "a\r\nX-Injected: 1",
                "a b",
                "",
                "\u{fc}",
                "a\0b",
                "\u{1b}[31m",
                "Bearer a",
                "a\n",
                "eyJhbGciOiJub25lIn0.e30.",
                "...",
                "eyJh.eyJh.eyJh",
            ]);
            for key in ["access_token", "id_token", "token", "accessToken"] {
                object.insert(key.to_owned(), json!(token));
            }
        })
    }),
    ("an error that repeats what was sent", |dice, scene, _| {
        let echo = scene.echo(dice);
        let status = [400, 401, 403, 500][dice.below(4)];
        let error = dice.pick(&[
            "invalid_grant",
            "invalid_client",
            "invalid_request",
            "unauthorized_client",
            "invalid_audience",
            "server_error",
            "x",
        ]);
        let body = match dice.below(4) {
            0 => {
                json!({"error": {"code": status, "message": echo, "status": "PERMISSION_DENIED", "details": [{"reason": echo}]}})
            }
            1 => {
                json!({"error": echo, "error_description": echo, "error_uri": echo, "error_subtype": echo})
            }
            2 => {
                json!({"error": error, "error_description": format!("{echo}{}", "\u{1b}[31m".repeat(50))})
            }
            _ => json!({"error": error, "error_description": echo}),
        };
        Response::json(u16::try_from(status).expect("a status"), body.to_string())
    }),
    ("an error without a word", |dice, _, _| {
        let body = dice.pick(&[
            "{}",
            "[]",
            "null",
            "\"\"",
            "0",
            "{\"error\":null}",
            "{\"error\":[]}",
            "{\"error\":{\"message\":7}}",
            "{\"error\":\"\"}",
        ]);
        Response::json([200, 400, 401, 403, 404, 429, 500][dice.below(7)], body)
    }),
    ("a deep value", |dice, _, answer| {
        let depth = [100, 1000, 100_000, 400_000][dice.below(4)];
        let (open, close) = [("[", "]"), ("{\"a\":", "}")][dice.below(2)];
        let text = open.repeat(depth) + "1" + &close.repeat(depth);
        bare(answer)
            .header("Content-Type", "application/json")
            .body(text)
    }),
    ("a large value", |dice, _, answer| {
        let text = match dice.below(4) {
            0 => format!("{{\"access_token\":\"{}\"}}", "x".repeat((1 << 20) - 64)),
            1 => format!("{{\"multi_user\":{}}}", "9".repeat((1 << 20) - 64)),
            2 => format!("[{}1]", "1,".repeat((1 << 19) - 64)),
            _ => format!("{{{}\"a\":1}}", "\"a\":1,".repeat(150_000)),
        };
        bare(answer)
            .header("Content-Type", "application/json")
            .body(text)
    }),
    ("JSON that ends early", |dice, _, answer| {
        let mut body = answer.body.clone();
        body.truncate(dice.below(body.len() + 1));
        bare(answer)
            .header("Content-Type", "application/json")
            .body(body)
    }),
    ("JSON with more behind it", |dice, _, answer| {
        let mut body = answer.body.clone();
        body.extend(dice.pick(&["{}", "\0", "\u{feff}", "garbage"]).bytes());
        bare(answer)
            .header("Content-Type", "application/json")
            .body(body)
    }),
];

/// Changes the object that an answer holds; what holds none gets one.
fn changed(answer: Response, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> Response {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !body.is_object() {
        body = json!({});
    }
    change(body.as_object_mut().expect("an object"));
    bare(answer)
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

fn odd(dice: &mut Dice) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("x"),
        json!([]),
        json!({}),
        json!(["x"]),
        json!({"a": "b"}),
        json!("x".repeat(5000)),
    ];
    all[dice.below(all.len())].clone()
}
