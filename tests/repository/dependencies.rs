//! Holds the tree of dependencies, of every platform, to `deny.toml`: what must not be there, what
//! may be there once, which licences, and nothing from outside the registry.
//!
//! cargo-deny reads the same file and knows more; this needs nothing but Cargo.

use std::collections::BTreeSet;
use std::process::Command;

use serde::Deserialize;
use spdx::{Expression, ParseMode};

/// The packages of this repository.
const OURS: [&str; 3] = [env!("CARGO_PKG_NAME"), "kfp-credential-client", "testkit"];

// -------------------------------------------------------------- deny.toml

#[derive(Deserialize)]
struct Rules {
    bans: Bans,
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    deny_multiple_versions: bool,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: Vec<String>,
}

impl Rules {
    fn read() -> Self {
        toml::from_str(include_str!("../../deny.toml")).expect("deny.toml")
    }

    /// Says all that is wrong with a tree.
    fn broken_by(&self, tree: &[Package]) -> Vec<String> {
        let mut broken = Vec::new();
        for ban in &self.bans.deny {
            let versions = tree.iter().filter(|package| package.name == ban.name);
            let versions: BTreeSet<_> = versions.map(|package| &package.version).collect();
            if ban.deny_multiple_versions && versions.len() > 1 {
                broken.push(format!("{} is there in versions {versions:?}", ban.name));
            }
            if !ban.deny_multiple_versions && !versions.is_empty() {
                broken.push(format!("{} is there", ban.name));
            }
        }
        for package in tree {
            let license = package.license.as_deref().unwrap_or_default();
            if !self.allows(&package.name, license) {
                broken.push(format!("{} has the licence {license:?}", package.name));
            }
            let source = package.source.as_deref().unwrap_or("path");
            if !source.starts_with("registry+") && !OURS.contains(&package.name.as_str()) {
                broken.push(format!("{} comes from {source}", package.name));
            }
        }
        broken
    }

    fn allows(&self, package: &str, license: &str) -> bool {
        let exceptions = self.licenses.exceptions.iter();
        let excepted = exceptions
            .filter(|exception| exception.name == package)
            .flat_map(|exception| &exception.allow);
        let allowed: BTreeSet<&String> = self.licenses.allow.iter().chain(excepted).collect();
        Expression::parse_mode(license, ParseMode::LAX)
            .is_ok_and(|choice| choice.evaluate(|license| allowed.contains(&license.to_string())))
    }
}

// --------------------------------------------------------------- the tree

#[derive(Clone, Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

impl Package {
    fn new(name: &str, version: &str, license: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            license: Some(license.to_owned()),
            source: Some("registry+somewhere".to_owned()),
        }
    }
}

/// Asks Cargo for every package that `Cargo.lock` holds.
fn tree() -> Vec<Package> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .expect("cargo");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {words}");
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo's JSON");
    metadata.packages
}

#[test]
fn the_dependencies_keep_to_deny_toml() {
    let tree = tree();
    let broken = Rules::read().broken_by(&tree);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    for name in ["reqwest", "rustls", "ring"] {
        let there = tree.iter().any(|package| package.name == name);
        assert!(
            there,
            "{name} is not there: does deny.toml name the right crates?"
        );
    }
}

#[test]
fn what_deny_toml_forbids_is_found() {
    let broken_by = |package: Package| {
        let sound = Package::new("reqwest", "0.13.5", "MIT/Apache-2.0");
        Rules::read().broken_by(&[sound, package])
    };
    let sound = Package::new("new", "1.0.0", "(MIT OR GPL-3.0-only) AND Unicode-3.0");
    assert_eq!(broken_by(sound.clone()), [""; 0]);

    let banned = Package::new("native-tls", "0.2.0", "MIT");
    assert_eq!(broken_by(banned), ["native-tls is there"]);
    let second = Package::new("reqwest", "0.12.0", "MIT");
    assert_eq!(
        broken_by(second),
        [r#"reqwest is there in versions {"0.12.0", "0.13.5"}"#]
    );
    let copyleft = Package::new("new", "1.0.0", "MIT AND GPL-3.0-only");
    assert_eq!(
        broken_by(copyleft),
        [r#"new has the licence "MIT AND GPL-3.0-only""#]
    );
    let unnamed = Package {
        license: None,
        ..sound.clone()
    };
    assert_eq!(broken_by(unnamed), [r#"new has the licence """#]);
    let not_excepted = Package::new("new", "1.0.0", "MPL-2.0");
    assert_eq!(
        broken_by(not_excepted),
        [r#"new has the licence "MPL-2.0""#]
    );
    assert_eq!(
        broken_by(Package::new(
            "webpki-root-certs",
            "1.0.0",
            "CDLA-Permissive-2.0"
        )),
        [""; 0]
    );
    let elsewhere = Package {
        source: Some("git+elsewhere".to_owned()),
        ..sound
    };
    assert_eq!(broken_by(elsewhere), ["new comes from git+elsewhere"]);
}
