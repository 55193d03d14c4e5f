//! One table: which places each store has, and what each of them may keep.

use crate::config::context::StoreChoice;

/// A place that something may rest in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackendKind {
    /// A folder on the disk.
    Disk,
    /// A folder in the login session's memory.
    Memory,
    /// The operating system's keyring.
    Keyring,
    /// The kernel's.
    Kernel,
}

/// What a store keeps, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// Where sessions rest: in the first of these places that keeps them.
    pub(super) sessions: &'static [BackendKind],
    /// Where refresh tokens rest, which live longer than a login session.
    pub(super) grants: Option<BackendKind>,
    /// Whether a place that keeps nothing is an error, as it was named.
    pub(super) is_named: bool,
}

/// Where passwords rest, whatever was chosen.
pub(super) const PASSWORDS: BackendKind = BackendKind::Keyring;

impl Policy {
    /// Gives the policy of the store that was chosen.
    pub(super) fn of(choice: StoreChoice) -> Self {
        use BackendKind::{Disk, Kernel, Keyring, Memory};
        let (sessions, grants, is_named): (&[BackendKind], _, _) = match choice {
            StoreChoice::Auto => (&[Keyring, Memory], Some(Keyring), false),
            StoreChoice::Keyring => (&[Keyring], Some(Keyring), true),
            StoreChoice::Runtime => (&[Memory], None, true),
            StoreChoice::Keyutils => (&[Kernel], Some(Kernel), true),
            StoreChoice::File => (&[Disk], Some(Disk), true),
            StoreChoice::None => (&[], None, false),
        };
        Self {
            sessions,
            grants,
            is_named,
        }
    }
}

impl BackendKind {
    /// Gives every place there is.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        std::iter::successors(Some(BackendKind::Disk), |one| match one {
            BackendKind::Disk => Some(BackendKind::Memory),
            BackendKind::Memory => Some(BackendKind::Keyring),
            BackendKind::Keyring => Some(BackendKind::Kernel),
            BackendKind::Kernel => None,
        })
    }

    /// Tells whether a look costs nothing and asks nobody, so that it is worth one where another store was chosen.
    pub(super) fn is_at_hand(self) -> bool {
        match self {
            BackendKind::Disk | BackendKind::Memory => true,
            BackendKind::Keyring | BackendKind::Kernel => false,
        }
    }
}
