//! An address as people write it, or as a kubeconfig does.

use kfp_credential::endpoint::{Endpoint, Origin};

pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let origin = Origin::parse(&text);
    let Ok(endpoint) = Endpoint::parse(&text) else {
        assert!(origin.is_err());
        return;
    };
    let shown = endpoint.to_string();
    let again = Endpoint::parse(&shown).expect("what is shown is an endpoint");
    assert_eq!(again, endpoint);
    assert_eq!(again.to_string(), shown);
    assert!(
        !shown.ends_with('/') && !shown.contains(['?', '#', '\n', ' ']),
        "{shown}"
    );
    let own = endpoint.origin();
    assert_eq!(Origin::parse(&own.to_string()), Ok(own.clone()), "{own}");
    let below = endpoint.join("apis/v2beta1/healthz");
    assert_eq!(Origin::of(&below), own);
    assert!(below.as_str().starts_with(&shown) && below.path().ends_with("/apis/v2beta1/healthz"));
    assert!(own.is_or_upgrades_to(&own));
}
