//! A run outlives its session twice: the program that waits for it does not notice, and each new
//! session costs one login.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{build, home_of_user};
use testkit::peers::front_door::RealDoor;
use testkit::peers::python::Environment;
use testkit::peers::{needs, python};
use testkit::transcript::document;

#[test]
fn the_program_of_the_readme_succeeds_though_its_session_is_killed_twice() {
    let kfp = needs!(python::kfp());
    let environment = needs!(build::from_checkout(&kfp));
    let door = needs!(RealDoor::sign_in_page());
    let readme = document("README.md");
    let after = readme.split("<!-- python kfp -->\n```py\n").nth(1);
    let program = after.and_then(|rest| rest.split("```").next());
    succeeds_though_its_session_is_killed_twice(&environment, door, program.expect("the program"));
}

#[test]
fn so_does_a_program_with_kfp_1() {
    let kfp = needs!(python::kfp1());
    let environment = needs!(build::from_wheel(&kfp));
    let door = needs!(RealDoor::straight_redirect());
    let program = include_str!("run_with_kfp1.py");
    succeeds_though_its_session_is_killed_twice(&environment, door, program);
}

fn succeeds_though_its_session_is_killed_twice(
    environment: &Environment,
    mut door: RealDoor,
    program: &str,
) {
    let home = home_of_user(environment, &door);
    let file = home.file("program.py", program);
    let running = home.command(&[&*file.to_string_lossy()]).spawn();
    for kill in 1..=2 {
        let deadline = Instant::now() + Duration::from_secs(50);
        while polls(&door) < kill && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
        }
        // The answer is on its way; the next poll is seconds away.
        thread::sleep(Duration::from_millis(500));
        door.forget_sessions();
    }
    let output = running.wait().assert_success();
    let last = output.stdout.lines().last().unwrap_or_default();
    assert_eq!(last.to_uppercase(), "SUCCEEDED", "{}", output.shown());
    assert_eq!(polls(&door), 3, "{}", output.shown());
    assert_eq!((door.posts(), door.logins()), (3, 3), "{}", output.shown());
}

/// Counts how often somebody with a session has asked for the run.
fn polls(door: &RealDoor) -> usize {
    let requests = door.upstream().requests();
    let asks = |path: &Path| path.parent().is_some_and(|folder| folder.ends_with("runs"));
    requests
        .iter()
        .filter(|request| request.method == "GET" && asks(Path::new(request.path())))
        .count()
}
