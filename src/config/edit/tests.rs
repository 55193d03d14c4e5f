mod random;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Edit, NotEditable, apply, read};

const SAMPLE: &str = "\
# ours
apiVersion: kfp-credential/v1
kind: Config
current-context: team-a # the default

contexts:
  - name: team-a          # ours
    endpoint: https://kubeflow.example.com/pipeline
    dex: # static passwords
      # the mail address
      username: 'user@example.com'
      password: { env: KF_PASSWORD } # never here
      # connector: local
    # store: file

  # Google's
  # second line
  - name: \"team/b: ü\"
    iap: { client-id: AAA, account: x }

  - name: pod
    token-file: {}
# end
";

fn set<'a>(context: &'a str, path: &'a [&'a str], value: &'a Value) -> Edit<'a> {
    Edit::Set {
        context,
        path,
        value,
    }
}

fn unset<'a>(context: &'a str, path: &'a [&'a str]) -> Edit<'a> {
    Edit::Unset { context, path }
}

/// Replaces the one occurrence of `old`; tells the cases below from each other by little text.
fn swap(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} in {text}");
    text.replacen(old, new, 1)
}

/// Applies an edit to a text with LF and with CRLF, with and without a byte order mark.
#[track_caller]
fn check(before: &str, edit: Edit<'_>, after: &str) {
    assert_eq!(
        apply(before, &[edit]).as_deref(),
        Ok(after),
        "{edit:?}\n{before}"
    );
    let crlf = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    // Text without any line break does not tell its kind.
    if before.contains('\n') {
        assert_eq!(
            apply(&crlf(before), &[edit]),
            Ok(crlf(after)),
            "{edit:?}\n{before}"
        );
    }
    assert_eq!(
        apply(after, &[edit]).as_deref(),
        Ok(after),
        "again: {edit:?}\n{after}"
    );
}

#[track_caller]
fn check_sample(edit: Edit<'_>, old: &str, new: &str) {
    check(SAMPLE, edit, &swap(SAMPLE, old, new));
}

#[track_caller]
fn refused(before: &str, edit: Edit<'_>) -> NotEditable {
    apply(before, &[edit]).expect_err(before)
}

#[test]
fn current_context_is_replaced_added_and_removed() {
    let line = "current-context: team-a # the default\n";
    check_sample(
        Edit::CurrentContext(Some("pod")),
        "team-a # the",
        "pod # the",
    );
    check_sample(
        Edit::CurrentContext(Some("team/b: ü")),
        "team-a # the",
        "\"team/b: ü\" # the",
    );
    check_sample(Edit::CurrentContext(None), line, "");
    check_sample(Edit::CurrentContext(Some("team-a")), line, line);
    let without = swap(SAMPLE, line, "");
    let added = swap(SAMPLE, line, "current-context: pod\n");
    check(&without, Edit::CurrentContext(Some("pod")), &added);
    check(&without, Edit::CurrentContext(None), &without);
    check(
        "contexts: []",
        Edit::CurrentContext(Some("x")),
        "contexts: []\ncurrent-context: x",
    );
    check(
        "current-context: x # c\n",
        Edit::CurrentContext(None),
        "{}\n",
    );
    check(
        "current-context: # c\n",
        Edit::CurrentContext(Some("x")),
        "current-context: x # c\n",
    );
    check(
        "current-context: ~\n",
        Edit::CurrentContext(Some("x")),
        "current-context: x\n",
    );
}

