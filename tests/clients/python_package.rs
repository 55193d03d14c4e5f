//! The Python package as its users have it: installed by pip, beside the kfp SDK of both generations,
//! before real servers.
#![cfg(target_os = "linux")]

mod build;
mod connections;
mod installed;
mod long_runs;
mod person;
mod rejections;

use std::path::Path;

use testkit::peers::dex;
use testkit::peers::front_door::RealDoor;
use testkit::peers::python::Environment;
use testkit::sandbox::{Output, Sandbox};

/// Makes a home in which an environment's Python runs, with these contexts.
fn home(environment: &Environment, contexts: &str) -> Sandbox {
    let home = Sandbox::with_binary(environment.python());
    home.config(&format!(
        "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n{contexts}"
    ));
    // What the kfp SDK asks for a token of Google's after a 401 is not to look around for long.
    home.env("NO_GCE_CHECK", "true");
    home.env("PYTHONDONTWRITEBYTECODE", "1");
    home.env("PYTHONWARNINGS", "ignore");
    home
}

/// Makes a home with the context `team-a` for a door, and the password in the environment.
fn home_of_user(environment: &Environment, door: &RealDoor) -> Sandbox {
    let home = home(environment, &dex_context("team-a", door, ""));
    let password = home.secret(dex::USER.password);
    home.env("KFP_CREDENTIAL_PASSWORD", &password);
    home
}

fn dex_context(name: &str, door: &RealDoor, more: &str) -> String {
    format!(
        "  - name: {name}\n    endpoint: {}\n    namespace: team-a\n{more}    dex: {{username: {}}}\n",
        door.endpoint(),
        dex::USER.login
    )
}

/// Writes the context of a bearer token that lies in `~/NAME`, and the file with this token.
fn token_context(home: &Sandbox, name: &str, endpoint: &str, token: &str) -> String {
    home.file(name, home.secret(token));
    format!(
        "  - name: {name}\n    endpoint: {endpoint}\n    allow-insecure-http: true\n    \
         token-file: {{path: ~/{name}}}\n"
    )
}

/// Runs one of the scripts beside this file.
fn script(home: &Sandbox, name: &str, args: &[&str]) -> Output {
    let folder = Path::new(build::ROOT).join("tests/clients/python_package");
    let file = folder.join(name);
    let file = file.to_string_lossy();
    let args: Vec<&str> = std::iter::once(&*file)
        .chain(args.iter().copied())
        .collect();
    home.run(&args)
}
