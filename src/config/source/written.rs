//! Sources of secrets as the file names them.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use crate::secret::Secret;

/// Where a secret comes from; the file itself holds none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An environment variable.
    Env(String),
    /// A file; relative to the configuration file's folder.
    File(String),
    /// A program and its arguments, run without a shell.
    Command(Vec<String>),
    /// The OS keyring, where `login --save-password` put it.
    Keyring,
}

/// An extra header's value: a source, or the text itself where it is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// The value as written.
    Literal(Secret),
    /// Where the value comes from.
    From(Source),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(SourceVisitor {
            literal_allowed: false,
        })? {
            HeaderValue::From(source) => Ok(source),
            HeaderValue::Literal(_) => Err(serde::de::Error::custom(NOT_HERE)),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor {
            literal_allowed: true,
        })
    }
}

const NOT_HERE: &str = "a secret cannot be written into this file: name its source, one of {env: NAME}, {file: PATH}, \
                        {command: [PROGRAM, ARGUMENT]}, {keyring: true}";

/// Reads a map, and never repeats a scalar that stands in its place: it may be the secret itself. `expecting` says what
/// the map is.
pub fn only_a_map<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    expecting: &'static str,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(MapVisitor {
        expecting,
        read: PhantomData,
    })
}

struct MapVisitor<T> {
    expecting: &'static str,
    read: PhantomData<T>,
}

impl<T> MapVisitor<T> {
    fn refused<E: serde::de::Error>(&self) -> E {
        E::custom(format!(
            "a secret cannot be written into this file: it is {}",
            self.expecting
        ))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<T, E> {
        Err(self.refused())
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<T, E> {
        Err(self.refused())
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<T, E> {
        Err(self.refused())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<T, E> {
        Err(self.refused())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<T, E> {
        Err(self.refused())
    }
}

/// Reads a source without ever repeating a scalar that stands in its place: it may be the secret itself.
struct SourceVisitor {
    literal_allowed: bool,
}

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = HeaderValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT]}, {keyring: true}",
        )
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HeaderValue, A::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Written {
            env: Option<String>,
            file: Option<String>,
            command: Option<Vec<String>>,
            keyring: Option<bool>,
        }
        let source = match Written::deserialize(MapAccessDeserializer::new(map))? {
            Written {
                env: Some(name),
                file: None,
                command: None,
                keyring: None,
            } => Source::Env(name),
            Written {
                env: None,
                file: Some(path),
                command: None,
                keyring: None,
            } => Source::File(path),
            Written {
                env: None,
                file: None,
                command: Some(command),
                keyring: None,
            } if !command.is_empty() => Source::Command(command),
            Written {
                env: None,
                file: None,
                command: None,
                keyring: Some(true),
            } => Source::Keyring,
            _ => {
                return Err(serde::de::Error::custom(
                    "a source is exactly one of {env: NAME}, {file: PATH}, {command: [PROGRAM, ARGUMENT]}, {keyring: true}",
                ));
            }
        };
        Ok(HeaderValue::From(source))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<HeaderValue, E> {
        if self.literal_allowed {
            Ok(HeaderValue::Literal(Secret::new(value)))
        } else {
            Err(E::custom(NOT_HERE))
        }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<HeaderValue, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<HeaderValue, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<HeaderValue, E> {
        Err(E::custom(if self.literal_allowed {
            "a header's value that looks like a number must be quoted"
        } else {
            NOT_HERE
        }))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<HeaderValue, E> {
        self.visit_str(if value { "true" } else { "false" })
    }
}