#[test]
fn scalars_are_replaced_where_they_stand() {
    let cases = [
        ("endpoint: old # c", "endpoint: new # c"),
        ("endpoint:   'old'", "endpoint:   new"),
        ("\"endpoint\" : \"old\"  ", "\"endpoint\" : new  "),
        ("endpoint:\told\t# c", "endpoint:\tnew\t# c"),
        ("endpoint:", "endpoint: new"),
        ("endpoint:   # c", "endpoint: new   # c"),
        (
            "endpoint: |- # header\n      old\n\n      # content\n",
            "endpoint: new\n",
        ),
        ("endpoint: |+\n      old\n\n", "endpoint: new"),
        (
            "endpoint: >2\n        old\n      more\n\n    # c",
            "endpoint: new\n\n    # c",
        ),
        ("endpoint: |", "endpoint: new"),
        (
            "endpoint:\n      # c\n      |\n      old",
            "endpoint: new\n      # c",
        ),
        (
            "endpoint: old\n      more\n      still # c",
            "endpoint: new # c",
        ),
        ("endpoint: \"old\n\n  more\" # c", "endpoint: new # c"),
        ("endpoint: 'old\n      more'", "endpoint: new"),
        (
            "endpoint: # c\n      # d\n      old # e",
            "endpoint: new # c\n      # d",
        ),
        ("endpoint:\n      {a: b,\n      c: d} # e", "endpoint: new"),
        (
            "endpoint:\n      a: b\n      # d\n      c:\n      - d # e",
            "endpoint: new",
        ),
        (
            "endpoint: # c\n    - a\n    # d\n    - b",
            "endpoint: new # c",
        ),
        ("endpoint: [a,\n  b] # e", "endpoint: new # e"),
    ];
    for (before, after) in cases {
        for rest in ["\n", "\n    # b\n    x: y\n  - name: z\n"] {
            let file = |entry: &str| format!("contexts:\n  - name: a\n    {entry}{rest}");
            check(
                &file(before),
                set("a", &["endpoint"], &json!("new")),
                &file(after),
            );
        }
    }
}

#[test]
fn keys_are_added_below_the_last_one() {
    let last = "      # connector: local\n";
    check_sample(
        set("team-a", &["namespace"], &json!("ns")),
        last,
        &format!("{last}    namespace: ns\n"),
    );
    check_sample(
        set("team-a", &["dex", "x"], &json!(true)),
        last,
        &format!("      x: true\n{last}"),
    );
    let pod = "    token-file: {}\n";
    let key = ["iap", "service-account", "key-file"];
    let added = "    iap:\n      service-account:\n        key-file: /k\n";
    check_sample(
        set("pod", &key, &json!("/k")),
        pod,
        &format!("{pod}{added}"),
    );
    let path = "    token-file:\n      path: /t\n";
    check_sample(set("pod", &["token-file", "path"], &json!("/t")), pod, path);
    let cases = [
        ("- name: a", "- name: a\n  x: 1"),
        (
            "-   name: a # c\n    # d",
            "-   name: a # c\n    x: 1\n    # d",
        ),
        ("-\n   name: a\n\n# d\n", "-\n   name: a\n   x: 1\n\n# d\n"),
        ("- # c\n   name: a\n", "- # c\n   name: a\n   x: 1\n"),
        (
            "- name: a\n  y: |\n    t\n\n\n",
            "- name: a\n  y: |\n    t\n  x: 1\n\n\n",
        ),
        (
            "- name: a\n  y: |+\n    t\n\n\n",
            "- name: a\n  y: |+\n    t\n\n\n  x: 1\n",
        ),
        (
            "- name: a\n  y: |+\n    t\n\n  z: 0\n",
            "- name: a\n  y: |+\n    t\n\n  z: 0\n  x: 1\n",
        ),
        (
            "- name: a\n  y: >-\n    t",
            "- name: a\n  y: >-\n    t\n  x: 1",
        ),
        ("- name: a\n  y:\n", "- name: a\n  y:\n  x: 1\n"),
        (
            "- name: a\n  y:\n  -\n  -\n",
            "- name: a\n  y:\n  -\n  -\n  x: 1\n",
        ),
        (
            "- name: a\n  y: [1,\n    2]  # c\n",
            "- name: a\n  y: [1,\n    2]  # c\n  x: 1\n",
        ),
    ];
    for (before, after) in cases {
        let file = |item: &str| format!("contexts:\n{item}");
        check(&file(before), set("a", &["x"], &json!(1)), &file(after));
    }
}

#[test]
fn own_indentation_is_followed() {
    let before = "contexts:\n   -  name: a\n      dex:\n           username: u\n";
    let password = json!({"command": ["pass", "a b"]});
    let after = "           password:\n                command:\n                     - pass\n                     - a b\n";
    check(
        before,
        set("a", &["dex", "password"], &password),
        &format!("{before}{after}"),
    );
    let context = "   -  name: b\n      token-file:\n           path: /t\n";
    check(
        before,
        set("b", &["token-file", "path"], &json!("/t")),
        &format!("{before}{context}"),
    );
    let indented_root = "  kind: Config\n  contexts:\n   - name: a\n";
    let after = "  kind: Config\n  current-context: a\n  contexts:\n   - name: a\n";
    check(indented_root, Edit::CurrentContext(Some("a")), after);
}

