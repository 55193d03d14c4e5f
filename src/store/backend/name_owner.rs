//! Whose process has a name on a bus, from the first look to the last.
//!
//! A bus hands a name on when its owner ends or lets others replace it, and what is sent to the name then reaches
//! whoever has it next. So the bus is asked to tell of every change before anything is sent to the name, and the first
//! owner is the only one that counts. Other owners' changes back and forth between two looks are seen too, as the bus
//! tells of them before it answers the second one.
//! <https://dbus.freedesktop.org/doc/dbus-specification.html#bus-messages-name-owner-changed>

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_core::Stream as _;
use zbus::blocking::{Connection, MessageIterator};
use zbus::message::Type;
use zbus::{MatchRule, Message, MessageStream};

use crate::owner;

const BUS: &str = "org.freedesktop.DBus";

/// The owner of a name, and the changes that the bus tells of.
pub(in crate::store) struct NameOwner {
    connection: Connection,
    name: &'static str,
    changes: MessageStream,
    /// The name of its connection, which the bus gives to no other one.
    first: Option<String>,
}

impl NameOwner {
    /// Has the bus tell of every change from now on; the name may have no owner yet.
    pub(in crate::store) fn watch(
        connection: &Connection,
        name: &'static str,
    ) -> Result<Self, String> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .and_then(|rule| rule.interface(BUS))
            .and_then(|rule| rule.member("NameOwnerChanged"))
            .and_then(|rule| rule.add_arg(name));
        let changes = rule
            .and_then(|rule| MessageIterator::for_match_rule(rule.build(), connection, None))
            .map_err(|error| unknown(name, &error))?;
        Ok(Self {
            connection: connection.clone(),
            name,
            changes: changes.into_inner(),
            first: None,
        })
    }

    /// Refuses an owner that is not this user's, and every one after the first: root's would hand to others on the bus
    /// what it keeps for us.
    pub(in crate::store) fn check(&mut self) -> Result<(), String> {
        let owner = self.ask("GetNameOwner", self.name)?;
        let owner: String = read(&owner, self.name)?;
        let has_changed = self.has_changed(&owner)?;
        if has_changed || self.first.as_ref().is_some_and(|first| *first != owner) {
            return Err(format!(
                "{} on the D-Bus session bus has changed its owner",
                self.name
            ));
        }
        if self.first.is_none() {
            let user = self.ask("GetConnectionUnixUser", &owner)?;
            let user: u32 = read(&user, self.name)?;
            owner::refuse_others(user)
                .map_err(|why| format!("{} on the D-Bus session bus {why}", self.name))?;
            self.first = Some(owner);
        }
        Ok(())
    }

    /// Takes what the bus has told; a service that was started for us has got its name from nobody.
    fn has_changed(&mut self, owner: &str) -> Result<bool, String> {
        let mut changed = false;
        let mut nobody_waits = Context::from_waker(Waker::noop());
        while let Poll::Ready(told) = Pin::new(&mut self.changes).poll_next(&mut nobody_waits) {
            let told = told.ok_or_else(|| unknown(self.name, &"the bus is gone"))?;
            let told = told.map_err(|error| unknown(self.name, &error))?;
            let (_, before, after): (String, String, String) = read(&told, self.name)?;
            changed |= !before.is_empty() || after != owner;
        }
        Ok(changed)
    }

    fn ask(&self, question: &str, about: &str) -> Result<Message, String> {
        self.connection
            .call_method(
                Some(BUS),
                "/org/freedesktop/DBus",
                Some(BUS),
                question,
                &about,
            )
            .map_err(|error| unknown(self.name, &error))
    }
}

fn read<T>(message: &Message, name: &str) -> Result<T, String>
where
    T: serde::de::DeserializeOwned + zbus::zvariant::Type,
{
    message
        .body()
        .deserialize()
        .map_err(|error| unknown(name, &error))
}

fn unknown(name: &str, error: &dyn Display) -> String {
    format!("whose {name} is cannot be told: {error}")
}
