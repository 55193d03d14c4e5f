//! Every vector of exec configurations: what each client finds.

use testkit::clients::exec::vectors;
use testkit::peers::clients::Language;
use testkit::peers::require;

#[test]
fn every_client_finds_its_helper_as_the_vectors_say() {
    let vectors = vectors();
    let mut faults = Vec::new();
    for language in Language::ALL {
        let Some(driver) = require(language.driver()) else {
            continue;
        };
        for (name, vector) in &vectors {
            if let Err(fault) = vector.play(&driver) {
                faults.push(format!("{language:?}: {name}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