#[test]
fn blocks_are_replaced_whole() {
    let children =
        "      username: 'user@example.com'\n      password: { env: KF_PASSWORD } # never here\n";
    let dex = json!({"connector": "x", "password": {"file": "/p"}});
    let block = "      connector: x\n      password:\n        file: /p\n";
    let (file, env) = (
        json!({"file": "/a b, c", "more": [1, "y"]}),
        json!({"env": "P"}),
    );
    check_sample(set("team-a", &["dex"], &dex), children, block);
    check_sample(
        set("team-a", &["dex", "password"], &file),
        "{ env: KF_PASSWORD }",
        "{ file: \"/a b, c\", more: [1, \"y\"] }",
    );
    check_sample(
        set("team-a", &["dex", "password"], &json!("x")),
        "{ env: KF_PASSWORD }",
        "x",
    );
    check_sample(
        set("team-a", &["dex", "username"], &env),
        " 'user@example.com'",
        "\n        env: P",
    );
    let emptied = swap(&swap(SAMPLE, children, ""), "dex: #", "dex: {} #");
    check(SAMPLE, set("team-a", &["dex"], &json!({})), &emptied);
    let cases = [
        ("x: 1 # c", "x: # c\n    env: P"),
        ("x:\n  - 1\n  - 2", "x:\n    env: P"),
        ("x: |\n    t", "x:\n    env: P"),
        ("x: {} # c", "x: # c\n    env: P"),
        ("x: []", "x:\n    env: P"),
        ("x: null # c", "x: # c\n    env: P"),
        ("x: # c", "x: # c\n    env: P"),
        ("x:\n    # c\n    {}", "x:\n    # c\n    env: P"),
        ("x:\n    [1,\n    2] # c", "x: { env: P }"),
    ];
    for (before, after) in cases {
        for rest in ["\n", "\n  y: 1\n- name: b\n"] {
            let file = |entry: &str| format!("contexts:\n- name: a\n  {entry}{rest}");
            check(&file(before), set("a", &["x"], &env), &file(after));
        }
    }
}

#[test]
fn keys_are_removed_with_their_lines() {
    let cases = [
        (
            &["endpoint"][..],
            "    endpoint: https://kubeflow.example.com/pipeline\n",
            "",
        ),
        (
            &["dex", "username"],
            "      username: 'user@example.com'\n",
            "",
        ),
        (
            &["dex", "password"],
            "      password: { env: KF_PASSWORD } # never here\n",
            "",
        ),
        (
            &["name"],
            "name: team-a          # ours\n    endpoint",
            "endpoint",
        ),
        (&["nothing"], "name: team-a ", "name: team-a "),
        (
            &["dex", "nothing", "below"],
            "name: team-a ",
            "name: team-a ",
        ),
    ];
    for (path, old, new) in cases {
        check_sample(unset("team-a", path), old, new);
    }
    let dex = &SAMPLE[SAMPLE.find("    dex:").unwrap()..SAMPLE.find("    # store").unwrap()];
    check_sample(unset("team-a", &["dex"]), dex, "");
    check_sample(unset("pod", &["token-file"]), "    token-file: {}\n", "");
    let cases = [
        ("- x: 1 # c\n  name: a\n", "- name: a\n"),
        ("-   x:\n     - 1\n\n    name: a\n", "-   name: a\n"),
        ("- x: 1 # c\n  # d\n  name: a\n", "-\n  # d\n  name: a\n"),
        ("- # c\n  x: |\n    t\n  name: a\n", "- # c\n  name: a\n"),
        (
            "- name: a\n  x:\n  - 1\n  - 2 # c\n  # d\n",
            "- name: a\n  # d\n",
        ),
        (
            "- name: a\n  x:\n    y: 1\n    # d\n\n    # e\n\n  # f\n",
            "- name: a\n\n  # f\n",
        ),
        ("- name: a\n  x: &a 1\n", "- name: a\n"),
        (
            "- name: a\n  t: |\n    t\n  x: 1\n    # or it would become text\n",
            "- name: a\n  t: |\n    t\n",
        ),
        ("- name: a\n  x: !t {b: c} # d\n", "- name: a\n"),
    ];
    for (before, after) in cases {
        check(
            &format!("contexts:\n{before}"),
            unset("a", &["x"]),
            &format!("contexts:\n{after}"),
        );
    }
    check(
        "contexts:\n- name: a\n  x: 1",
        unset("a", &["x"]),
        "contexts:\n- name: a\n",
    );
}

