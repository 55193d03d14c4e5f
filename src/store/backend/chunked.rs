//! Entries that are larger than one item of a keyring may be: kept in parts, behind a head that names them.
//!
//! What fits is kept as it is. What does not is written as the parts of one of two sets, `a` and `b`, and only then the
//! item under the entry's own name is replaced by a head, which tells the set, the number of parts and the SHA-256 of
//! the whole. The set in use is never written to. So a write that ends half-way leaves the old entry as it was, and a
//! reader who meets a mixture finds another SHA-256 and has a miss, never a wrong answer.
//!
//! The parts of a set are always the first ones without a gap: they are written upwards and removed downwards.

use sha2::{Digest, Sha256};

use crate::secret::Secret;
use crate::store::backend::{Backend, BackendError, sum_of};

/// No entry begins like this: entries are JSON.
const HEAD: &str = "kfp-credential parts v1 ";
const SETS: [char; 2] = ['a', 'b'];

/// A keyring whose items hold a limited number of bytes.
pub(in crate::store) struct Chunked<B> {
    inner: B,
    limit: usize,
}

/// What rests under the name of an entry that was too large for it.
struct Head {
    set: char,
    count: usize,
    sha256: String,
}

impl<B: Backend> Chunked<B> {
    /// Makes one of a keyring and the most bytes that an item of it holds.
    pub(in crate::store) fn new(inner: B, limit: usize) -> Self {
        Self { inner, limit }
    }

    /// Gives the keyring below.
    #[cfg(any(fuzzing, test))]
    pub(in crate::store) fn inner(&mut self) -> &mut B {
        &mut self.inner
    }

    fn head(&mut self, name: &str) -> Result<Option<Head>, BackendError> {
        let found = self.inner.read(name)?;
        Ok(found.and_then(|text| Head::parse(text.expose())))
    }

    fn joined(&mut self, name: &str, head: &Head) -> Result<Secret, BackendError> {
        let mut parts = Vec::new();
        for index in 1..=head.count {
            let part = self.inner.read(&part_name(name, head.set, index))?;
            parts.push(part.ok_or_else(|| torn("a part of it is missing"))?);
        }
        let size = parts.iter().map(|part| part.expose().len()).sum();
        let mut whole = String::with_capacity(size);
        for part in &parts {
            whole.push_str(part.expose());
        }
        let whole = Secret::new(whole);
        if sha256(&whole) == head.sha256 {
            Ok(whole)
        } else {
            Err(torn("its parts do not belong together"))
        }
    }

    /// Removes the parts of a set from this one on, the last one first.
    fn clear(&mut self, name: &str, set: char, from: usize) -> Result<(), BackendError> {
        let mut end = from;
        while self.inner.read(&part_name(name, set, end))?.is_some() {
            end += 1;
        }
        for index in (from..end).rev() {
            self.inner.delete(&part_name(name, set, index))?;
        }
        Ok(())
    }
}

impl<B: Backend> Backend for Chunked<B> {
    fn read(&mut self, name: &str) -> Result<Option<Secret>, BackendError> {
        let Some(text) = self.inner.read(name)? else {
            return Ok(None);
        };
        match Head::parse(text.expose()) {
            Some(head) => self.joined(name, &head).map(Some),
            None => Ok(Some(text)),
        }
    }

