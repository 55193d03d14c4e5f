//! The D-Bus session bus: this user's or root's, and nobody else's.
//!
//! Whoever answers on the bus's socket is handed every secret that is to be kept, and the address may lead to where
//! others can put a socket of theirs. So the kernel is asked whose process listens there (`SO_PEERCRED`, unix(7))
//! before a byte is sent, and the bus whose process owns the Secret Service's name (`name_owner.rs`), as a bus may let
//! other users in.
//! What cannot be proven, as over TCP or through a program, is no bus.
//! <https://dbus.freedesktop.org/doc/dbus-specification.html#addresses>

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use zbus::address::Address;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;

use crate::environment::{DBUS_SESSION_BUS_ADDRESS, Environment};
use crate::line::on_one_line;
use crate::owner;
use crate::store::private_file::check_folder;

/// Where the environment says that the bus is.
pub(in crate::store) enum SessionBus {
    /// At one of these addresses, a list in D-Bus's own form.
    Listed(PathBuf),
    /// In this runtime folder, as its name promises.
    InFolder(PathBuf),
    /// Nowhere.
    Unnamed,
}

/// A connection to a bus of this user or of root.
pub(in crate::store) struct Bus {
    /// The connection.
    pub(in crate::store) connection: Connection,
    /// Whether the bus is this user's own.
    pub(in crate::store) is_ours: bool,
}

impl SessionBus {
    /// Takes what the environment says; it counts when somebody connects.
    pub(in crate::store) fn named_in(environment: &Environment) -> Self {
        match environment.path(DBUS_SESSION_BUS_ADDRESS) {
            Some(addresses) => Self::Listed(addresses.to_path_buf()),
            None => environment
                .runtime_folder()
                .map_or(Self::Unnamed, Self::InFolder),
        }
    }

    /// Connects to the first bus that answers and may be trusted, or tells why there is none.
    pub(in crate::store) fn connect(&self) -> Result<Bus, String> {
        match self {
            Self::Listed(addresses) => connect_to_one_of(addresses),
            Self::InFolder(folder) => connect_in(folder),
            Self::Unnamed => Err(format!(
                "neither {DBUS_SESSION_BUS_ADDRESS} nor XDG_RUNTIME_DIR is set"
            )),
        }
        .map_err(|why| format!("no D-Bus session bus: {}", on_one_line(&why)))
    }
}

fn connect_to_one_of(addresses: &Path) -> Result<Bus, String> {
    let Some(addresses) = addresses.to_str() else {
        return Err(format!("{DBUS_SESSION_BUS_ADDRESS} is not text"));
    };
    let mut troubles = Vec::new();
    for address in addresses.split(';').filter(|address| !address.is_empty()) {
        match connect_to(address) {
            Ok(bus) => return Ok(bus),
            Err(why) => troubles.push(why),
        }
    }
    if troubles.is_empty() {
        return Err(format!("{DBUS_SESSION_BUS_ADDRESS} names none"));
    }
    Err(troubles.join("; "))
}

fn connect_to(address: &str) -> Result<Bus, String> {
    let parsed: Address = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    let unproven = || format!("{address} is not used: only a unix socket tells whose it is");
    let Transport::Unix(unix) = parsed.transport() else {
        return Err(unproven());
    };
    let socket = if let UnixSocket::File(path) = unix.path() {
        SocketAddr::from_pathname(path)
    } else if let UnixSocket::Abstract(name) = unix.path() {
        SocketAddr::from_abstract_name(name.as_bytes())
    } else {
        // Where a bus may be started, which nobody can connect to.
        return Err(unproven());
    };
    open(socket, address)
}

/// The folder's name proves nothing: it may have been set to one where others can put a socket, or another folder.
fn connect_in(folder: &Path) -> Result<Bus, String> {
    let socket = folder.join("bus");
    if !socket.exists() {
        return Err(format!("there is no {}", socket.display()));
    }
    check_folder(folder).map_err(|error| error.to_string())?;
    open(
        SocketAddr::from_pathname(&socket),
        &socket.display().to_string(),
    )
}

fn open(socket: io::Result<SocketAddr>, name: &str) -> Result<Bus, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let stream = socket
        .and_then(|socket| UnixStream::connect_addr(&socket))
        .map_err(|error| failed(&error))?;
    let peer = getsockopt(&stream, PeerCredentials).map_err(|error| failed(&error))?;
    refuse_stranger(peer.uid()).map_err(|why| format!("{name} {why}"))?;
    let connection = Builder::async_io_unix_stream(stream).build();
    Ok(Bus {
        connection: connection.map_err(|error| failed(&error))?,
        is_ours: owner::is_ours(peer.uid()),
    })
}

/// Root could read whatever is sent to our own bus as well.
fn refuse_stranger(owner: u32) -> Result<(), String> {
    const ROOT: u32 = 0;
    if owner == ROOT {
        return Ok(());
    }
    owner::refuse_others(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::breaks_a_line;

    #[test]
    fn an_address_is_told_on_one_line() {
        for address in ["unix:path=/x\u{1b}[2J", "\u{1b}]0;a\n", "tcp:host=a\u{9b}b"] {
            let why = SessionBus::Listed(address.into()).connect().err().unwrap();
            assert!(!breaks_a_line(&why), "{why:?}");
        }
    }
}
