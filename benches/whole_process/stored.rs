//! A stored credential is read back: beside `/bin/true`, which is what any process costs, and beside what other
//! credential plugins take to print a token that they have in their caches.

use super::home::{Home, is_kept, keep};
use super::other_plugins::{gke_gcloud_auth_plugin, kubelogin};
use super::race::{Contender, Cost, Group};
use super::targets::{Bound, Targets};
use super::{Result, need};
use testkit::peers::front_door::RealDoor;

const TRUE: &str = "/bin/true";
const FILE: &str = "get, file store";
const KEYUTILS: &str = "get, kernel's keyring";
const TOKEN: &str = "get, token file";

pub(crate) fn stored(
    home: &Home,
    door: &RealDoor,
    rounds: usize,
    targets: &mut Targets,
) -> Result<()> {
    let file = home.get(FILE, "file");
    keep(&file, door)?;
    let kubelogin = need(kubelogin(home))?;
    let kubelogin_name = kubelogin.name;
    let gke = gke_gcloud_auth_plugin(home)?;
    let gke_name = gke.as_ref().map(|gke| gke.name);
    let keyutils = home.get(KEYUTILS, "keyutils");
    let has_keyutils = is_kept(&keyutils, door)?;

    let mut group = vec![
        Contender::new(TRUE, [TRUE], home.environment()),
        file,
        home.get(TOKEN, "token"),
        kubelogin,
    ];
    group.extend(has_keyutils.then_some(keyutils));
    group.extend(gke);
    let raced = Group::race("A stored credential", group, rounds);
    if has_keyutils {
        // The kernel would hold it for three days.
        home.logout("keyutils").run()?;
    }
    let group = raced?;

    let mut aim = |ours| {
        group.aim(ours, TRUE, Cost::Wall, Bound::AtMost(2.0), targets);
        group.aim(
            ours,
            kubelogin_name,
            Cost::Wall,
            Bound::AtMost(0.4),
            targets,
        );
        if let Some(gke) = gke_name {
            group.compare(ours, gke);
        }
    };
    aim(FILE);
    if has_keyutils {
        aim(KEYUTILS);
    }
    group.compare(TOKEN, TRUE);
    group.aim_memory(FILE, Bound::AtMost(6.0), targets);
    if !has_keyutils {
        targets.not_measured(
            KEYUTILS,
            "this kernel, or its container, lets nobody keep a key",
        );
    }
    if gke_name.is_none() {
        println!("  gke-gcloud-auth-plugin: not measured: it is not installed");
    }
    Ok(())
}
