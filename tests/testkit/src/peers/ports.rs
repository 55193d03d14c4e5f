//! Ports that stay ours although nothing listens on them yet.
//!
//! A real server has to be told its port, and one that restarts must find the same one free. Ports
//! picked by the kernel can go to somebody else in between; these lie below the range that the
//! kernel gives to clients, and a locked file keeps parallel tests apart.

use std::fs::File;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use super::install;

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Is a port of this machine's loopback addresses, reserved until it is dropped.
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Reserves a port that nobody listens on.
    pub fn reserve() -> Self {
        let folder = install::cache().join("ports");
        std::fs::create_dir_all(&folder).expect("the folder of port locks");
        for _ in 0..COUNT {
            let number = candidate();
            let lock = File::create(folder.join(number.to_string())).expect("a port lock");
            if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Self {
                    number,
                    _lock: lock,
                };
            }
        }
        panic!("no free port from {FIRST} on");
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}

/// Names the next port to try; processes start at different places.
fn candidate() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(97) % u32::from(COUNT);
    let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
    FIRST + u16::try_from((start + step) % u32::from(COUNT)).expect("below COUNT")
}
