//! The same from a real Secret Service: beside `secret-tool lookup` (only where there is gnome-keyring).

use super::Result;
use super::home::{Home, keep};
use super::race::{Contender, Cost, Group};
use super::targets::{Bound, Targets};
use testkit::peers::front_door::RealDoor;
use testkit::peers::install;
use testkit::peers::keyring::{Keyring, State};

const LOOKUP: &str = "secret-tool lookup";
const GET: &str = "get, keyring";

pub(crate) fn keyring(
    home: &Home,
    door: &RealDoor,
    rounds: usize,
    targets: &mut Targets,
) -> Result<()> {
    let program = install::program("secret-tool", "libsecret-tools");
    let found = program.and_then(|program| Ok((program, Keyring::start(State::Unlocked)?)));
    let (secret_tool, keyring) = match found {
        Ok(found) => found,
        Err(missing) => {
            println!("\nA credential in the keyring");
            targets.not_measured(GET, &format!("needs {missing}"));
            return Ok(());
        }
    };
    let mut environment = home.environment();
    environment.extend(keyring.environment());
    let secret_tool = secret_tool.to_string_lossy();
    let store = r#"printf secret | "$0" store --label=bench bench whole_process"#;
    let store = ["/bin/sh", "-c", store, &secret_tool];
    Contender::new("secret-tool store", store, environment.clone()).run()?;

    let lookup = [&secret_tool, "lookup", "bench", "whole_process"];
    let lookup = Contender::new(LOOKUP, lookup, environment.clone());
    let get = home.get(GET, "keyring").within(environment);
    keep(&get, door)?;
    let group = Group::race("A credential in the keyring", vec![lookup, get], rounds)
        .map_err(|why| format!("{why}{}", keyring.log()))?;
    group.aim(GET, LOOKUP, Cost::Wall, Bound::AtMost(0.4), targets);
    group.aim_memory(GET, Bound::AtMost(8.0), targets);
    Ok(())
}
