//! How what is found is held against a pattern: what it lets pass, and what it tells.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use testkit::runs::pattern::{Expected, Placeholders};

fn placeholders() -> Placeholders {
    Placeholders {
        values: BTreeMap::from([("origin".to_owned(), "http://127.0.0.1:1".to_owned())]),
        start: 1_800_000_000,
    }
}

fn differences(pattern: &Value, found: &Value) -> Vec<String> {
    let placeholders = placeholders();
    let expected = Expected {
        placeholders: &placeholders,
        end: 1_800_000_002,
    };
    expected.differences(pattern, found, "")
}

#[test]
fn what_is_given_is_filled() {
    let given = json!({"a": ["{{origin}}/b"], "exp": "{{unix+60}}", "text": "in {{unix-1}}"});
    let filled = json!({
        "a": ["http://127.0.0.1:1/b"], "exp": 1_800_000_060, "text": "in 1799999999",
    });
    assert_eq!(placeholders().fill_value(&given), filled);
}

#[test]
#[should_panic(expected = "there is no {{orign}}")]
fn what_cannot_be_filled_is_an_error() {
    placeholders().fill("{{orign}}/pipeline");
}

#[test]
fn what_fits_has_no_differences() {
    for (pattern, found) in [
        (
            json!({"a": 1, "b": [true, null]}),
            json!({"b": [true, null], "a": 1}),
        ),
        (
            json!("{{origin}}/pipeline"),
            json!("http://127.0.0.1:1/pipeline"),
        ),
        (json!("{{any}}"), json!("x")),
        (json!("a={{any}}; b"), json!("a=1; b")),
        (json!("{{now+60}}"), json!("2027-01-15T08:01:02Z")),
        (json!("{{now-60}}"), json!("2027-01-15T07:59:00Z")),
        (json!("\t{{unix+5}}\n"), json!("\t1800000006\n")),
    ] {
        assert_eq!(
            differences(&pattern, &found),
            Vec::<String>::new(),
            "{pattern}"
        );
    }
}

#[test]
fn what_differs_is_told_with_its_place() {
    for (pattern, found, place) in [
        (
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 2}}),
            "/a/b: wanted 1, found 2",
        ),
        (json!({"a": 1}), json!({}), "/a is missing"),
        (json!({}), json!({"a": null}), "/a was not asked for"),
        (json!(["x"]), json!(["x", "y"]), ": wanted"),
        (json!([{"a": 1}]), json!([{"a": "1"}]), "/0/a"),
        (json!("{{any}}"), json!(""), ": wanted"),
        (json!("{{any}}"), json!(null), ": wanted"),
        (json!("{{any}}"), json!(7), ": wanted"),
        (json!("{{other}}"), json!("x"), ": wanted"),
        (json!("a={{any}}; b"), json!("a=; b"), ": wanted"),
        (json!("a={{any}}; b"), json!("a=1; bc"), ": wanted"),
        (json!("{{any}}{{any}}"), json!("xy"), ": wanted"),
        (
            json!("{{now+60}}"),
            json!("2027-01-15T08:01:03Z"),
            ": wanted",
        ),
        (
            json!("{{now+60}}"),
            json!("2027-01-15T08:00:59Z"),
            ": wanted",
        ),
        (
            json!("{{now+60}}"),
            json!("2027-01-15T8:01:01Z"),
            ": wanted",
        ),
        (
            json!("{{now+60}}"),
            json!("2027-01-15T08:01:01.0Z"),
            ": wanted",
        ),
        (
            json!("{{now+x}}"),
            json!("2027-01-15T08:01:01Z"),
            ": wanted",
        ),
        (json!("{{unix+5}}"), json!("1800000004"), ": wanted"),
        (json!("{{unix+5}}"), json!("soon"), ": wanted"),
    ] {
        let told = differences(&pattern, &found);
        assert_eq!(told.len(), 1, "{pattern}: {told:?}");
        assert!(told[0].contains(place), "{pattern}: {told:?}");
    }
}
