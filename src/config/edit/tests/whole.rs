//! New files, values of every kind, and what is not edited at all.

use super::*;

#[test]
fn an_empty_file_becomes_a_complete_one() {
    let head = "apiVersion: kfp-credential/v1\nkind: Config\n";
    let context = "contexts:\n  - name: a\n    token-file: {}\n";
    refused("~ # c\n", Edit::CurrentContext(Some("a")));
    for (before, kept) in [
        ("", ""),
        ("# c", "# c\n"),
        ("# c\n\n", "# c\n\n"),
        ("---\n", "---\n"),
        ("\n", "\n"),
    ] {
        check(
            before,
            set("a", &["token-file"], &json!({})),
            &format!("{kept}{head}{context}"),
        );
        check(
            before,
            Edit::CurrentContext(Some("a")),
            &format!("{kept}{head}current-context: a\n"),
        );
        check(before, Edit::CurrentContext(None), before);
        check(before, Edit::DeleteContext("a"), before);
        check(before, unset("a", &["x"]), before);
    }
    let value = json!({});
    let both = [
        set("a", &["token-file"], &value),
        Edit::CurrentContext(Some("a")),
    ];
    assert_eq!(
        apply("", &both),
        Ok(format!("{head}current-context: a\n{context}"))
    );
    assert_eq!(
        apply("\u{feff}", &both),
        Ok(format!("\u{feff}{head}current-context: a\n{context}"))
    );
}

/// Strings, most of which are not what they seem when they are written as they are.
const WORDS: &str = r#"
    a true Yes y NO off on null ~ Null 1 -1 +1 1e3 e3 0x1F 0o7 0 00 017 1_000 1.5 .5 .inf .NaN inf nan 12:30 12:30:45
    2026-11-22 2026-11-22T21:38:36Z 0.0.0.0 = << - ... --- ? : :a a: a:b a#b #a &a *a !a | > %a @a `a 'a' "a" a'b a"b [a]
    {a} a] C:\x\n a\ ~/.kube/ca ./a https://x.example.com:8443/a?b=c&d#e 900s 12-ab.apps.example.com user@example.com
"#;

/// More of them, with spaces and characters that cannot be seen.
const TEXTS: &[&str] = &[
    "",
    " ",
    "a b",
    " a",
    "a ",
    "- a",
    "--- a",
    "? a",
    "a: b",
    "a #b",
    "a, b",
    "{env: X}",
    "1h 30m",
    "a\nb",
    "a\r\nb\n",
    "\n",
    "\ta",
    "a\tb",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}a",
    "a\u{2028}b",
    "\u{feff}",
    "a\u{feff}",
    "\u{ffff}",
    "𝒳 é/ü",
    "a\u{1f600}",
    "\u{200b}",
];

#[derive(Deserialize)]
struct Names {
    current: String,
}

#[test]
fn strings_read_back_as_they_were() {
    for text in WORDS.split_whitespace().chain(TEXTS.iter().copied()) {
        let value = json!({ "key": text, "list": [text, {text: text}], text: {"x": text} });
        let plain = json!(text);
        let block = [
            set(text, &["x"], &value),
            set(text, &["y"], &plain),
            Edit::CurrentContext(Some(text)),
        ];
        let after = apply("kind: Config", &block).unwrap();
        let flow = apply(
            "contexts:\n - name: a\n   x: {a: b}\n",
            &[set("a", &["x"], &value)],
        )
        .unwrap();
        assert!(flow.contains("   x: {"), "{flow}");
        // A field that wants a string gets this one, whatever the value would be by itself.
        let line = after
            .lines()
            .find(|line| line.starts_with("current-context"))
            .unwrap();
        let names: Names =
            serde_saphyr::from_str(&line.replace("current-context", "current")).unwrap();
        assert_eq!(names.current, text);
        assert!(
            after.lines().all(|line| !line.contains(char::is_control)),
            "{after:?}"
        );
        let again = [Edit::DeleteContext(text), Edit::CurrentContext(None)];
        assert_eq!(
            apply(&after, &again).unwrap(),
            "kind: Config\ncontexts: []\n",
            "{after}"
        );
    }
    let plain = "a:b a#b ~/.kube/ca 900s user@example.com https://x:1/a?b=c&d#e C:\\x 1-a.b";
    for text in plain.split(' ').chain(["a b", "1h 30m"]) {
        check(
            "contexts:\n- name: a\n",
            set("a", &["x"], &json!(text)),
            &format!("contexts:\n- name: a\n  x: {text}\n"),
        );
    }
}

const FLOW: &str = "is written in flow style";
const MARK: &str = "an anchor, alias, merge key or tag is used here";

