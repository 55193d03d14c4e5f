//! Turns host names into addresses: those of this machine without asking anybody, all others by the system.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

use crate::endpoint::is_localhost;

/// Where `localhost` and all names below it are (RFC 6761 section 6.3), the one first that most servers listen on.
const THIS_MACHINE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Gives a host's addresses, each with port 0; how long the system takes for that has no bound.
pub(super) fn addresses(host: &str) -> io::Result<Vec<SocketAddr>> {
    if is_localhost(host) {
        let here = THIS_MACHINE.map(|address| SocketAddr::new(address, 0));
        return Ok(here.to_vec());
    }
    (host, 0).to_socket_addrs().map(Iterator::collect)
}

/// Resolves each name to its own addresses. The HTTP library's own resolver would believe the system about
/// `localhost`, and ends the process where the system gives it no thread.
pub(super) struct Honest;

impl Resolve for Honest {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let (sender, found) = oneshot::channel();
            thread::Builder::new().spawn(move || sender.send(addresses(&host)).ok())?;
            Ok(boxed(found.await??))
        })
    }
}

/// Resolves every name to the same addresses.
pub(super) struct Fixed(pub(super) Vec<SocketAddr>);

impl Resolve for Fixed {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses = boxed(self.0.clone());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

fn boxed(addresses: Vec<SocketAddr>) -> Addrs {
    Box::new(addresses.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_all_below_it_are_this_machine_by_both_families() {
        for name in ["localhost", "LocalHost.", "kf.localhost", "a.b.LOCALHOST."] {
            let found = addresses(name).unwrap();
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(shown, ["127.0.0.1:0", "[::1]:0"], "{name}");
        }
        assert_eq!(
            addresses("10.1.2.3").unwrap(),
            ["10.1.2.3:0".parse().unwrap()]
        );
    }
}