    fn write(&mut self, name: &str, secret: &Secret) -> Result<(), BackendError> {
        if secret.expose().len() <= self.limit {
            self.inner.write(name, secret)?;
            // The entry stands; what could not be tidied up is in nobody's way.
            for set in SETS {
                self.clear(name, set, 1).ok();
            }
            return Ok(());
        }
        let in_use = self.head(name)?.map(|head| head.set);
        let (set, other) = if in_use == Some('a') {
            ('b', 'a')
        } else {
            ('a', 'b')
        };
        let mut count = 0;
        for part in pieces(secret.expose(), self.limit) {
            count += 1;
            self.inner
                .write(&part_name(name, set, count), &Secret::new(part))?;
        }
        let sha256 = sha256(secret);
        let head = Head { set, count, sha256 };
        self.inner.write(name, &Secret::new(head.text()))?;
        self.clear(name, set, count + 1).ok();
        self.clear(name, other, 1).ok();
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Result<bool, BackendError> {
        let removed = self.inner.delete(name)?;
        for set in SETS {
            self.clear(name, set, 1)?;
        }
        Ok(removed)
    }

    fn delete_all(&mut self, known: &[String]) -> Result<usize, BackendError> {
        let removed = sum_of(known.iter().map(|name| self.delete(name).map(usize::from)));
        let others = self.inner.delete_all(&[]);
        Ok(removed? + others?)
    }

    fn check(&mut self, name: &str) -> Result<(), BackendError> {
        self.inner.check(name)
    }
}

impl Head {
    fn text(&self) -> String {
        format!("{HEAD}{} {} {}", self.set, self.count, self.sha256)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(HEAD)?.split(' ');
        let set = words.next()?.parse().ok()?;
        let count = words.next()?.parse().ok()?;
        let sha256 = words.next()?.to_owned();
        Some(Self { set, count, sha256 })
    }
}

/// Names a part: no key ends like this, as their last word is `name=value` with another name.
fn part_name(name: &str, set: char, index: usize) -> String {
    format!("{name} part={set}{index}")
}

/// Cuts text into pieces of at most so many bytes, between characters.
fn pieces(mut text: &str, limit: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > limit {
        let end = (1..=limit)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .expect("no character is larger than an item");
        let (piece, rest) = text.split_at(end);
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

fn sha256(secret: &Secret) -> String {
    format!("{:x}", Sha256::digest(secret.expose()))
}

fn torn(why: &str) -> BackendError {
    BackendError::Failed(format!("the entry was not written to its end: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fuzzing::Items;

    /// What a Windows credential holds, in bytes.
    const LIMIT: usize = 2560;

    fn keyring() -> Chunked<Items> {
        Chunked::new(Items::of_at_most(LIMIT), LIMIT)
    }

    /// An entry of so many bytes that begins with a letter; umlauts lie across cuts.
    fn entry(letter: char, bytes: usize) -> Secret {
        let mut text = String::new();
        while text.len() < bytes {
            text.push(letter);
            if text.len() + 2 <= bytes {
                text.push('ü');
            }
        }
        Secret::new(text)
    }

    const SIZES: [usize; 7] = [
        1,
        LIMIT - 1,
        LIMIT,
        LIMIT + 1,
        2 * LIMIT,
        2 * LIMIT + 1,
        12_000,
    ];

    #[test]
    fn every_entry_comes_back_in_place_of_every_other() {
        for before in SIZES {
            for after in SIZES {
                let mut keyring = keyring();
                keyring.write("k", &entry('x', before)).unwrap();
                keyring.write("k", &entry('y', after)).unwrap();
                assert_eq!(keyring.read("k"), Ok(Some(entry('y', after))));
                let parts = pieces(entry('y', after).expose(), LIMIT).len();
                let items = if parts == 1 { 1 } else { parts + 1 };
                assert_eq!(keyring.inner.by_name.len(), items, "{before}, {after}");
                assert_eq!(keyring.delete("k"), Ok(true));
                assert!(keyring.inner.by_name.is_empty());
                assert_eq!(keyring.read("k"), Ok(None));
            }
        }
    }

    #[test]
    fn a_write_that_ends_anywhere_leaves_the_old_entry_or_the_new_one() {
        for before in SIZES {
            for after in SIZES {
                for changes in 0..20 {
                    let mut keyring = keyring();
                    keyring.write("k", &entry('x', before)).unwrap();
                    keyring.inner.changes_left = Some(changes);
                    let written = keyring.write("k", &entry('y', after));
                    let found = keyring.read("k").unwrap().unwrap();
                    let letter = if written.is_ok() { 'y' } else { 'x' };
                    assert!(found.expose().starts_with(letter));

                    // And the next one tidies up.
                    keyring.inner.changes_left = None;
                    keyring.write("k", &entry('z', 1)).unwrap();
                    assert_eq!(
                        keyring.inner.by_name.len(),
                        1,
                        "{before}, {after}, {changes}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_two_writers_mix_is_no_answer() {
        let mut keyring = keyring();
        keyring.write("k", &entry('x', 3 * LIMIT)).unwrap();
        let head = keyring.inner.by_name["k"].clone();
        let first = keyring.inner.by_name["k part=a1"].clone();
        keyring.delete("k").unwrap();
        keyring.write("k", &entry('y', 3 * LIMIT)).unwrap();
        keyring.inner.by_name.insert("k part=a1".to_owned(), first);
        assert!(keyring.read("k").is_err(), "of another entry");
        keyring.inner.by_name.insert("k".to_owned(), head);
        assert!(keyring.read("k").is_err(), "with another head");
        keyring.inner.by_name.remove("k part=a2");
        assert!(keyring.read("k").is_err(), "without a part");
        keyring.write("k", &entry('z', 3 * LIMIT)).unwrap();
        assert_eq!(keyring.read("k"), Ok(Some(entry('z', 3 * LIMIT))));
    }

    #[test]
    fn forgetting_all_counts_entries_and_leaves_no_part() {
        let mut keyring = keyring();
        keyring.write("k", &entry('x', 12_000)).unwrap();
        keyring.write("l", &entry('x', 12_000)).unwrap();
        let known = ["k", "l", "m"].map(str::to_owned);
        assert_eq!(keyring.delete_all(&known), Ok(2));
        assert!(keyring.inner.by_name.is_empty());
    }
}
