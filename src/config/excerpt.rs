//! What a run needs of a large configuration file: all that is not a context, and the contexts that may have a name.
//!
//! To parse a thousand contexts takes longer than to answer from the store. Where contexts begin and end, indentation
//! alone tells, as they are the items of a block sequence (YAML 1.2.2, section 8.2.1). The lines of other ones are left
//! empty, so that what is said of the rest names its true lines. Where a file is written in a way that lines alone do
//! not explain, it is parsed whole; so it is by every command that is about the file.

use std::ops::Range;

/// Smaller files are parsed whole, and every fault in them is said.
const LARGE: usize = 32 * 1024;

/// Gives the text without the contexts that have other names; `None` where the whole is to be parsed.
pub(super) fn excerpt(text: &str, name: &str) -> Option<String> {
    if text.len() < LARGE || name.is_empty() || needs_a_parser(text) {
        return None;
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut kept = lines.clone();
    for item in items_of_contexts(&lines)? {
        if !lines[item.clone()].iter().any(|line| may_say(line, name)) {
            kept[item].fill("");
        }
    }
    Some(kept.join("\n"))
}

/// Gives the file's `current-context`, where it is written in the plain way.
pub(super) fn current_context(text: &str) -> Option<&str> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("current-context:"))?;
    let value = value.trim();
    let is_plain = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    (!value.is_empty() && value.chars().all(is_plain)).then_some(value)
}

/// Tells of anchors, aliases, merges, tags, directives, further documents, block scalars and tabs.
fn needs_a_parser(text: &str) -> bool {
    let is_marked = |mark: &str| text.starts_with(mark) || text.contains(&format!("\n{mark}"));
    if ["---", "..."].into_iter().any(is_marked) {
        return true;
    }
    let has_indicators = text.bytes().any(|byte| b"&*!|>\t%<".contains(&byte));
    has_indicators && text.lines().any(is_beyond_lines)
}

fn is_beyond_lines(line: &str) -> bool {
    let ends_in_block_scalar = line
        .trim_end_matches(|c: char| c.is_ascii_digit() || "+- ".contains(c))
        .ends_with(['|', '>']);
    ends_in_block_scalar
        || line.contains('\t')
        || line.starts_with('%')
        || line.trim_start().starts_with("<<")
        || line.match_indices(['&', '*', '!']).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|before| " [{,".contains(before))
        })
}

/// Tells whether a line says `name: NAME`, or something that only a parser can tell from it.
fn may_say(line: &str, name: &str) -> bool {
    line.match_indices("name").any(|(at, key)| {
        let before = line[..at].chars().next_back();
        let quotes = ['"', '\''];
        let after = line[at + key.len()..].trim_start_matches(quotes);
        let Some(value) = after.trim_start().strip_prefix(':').map(str::trim_start) else {
            return false;
        };
        before.is_none_or(|before| " {,\"'".contains(before))
            && (value.is_empty()
                || value.starts_with('#')
                || value.contains('\\')
                || value.trim_start_matches(quotes).starts_with(name))
    })
}

/// Gives the lines of each item of `contexts`.
fn items_of_contexts(lines: &[&str]) -> Option<Vec<Range<usize>>> {
    let above = lines
        .iter()
        .position(|line| line.trim_end() == "contexts:")?;
    let mut indentation = None;
    let mut starts = Vec::new();
    let mut end = lines.len();
    for (at, line) in lines.iter().enumerate().skip(above + 1) {
        let content = line.trim_start_matches(' ');
        let column = line.len() - content.len();
        if content.trim_end().is_empty() || content.starts_with('#') {
            continue;
        }
        let first = *indentation.get_or_insert(column);
        let is_item = content.starts_with("- ") || content == "-";
        if column == first && is_item {
            starts.push(at);
        } else if column <= first {
            end = at;
            break;
        }
    }
    starts.first()?;
    starts.push(end);
    Some(starts.windows(2).map(|pair| pair[0]..pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(item: &str) -> String {
        let contexts: String = (0..2000)
            .map(|number| item.replace("NUMBER", &format!("n{number:04}")))
            .collect();
        format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n# all of them\n{contexts}current-context: n0007\n"
        )
    }

    #[test]
    fn the_lines_of_other_contexts_are_empty_and_all_others_where_they_were() {
        for item in [
            "- name: NUMBER\n  endpoint: https://h/n0007\n\n  dex: { username: n0007 }\n",
            "  - endpoint: 'https://h'\n    # the name\n    name: \"NUMBER\"\n",
            "- { name: NUMBER,\n    endpoint: https://h }\n",
            "-\n  \"name\" : NUMBER # n0007\n  headers:\n    X-A: text\n",
        ] {
            let whole = file(item);
            let part = excerpt(&whole, "n0007").expect("an excerpt");
            assert_eq!(part.lines().count(), whole.lines().count(), "{item}");
            let mut contexts = 0;
            for (kept, line) in part.lines().zip(whole.lines()) {
                assert!(kept.is_empty() || kept == line);
                contexts += usize::from(may_say(kept, "n"));
            }
            assert_eq!(contexts, 1, "{item}");
            assert!(part.starts_with("apiVersion: ") && part.ends_with("current-context: n0007"));
            assert_eq!(current_context(&whole), Some("n0007"));
        }
    }

    #[test]
    fn only_a_parser_knows_some_names() {
        for (line, expected) in [
            ("- name: a", true),
            ("  'name': \"a\"", true),
            ("- {endpoint: x,name: a}", true),
            ("  name:", true),
            ("  name: # below", true),
            (r#"  name: "\u0061""#, true),
            ("- name: b", false),
            ("  username: a", false),
            ("  tls-server-name: a", false),
            ("  namespace: a", false),
        ] {
            assert_eq!(may_say(line, "a"), expected, "{line}");
        }
    }

    #[test]
    fn a_file_that_lines_do_not_explain_is_parsed_whole() {
        let plain = "- name: NUMBER\n  endpoint: https://h\n";
        assert!(excerpt(&file(plain), "n0007").is_some());
        for item in [
            "- &NUMBER\n  name: NUMBER\n",
            "- name: NUMBER\n  <<: *other\n",
            "- name: !!str NUMBER\n",
            "- name: NUMBER\n  namespace: |\n    text\n",
            "- name: NUMBER\n  namespace: >-\n    text\n",
            "-\tname: NUMBER\n",
            "- name: NUMBER\n---\n",
        ] {
            assert_eq!(excerpt(&file(item), "n0007"), None, "{item}");
        }
        let flow = file(plain).replace("contexts:", "contexts: [");
        assert_eq!(excerpt(&flow, "n0007"), None);
        assert_eq!(excerpt("contexts:\n- name: n0007\n", "n0007"), None);
    }

    #[test]
    fn a_current_context_in_quotes_is_left_to_the_parser() {
        assert_eq!(current_context("current-context: 'a b'\n"), None);
        assert_eq!(current_context("current-context: a # b\n"), None);
        assert_eq!(current_context("kind: Config\n"), None);
        assert_eq!(current_context("current-context: a\n"), Some("a"));
    }
}