/// Texts, the line that is at fault, and why.
const REFUSED: &[(&str, Option<usize>, &str)] = &[
    ("{\"contexts\": [{\"name\": \"a\"}]}", Some(1), FLOW),
    ("# c\n{kind: Config}", Some(2), FLOW),
    ("kind: x\ncontexts: [{name: a}]", Some(2), FLOW),
    ("contexts:\n- {name: a}", Some(2), FLOW),
    ("contexts:\n- name: a\n  dex: {x: y}", Some(3), FLOW),
    (
        "contexts:\n- name: a\n  dex: [y]",
        None,
        "`dex` is not a mapping",
    ),
    (
        "contexts:\n- name: a\n  dex: y",
        None,
        "`dex` is not a mapping",
    ),
    ("contexts: {a: b}", None, "`contexts` is not a list"),
    ("- contexts", None, "the file is not a mapping"),
    ("contexts: &x\n- name: a", Some(2), MARK),
    ("contexts:\n- &x\n  name: a", Some(3), MARK),
    ("contexts:\n- &x name: a", Some(2), MARK),
    ("contexts:\n- name: a\n  &xxx dex:\n    y: z", Some(2), MARK),
    ("contexts:\n- name: a\n  dex: &x\n    y: z", Some(4), MARK),
    (
        "contexts:\n- name: a\n  dex:\n    username: &x u",
        Some(4),
        MARK,
    ),
    (
        "contexts:\n- name: a\n  dex:\n    username: !!str u",
        Some(4),
        MARK,
    ),
    ("contexts:\n- name: !!str a", Some(2), MARK),
    (
        "x: &x {y: z}\ncontexts:\n- name: a\n  dex: *x",
        Some(4),
        MARK,
    ),
    (
        "x: &x {y: z}\ncontexts:\n- name: a\n  dex:\n    <<: *x",
        Some(5),
        MARK,
    ),
    ("x: &x {name: a}\ncontexts:\n- *x", Some(3), MARK),
    ("x: &x {name: a}\ncontexts:\n- <<: *x", Some(3), MARK),
    ("x: &x {y: z}\n<<: *x\ncontexts:\n", Some(1), MARK),
    (
        "contexts:\n- name: a\n- name: a\n",
        Some(3),
        "a second context has the same name",
    ),
    (
        "contexts:\n-\tname: a",
        Some(2),
        "a line is indented with a tab",
    ),
    (
        "kind: Config\rcontexts: []",
        Some(1),
        "a line ends with a bare carriage return",
    ),
    (
        "kind: Config\r\ncontexts:\r\n- name: a\r",
        Some(3),
        "a line ends with a bare carriage return",
    ),
    (
        "kind: Config\n---\nkind: Config",
        Some(2),
        "the file holds more than one document",
    ),
    (
        "kind: Config\nkind: Config",
        Some(2),
        "the file is not valid YAML",
    ),
    (
        "kind: Config\n  x: y",
        Some(2),
        "the file is not valid YAML",
    ),
    ("? kind\n: Config", Some(1), "a key is written with `?`"),
];

#[test]
fn what_cannot_be_edited_is_refused_with_lines_to_paste() {
    for &(text, line, reason) in REFUSED {
        let refusal = refused(text, set("a", &["dex", "username"], &json!("u: v")));
        assert!(
            refusal.reason.contains(reason) && refusal.line == line,
            "{text}\n{refusal:?}"
        );
        assert_eq!(
            refusal.paste,
            "contexts:\n  - name: a\n    dex:\n      username: \"u: v\"\n"
        );
    }
    let refusal = refused("{}", Edit::CurrentContext(Some("a")));
    assert_eq!(
        (refusal.paste.as_str(), refusal.to_string()),
        (
            "current-context: a\n",
            "line 1: the file is written in flow style ({…})".into()
        )
    );
    assert_eq!(
        refused("{contexts: [{name: a}]}", Edit::DeleteContext("a")).paste,
        ""
    );
    assert_eq!(refused("{}", set("a", &[], &json!(1))).paste, "");
}

#[test]
fn an_anchor_elsewhere_is_no_matter_but_an_alias_is_never_orphaned() {
    let text = "contexts:\n- name: a\n  dex: &d {x: y}\n- name: b\n  dex: *d\n- &c\n  name: c\n";
    check(
        text,
        set("c2", &["x"], &json!(1)),
        &format!("{text}- name: c2\n  x: 1\n"),
    );
    check(text, unset("b", &["dex"]), &swap(text, "  dex: *d\n", ""));
    assert_eq!(
        refused(text, Edit::DeleteContext("a")).reason,
        "the change could not be made safely"
    );
}

#[test]
fn the_check_stops_an_edit_that_would_change_more() {
    // A text that keeps its blank lines would also get the one below the key.
    let text = "contexts:\n- name: a\n  x: |+\n    t\n  y: 1\n\n";
    assert_eq!(
        refused(text, unset("a", &["y"])).reason,
        "the change could not be made safely"
    );
}

#[test]
fn edits_are_all_or_none() {
    let one = json!(1);
    let edits = [
        set("a", &["aa"], &one),
        Edit::CurrentContext(Some("a")),
        set("a", &["dex", "x"], &one),
    ];
    let refusal = apply("contexts:\n- name: a\n  dex: {y: 1}\n", &edits).unwrap_err();
    assert_eq!(
        refusal.paste,
        "current-context: a\ncontexts:\n  - name: a\n    aa: 1\n    dex:\n      x: 1\n"
    );
}

#[test]
fn depth_is_no_danger() {
    for depth in [100, 2_000, 100_000] {
        let text = format!("x: {}{}\n", "[".repeat(depth), "]".repeat(depth));
        drop(apply(&text, &[Edit::CurrentContext(Some("a"))]));
    }
}
