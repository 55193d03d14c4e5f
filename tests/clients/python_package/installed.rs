//! What pip installs: a static program, a package without dependencies, and all that its source needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{build, home_of_user};
use testkit::peers::front_door::RealDoor;
use testkit::peers::python::Environment;
use testkit::peers::{needs, python};
use testkit::sandbox::files_beneath;

#[test]
fn the_wheel_works_where_there_is_nothing_but_python() {
    let wheel = needs!(build::wheel());
    let base = needs!(python::requests());
    let door = needs!(RealDoor::sign_in_page());
    let environment = Environment::made_by(&base);
    environment.install(|pip| {
        pip.arg(&wheel.file);
    });
    let program = fs::read(environment.programs().join("kfp-credential")).expect("the program");
    assert!(!wheel.is_static || !has_interpreter(&program));

    let home = home_of_user(&environment, &door);
    let nowhere = home.home().to_string_lossy().into_owned();
    let run = |args: &[&str]| home.command(args).env("PATH", &nowhere).run();
    // Notebooks run kernels without the environment's programs in PATH.
    let version = run(&["-m", "kfp_credential", "--version"]).assert_success();
    let expected = concat!("kfp-credential ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(version.stdout, expected);

    let script = "import importlib.metadata as metadata, kfp_credential\n\
        helper = kfp_credential.Helper(context='team-a')\n\
        print(helper.send('GET', '/apis/v2beta1/healthz').body.decode())\n\
        print(helper.credential(), metadata.version('kfp-credential'), metadata.requires('kfp-credential'))\n\
        try: kfp_credential.client('team-a')\n\
        except ImportError as error: print(error)";
    let printed = run(&["-c", script]).assert_success().stdout;
    let lines: Vec<&str> = printed.lines().collect();
    let [health, credential, without_kfp] = lines[..] else {
        panic!("{printed}");
    };
    assert_eq!(health, r#"{"multi_user":true}"#);
    assert!(credential.starts_with("<Credential: cookie of user@example.com, until 20"));
    let version = env!("CARGO_PKG_VERSION");
    let requires = format!("> {version} [\"kfp>=1.8.22 ; extra == 'kfp'\"]");
    assert!(credential.ends_with(&requires), "{credential}");
    assert!(
        without_kfp.ends_with("pip install 'kfp-credential[kfp]'"),
        "{without_kfp}"
    );
    assert_eq!(door.logins(), 1);
}

#[test]
fn the_source_distribution_has_every_file_that_is_compiled_in() {
    let shipped = needs!(build::files_of_source_distribution());
    let shipped: BTreeSet<&str> = shipped.iter().map(String::as_str).collect();
    let root = Path::new(build::ROOT);
    let sources = files_beneath(&root.join("src"));
    assert!(sources.len() > 20, "{sources:?}");
    let package = files_beneath(&root.join("protocol/clients/python/kfp_credential"));
    let package = package
        .into_iter()
        .filter(|file| file.extension().is_none_or(|kind| kind != "pyc"));
    let mut wanted: BTreeSet<String> = [
        "Cargo.toml",
        "Cargo.lock",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    ]
    .map(str::to_owned)
    .into();
    let mut compiled_in = 0;
    for file in sources.iter().cloned().chain(package) {
        wanted.insert(relative(&file));
        let text = fs::read_to_string(&file).expect("a source");
        for rest in text.split("include_str!(\"").skip(1) {
            let name = rest.split('"').next().expect("a name");
            let included = file.parent().expect("a folder").join(name);
            wanted.insert(relative(
                &included.canonicalize().expect("an included file"),
            ));
            compiled_in += 1;
        }
    }
    assert!(compiled_in >= 2, "only {compiled_in} files are compiled in");
    let missing: Vec<&String> = wanted
        .iter()
        .filter(|file| !shipped.contains(file.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn relative(file: &Path) -> String {
    let inside = file
        .strip_prefix(build::ROOT)
        .expect("a file of the checkout");
    inside.to_string_lossy().into_owned()
}

/// Tells whether a program asks for a loader, as those do that are linked with libraries (ELF, 64 bits,
/// little-endian: a program header of the type `PT_INTERP`).
fn has_interpreter(program: &[u8]) -> bool {
    assert_eq!(program[..6], *b"\x7fELF\x02\x01");
    let number = |at: usize, length: usize| {
        let bytes = program[at..at + length].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (start, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    assert!(count > 0);
    (0..count).any(|header| number(start + header * size, 4) == 3)
}
