//! Whose a file or a process is, by the number that the system gives.
//!
//! In a user namespace one number stands for every user whom the namespace does not know (`user_namespaces(7)`, "Unmapped
//! user and group IDs"). Whoever runs under that number there cannot tell what is theirs, so nothing is.

#[cfg(target_os = "linux")]
use std::sync::OnceLock;

/// Refuses what belongs to another user, with words that go on from its name.
pub fn refuse_others(owner: u32) -> Result<(), String> {
    let us = us();
    if owner != us {
        return Err(format!("belongs to uid {owner}, and this is uid {us}"));
    }
    if stands_for_many(us) {
        return Err(format!(
            "belongs to uid {owner}, which stands for every user that this user namespace does not know"
        ));
    }
    Ok(())
}

/// Tells whether it is this user's.
pub fn is_ours(owner: u32) -> bool {
    refuse_others(owner).is_ok()
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Told once, as each file of an answer from the store is asked about.
#[cfg(target_os = "linux")]
fn stands_for_many(us: u32) -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| is_overflow_of_a_namespace(us))
}

#[cfg(target_os = "linux")]
fn is_overflow_of_a_namespace(us: u32) -> bool {
    use std::fs::read_to_string;
    use std::path::Path;
    let number = read_to_string("/proc/sys/kernel/overflowuid").ok();
    if us != overflow_uid(number.as_deref()) {
        return false;
    }
    match read_to_string("/proc/self/uid_map") {
        Ok(map) => !knows_everybody(&map),
        // A kernel without namespaces has no such file; without /proc nobody knows.
        Err(_) => !Path::new("/proc/self").exists(),
    }
}

#[cfg(not(target_os = "linux"))]
fn stands_for_many(_us: u32) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn overflow_uid(number: Option<&str>) -> u32 {
    // From the kernel's `linux/highuid.h`.
    const USUAL: u32 = 65_534;
    number
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(USUAL)
}

/// Reads a map of users: the first of a range in the namespace, the same outside, and how many there are.
#[cfg(target_os = "linux")]
fn knows_everybody(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_range_knows_everybody() {
        assert!(knows_everybody("         0          0 4294967295\n"));
        for map in [
            "",
            "         0          0      65536\n",
            "     65534          0          1\n",
            "         0     100000      65536\n",
            "         0          0 2147483648\n2147483648 2147483648 2147483647\n",
        ] {
            assert!(!knows_everybody(map), "{map}");
        }
    }

    #[test]
    fn the_number_of_the_unknown_is_the_systems() {
        assert_eq!(overflow_uid(Some("65533\n")), 65_533);
        assert_eq!(overflow_uid(Some("x")), 65_534);
        assert_eq!(overflow_uid(None), 65_534);
    }

    #[test]
    fn only_this_users_own_is_ours() {
        assert!(is_ours(us()));
        let other = refuse_others(us() + 1).unwrap_err();
        assert!(other.contains("and this is uid"), "{other}");
    }
}
