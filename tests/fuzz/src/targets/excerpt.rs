//! The reading of one context of a large file, which skips the others by their lines: the same as the reading of all.

use kfp_credential::config::file::{self, Config, ConfigFile, Wanted};
use kfp_credential::config::of_entry;
use kfp_credential::environment::Environment;

use crate::oracle;

/// More than the size of files that are always read whole.
const LARGE: usize = 33 * 1024;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let path = oracle::path("config.yaml");
    let Ok(whole) = file::parse(&path, text) else {
        return;
    };
    // Comments at column 0 may stand between any two lines, but not in every place: then it is another file.
    let padding = "# padding padding padding padding padding padding padding padding\n";
    let line = format!("{padding}{}", padding.repeat(LARGE / padding.len()));
    let ended = if text.ends_with('\n') { "" } else { "\n" };
    let large = format!("{text}{ended}{line}");
    match file::parse(&path, &large) {
        Ok(same) if format!("{same:?}") == format!("{whole:?}") => {}
        _ => return,
    }
    std::fs::write(&path, &large).expect("a file");
    let mut wanted: Vec<Wanted<'_>> = vec![Wanted::Current, Wanted::Any];
    wanted.extend(
        whole
            .contexts()
            .iter()
            .map(|one| Wanted::Named(&one.name.value)),
    );
    for wanted in wanted {
        let part = file::read_for(&path, wanted).expect("a file that can be read whole");
        let part = part.expect("a file").config;
        assert_eq!(part.current_context, whole.current_context);
        let name = match wanted {
            Wanted::Named(name) => Some(name),
            Wanted::Current => whole.current_context.as_deref(),
            Wanted::Any => None,
        };
        assert_eq!(
            seen(part, name),
            seen(file::parse(&path, text).expect("it"), name),
            "{wanted:?}"
        );
    }
}

/// What a context means: positions may differ, but for the lines that errors name.
fn seen(config: Config, name: Option<&str>) -> Option<String> {
    let path = oracle::path("config.yaml");
    let file = ConfigFile { path, config };
    let entry = file.context(name?)?;
    Some(format!(
        "{:?}",
        of_entry(&file, entry, &Environment::default())
    ))
}
