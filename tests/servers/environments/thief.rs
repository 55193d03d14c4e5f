//! A Secret Service of this process's user that answers every question as the one before it would, and takes what it is
//! given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use zbus::blocking::MessageIterator;
use zbus::blocking::connection::{Builder, Connection};
use zbus::fdo::{RequestNameFlags, RequestNameReply};
use zbus::message::{Message, Type};
use zbus::zvariant::{ObjectPath, Value};

use testkit::peers::session_bus::SECRETS;

const ITEM: &str = "/org/freedesktop/secrets/collection/login/1";

/// Is the service, on a thread that ends with its bus.
pub(super) struct Thief {
    taken: Arc<Mutex<Vec<String>>>,
}

impl Thief {
    /// Starts one on a bus where the name is free, or is so in a moment.
    pub(super) fn start(address: &str) -> Self {
        let connection = Builder::address(address).and_then(Builder::build);
        let connection = connection.expect("a bus that lets us in");
        let questions = MessageIterator::from(&connection);
        let flags = RequestNameFlags::DoNotQueue.into();
        while connection
            .request_name_with_flags(SECRETS, flags)
            .is_ok_and(|reply| reply != RequestNameReply::PrimaryOwner)
        {
            thread::sleep(Duration::from_millis(5));
        }
        let taken: Arc<Mutex<Vec<String>>> = Arc::default();
        let all = Arc::clone(&taken);
        thread::spawn(move || {
            for question in questions.flatten() {
                if question.message_type() == Type::MethodCall {
                    answer(&connection, &question, &all);
                }
            }
        });
        Self { taken }
    }

    /// Gives the names of the calls that brought it a secret.
    pub(super) fn taken(&self) -> Vec<String> {
        self.taken.lock().expect("no panic").clone()
    }
}

fn answer(connection: &Connection, question: &Message, taken: &Mutex<Vec<String>>) {
    let header = question.header();
    let item = || ObjectPath::try_from(ITEM).expect("a path");
    let none = || ObjectPath::try_from("/").expect("a path");
    let member = header.member().map_or("", |member| member.as_str());
    let answered = match member {
        "OpenSession" => connection.reply(&header, &(Value::from(""), item())),
        "SearchItems" => connection.reply(&header, &(vec![item()], Vec::<ObjectPath>::new())),
        "ReadAlias" => connection.reply(&header, &item()),
        "Get" => connection.reply(&header, &Value::from(false)),
        "GetAll" => connection.reply(&header, &HashMap::<String, Value>::new()),
        "CreateItem" => connection.reply(&header, &(item(), none())),
        _ => connection.reply(&header, &()),
    };
    answered.expect("a bus");
    if ["SetSecret", "CreateItem"].contains(&member) {
        taken.lock().expect("no panic").push(member.to_owned());
    }
}
