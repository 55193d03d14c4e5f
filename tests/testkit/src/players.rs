//! Many scenes played by a few threads, each taking the next one.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Plays every scene, `players` of them at a time.
pub fn play_all<I>(scenes: I, players: usize, play: impl Fn(I::Item) + Sync)
where
    I: Iterator + Send,
{
    let waiting = Mutex::new(scenes);
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    thread::scope(|scope| {
        for _ in 0..players {
            scope.spawn(|| {
                while let Some(scene) = next() {
                    play(scene);
                }
            });
        }
    });
}