#[test]
fn a_mapping_that_loses_its_only_key_stays() {
    let cases = [
        ("x:\n    y: 1 # c\n", "x: {}\n"),
        (
            "x: # c\n    # d\n    y: 1 # e\n    # f\n",
            "x: {} # c\n    # d\n    # f\n",
        ),
        ("x:\n    y:\n      z: 1\n", "x: {}\n"),
    ];
    for (before, after) in cases {
        let file = |entry: &str| format!("contexts:\n- name: a\n  {entry}- name: b\n");
        check(&file(before), unset("a", &["x", "y"]), &file(after));
        let back = apply(&file(after), &[set("a", &["x", "y"], &json!({"z": 1}))]).unwrap();
        assert_eq!(
            read(&back).unwrap()["contexts"][0],
            json!({"name": "a", "x": {"y": {"z": 1}}})
        );
    }
    check(
        "contexts:\n- name: a # c\n",
        unset("a", &["name"]),
        "contexts:\n- {}\n",
    );
}

#[test]
fn contexts_are_added() {
    let value = json!("https://x/pipeline");
    let edit = set("new/ü: #1", &["endpoint"], &value);
    let item = "- name: \"new/ü: #1\"\n  endpoint: https://x/pipeline\n";
    let indented = "  - name: \"new/ü: #1\"\n    endpoint: https://x/pipeline\n";
    check_sample(
        edit,
        "    token-file: {}\n",
        &format!("    token-file: {{}}\n{indented}"),
    );
    let cases = [
        ("contexts:\n", "contexts:\n", indented),
        ("contexts: [] # c\n", "contexts: # c\n", indented),
        (
            "contexts: ~\n# c\n",
            "contexts:\n",
            &format!("{indented}# c\n"),
        ),
        ("contexts:\n  # c\n  []\n", "contexts:\n  # c\n", indented),
        (
            "kind: Config # c\n# d\n",
            "kind: Config # c\n",
            &format!("contexts:\n{indented}# d\n"),
        ),
        (
            "contexts:\n- name: a\n  # c\n\n# d\n",
            "contexts:\n- name: a\n  # c\n",
            &format!("{item}\n# d\n"),
        ),
        ("contexts:\n- {name: a}\n", "contexts:\n- {name: a}\n", item),
        (
            "contexts:\n- name: a\n  dex:\n    x: |+\n      t\n\nkind: Config\n",
            "contexts:\n- name: a\n  dex:\n    x: |+\n      t\n\n",
            &format!("{item}kind: Config\n"),
        ),
        (
            "---\ncontexts:\n- name: a\n...\n",
            "---\ncontexts:\n- name: a\n",
            &format!("{item}...\n"),
        ),
    ];
    for (before, kept, added) in cases {
        check(before, edit, &format!("{kept}{added}"));
    }
    check(
        "contexts:\n- name: a",
        edit,
        &format!("contexts:\n- name: a\n{}", item.trim_end()),
    );
}

#[test]
fn contexts_are_deleted_with_their_comments() {
    let team_a =
        &SAMPLE[SAMPLE.find("  - name: team-a").unwrap()..SAMPLE.find("\n  # Google's").unwrap()];
    check_sample(Edit::DeleteContext("team-a"), team_a, "");
    let google =
        &SAMPLE[SAMPLE.find("  # Google's").unwrap()..SAMPLE.find("\n  - name: pod").unwrap()];
    check_sample(Edit::DeleteContext("team/b: ü"), google, "");
    check_sample(
        Edit::DeleteContext("pod"),
        "  - name: pod\n    token-file: {}\n",
        "",
    );
    check_sample(Edit::DeleteContext("nobody"), "kind", "kind");
    let cases = [
        (
            "contexts: # c\n  # d\n  - name: a\n    # e\n# f\n",
            "contexts: [] # c\n# f\n",
        ),
        ("contexts:\n# d\n- name: a", "contexts: []\n"),
        (
            "contexts:\n - name: a\n - {name: b,\n   x: y}\n",
            "contexts:\n - {name: b,\n   x: y}\n",
        ),
        (
            "contexts:\n - {name: a,\n   x: y} # c\n - name: b\n",
            "contexts:\n - name: b\n",
        ),
        (
            "contexts:\n# c\n\n-\n  # d\n  name: a\n- name: b\n",
            "contexts:\n# c\n\n- name: b\n",
        ),
        (
            "contexts:\n- &a\n  name: a\n- name: b\n",
            "contexts:\n- name: b\n",
        ),
    ];
    for (before, after) in cases {
        check(before, Edit::DeleteContext("a"), after);
    }
}

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
