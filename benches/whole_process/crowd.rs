//! A stored credential is read back where there is a lot of everything: contexts in the configuration, entries in the
//! store. What is looked for should cost no more for what lies beside it.

use super::Result;
use super::home::{Home, keep};
use super::race::{Cost, Group};
use super::targets::{Bound, Targets};
use testkit::peers::front_door::RealDoor;

const FEW: &str = "get, 5 contexts, 1 entry";
const CONTEXTS: &str = "get, 1,000 contexts";
const ENTRIES: &str = "get, 10,000 entries";

pub(crate) fn crowd(door: &RealDoor, rounds: usize, targets: &mut Targets) -> Result<()> {
    let few = Home::new(door)?;
    let contexts = Home::with_contexts(door, 1_000)?;
    let entries = Home::new(door)?;
    let group = vec![
        few.get(FEW, "file"),
        contexts.get(CONTEXTS, "file"),
        entries.get(ENTRIES, "file"),
    ];
    for get in &group {
        keep(get, door)?;
    }
    entries.fill_store(10_000)?;
    let group = Group::race("A stored credential among many", group, rounds)?;
    group.aim(ENTRIES, FEW, Cost::Wall, Bound::Below(1.5), targets);
    Ok(())
}
