mod random;
mod whole;

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
