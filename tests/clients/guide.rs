//! The programs of protocol/guides/languages.md, each run as it stands beside its client.

use std::fs;
use std::process::Command;

use testkit::front_door::{FrontDoor, Options, PASSWORD};
use testkit::peers::clients::{folder, java_class_path};
use testkit::peers::{Missing, install, needs};
use testkit::transcript::{Shell, blocks};

const GUIDE: &str = "protocol/guides/languages.md";

#[test]
fn the_guides_programs_list_experiments() {
    let door = FrontDoor::start(Options::default());
    let shell = Shell::new(&door);
    shell.export("KF_PASSWORD", PASSWORD);
    let file = |name: &str, language: &str| {
        let text = blocks(GUIDE, language).concat();
        shell.sandbox.file(name, text).display().to_string()
    };

    let node = needs!(install::program("node", "nodejs"));
    let script = file("js/experiments.mjs", "javascript");
    let modules = shell.sandbox.home().join("js/node_modules");
    fs::create_dir(&modules).expect("a folder");
    let package = modules.join("kfp-credential-client");
    std::os::unix::fs::symlink(folder("js"), package).expect("a link");
    lists(
        &shell,
        "JavaScript",
        &format!("{} {script}", node.display()),
    );

    let go = needs!(install::on_path("go").ok_or_else(|| Missing::new("go")));
    file("go/main.go", "go");
    let module = format!(
        "module experiments\n\ngo 1.22\n\nrequire kfpcredential v0.0.0\n\nreplace kfpcredential => {}\n",
        folder("go").display()
    );
    shell.sandbox.file("go/go.mod", module);
    let cache = install::cache().join("go-build-of-guides");
    // The first build is that of the standard library, which may take longer than a run.
    let built = Command::new(&go)
        .args(["build", "-o", "experiments", "."])
        .current_dir(shell.sandbox.home().join("go"))
        .envs([
            ("GOCACHE", cache.as_os_str()),
            ("GOFLAGS", "-buildvcs=false".as_ref()),
        ])
        .status();
    assert!(built.expect("go runs").success());
    let run = format!(
        "cd go && GOCACHE={} GOFLAGS=-buildvcs=false",
        cache.display()
    );
    lists(&shell, "Go", &format!("{run} {} run .", go.display()));

    let java = needs!(install::program("java", "openjdk-17-jdk-headless"));
    let class_path = needs!(java_class_path());
    let program = file("Experiments.java", "java");
    let run = format!("{} -cp {}", java.display(), class_path.to_string_lossy());
    lists(&shell, "Java", &format!("{run} {program}"));
}

fn lists(shell: &Shell<'_>, language: &str, command: &str) {
    let printed = shell.run(command);
    assert!(printed.contains("taxi fares"), "{language}: {printed}");
}
