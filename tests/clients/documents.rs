//! Every document vector, read by every client.

use std::collections::BTreeMap;

use serde_json::json;

use testkit::clients::documents::vectors;
use testkit::clients::driver;
use testkit::clients::words::Words;
use testkit::peers::clients::Language;
use testkit::peers::require;

#[test]
fn every_client_reads_documents_as_the_vectors_say() {
    let vectors = vectors();
    for language in Language::ALL {
        let Some(driver) = require(language.driver()) else {
            continue;
        };
        let mut words = Words::default();
        words.set_now();
        let texts: Vec<String> = vectors.values().map(|one| one.printed(&words)).collect();
        let home = tempfile::tempdir().unwrap();
        let input = json!({ "documents": texts });
        let printed = driver::run(&driver, home.path(), &BTreeMap::new(), &input);
        let printed = printed.unwrap_or_else(|fault| panic!("{language:?}: {fault}"));
        assert_eq!(printed.results.len(), vectors.len(), "{language:?}");
        let faults: Vec<String> = vectors
            .iter()
            .zip(&printed.results)
            .filter_map(|((name, vector), got)| Some((name, vector.judge(got, &words)?)))
            .map(|(name, fault)| format!("{name}: {fault}"))
            .collect();
        assert!(faults.is_empty(), "{language:?}: {faults:#?}");
    }
}
