//! Whose a connection to the listener is: every user of the machine can make one, and its `state` stands in the
//! arguments of the browser, which everybody can read.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::owner;

/// Whose the other end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This user, root, or anybody where the system does not tell.
    Welcome,
    /// Another user.
    Stranger(u32),
    /// Nobody: who asks and waits for the answer has an open socket on this machine.
    Nobody,
}

/// Tells whose the other ends are of connections to a port of 127.0.0.1. Rows that were just being moved can be passed
/// over while the table is read, so it is read again for whom it did not name.
pub(super) fn owners(peers: &[SocketAddr], port: u16) -> Vec<Owner> {
    let mut owners = vec![Owner::Nobody; peers.len()];
    for _ in 0..2 {
        if owners.contains(&Owner::Nobody) && !look_up(peers, port, &mut owners) {
            return vec![Owner::Welcome; peers.len()];
        }
    }
    owners
}

/// Reads the kernel's table of sockets, and tells whether there is one: a chroot may have no `/proc`.
fn look_up(peers: &[SocketAddr], port: u16, owners: &mut [Owner]) -> bool {
    match File::open("/proc/net/tcp") {
        Ok(table) => note(BufReader::new(table), peers, port, &owner::is_ours, owners),
        Err(error) => return !is_not_there(&error),
    }
    // What is told to connect to ::ffff:127.0.0.1 connects to 127.0.0.1, and stands in the other table.
    if let Ok(table) = File::open("/proc/net/tcp6") {
        note(BufReader::new(table), peers, port, &owner::is_ours, owners);
    }
    true
}

fn is_not_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::PermissionDenied
    )
}

/// Notes the owners that a table names (proc(5), `/proc/net/tcp`): the columns are a number, the address there, the
/// address it is connected to, the state, three more, the uid, one more, and the inode.
fn note(
    table: impl BufRead,
    peers: &[SocketAddr],
    port: u16,
    is_ours: &dyn Fn(u32) -> bool,
    owners: &mut [Owner],
) {
    let ours = written(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    let peers: Vec<_> = peers
        .iter()
        .map(|peer| match peer {
            SocketAddr::V4(peer) => written(*peer),
            SocketAddr::V6(_) => <[String; 2]>::default(),
        })
        .collect();
    for row in table.lines().map_while(Result::ok) {
        let columns: Vec<&str> = row.split_ascii_whitespace().collect();
        let (Some(from), Some(to)) = (columns.get(1), columns.get(2)) else {
            continue;
        };
        if !ours.iter().any(|ours| ours == to) {
            continue;
        }
        let Some(index) = peers
            .iter()
            .position(|peer| peer.iter().any(|peer| peer == from))
        else {
            continue;
        };
        // Of a socket that was closed the kernel tells neither inode nor uid: both are 0, which is no root's.
        let Some(uid) = columns.get(7).and_then(|uid| uid.parse().ok()) else {
            continue;
        };
        if columns.get(9).is_none_or(|inode| *inode == "0") {
            continue;
        }
        owners[index] = if uid == 0 || is_ours(uid) {
            Owner::Welcome
        } else {
            Owner::Stranger(uid)
        };
    }
}

/// Writes an address as the two tables do: words of the machine's byte order.
fn written(address: SocketAddrV4) -> [String; 2] {
    let word = u32::from_ne_bytes(address.ip().octets());
    let mapped = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
    let port = address.port();
    [
        format!("{word:08X}:{port:04X}"),
        format!("{:016X}{mapped:08X}{word:08X}:{port:04X}", 0),
    ]
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 100 1 0 100 0 0 10 0
   1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 101 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C002 01 00000000:00000000 00:00000000 00000000  1000        0 102 1 0 20 4 30 10 -1
   3: 0100007F:C002 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 103 1 0 20 4 30 10 -1
   4: 0200007F:C003 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0 20 4 30 10 -1
   5: 0100007F:C004 0100007F:1F90 05 00000000:00000000 03:00001234 00000000     0        0 0 3 0
   6: 0100007F:C005 0100007F:1F91 01 00000000:00000000 00:00000000 00000000  1000        0 105 1 0 20 4 30 10 -1
   7: 0100007F:C006 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65534        0 106 1 0 20 4 30 10 -1
   8: 0000000000000000FFFF00000100007F:C007 0000000000000000FFFF00000100007F:1F90 01 0:0 00:0 0  1000 0 107 1
   9: 0100007F:C008 0100007F:1F90 01 half a row
";

    #[test]
    fn only_our_own_and_roots_open_sockets_are_welcome() {
        let peers: Vec<SocketAddr> = (1..=8)
            .map(|number| {
                let host = if number == 3 {
                    "127.0.0.2"
                } else {
                    "127.0.0.1"
                };
                format!("{host}:{}", 0xC000 + number).parse().unwrap()
            })
            .collect();
        let mut owners = vec![Owner::Nobody; peers.len()];
        note(
            TABLE.as_bytes(),
            &peers,
            0x1F90,
            &|uid| uid == 1000,
            &mut owners,
        );
        let expected = [
            Owner::Welcome,
            Owner::Stranger(1001),
            Owner::Welcome,
            Owner::Nobody,
            Owner::Nobody,
            Owner::Stranger(65_534),
            Owner::Welcome,
            Owner::Nobody,
        ];
        assert_eq!(owners, expected);
    }
}
