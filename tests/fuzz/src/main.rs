//! All fuzz targets in one program, which saves linking each: the variable `FUZZ_TARGET` names the one to play.
//!
//! libFuzzer makes the inputs, led by what they cover. Each target is a function that takes bytes and panics where the
//! program breaks a promise. `README.md` says how to run one, and how to add one.

#![cfg_attr(fuzzing, no_main)]

#[cfg(not(fuzzing))]
compile_error!("build this with `.ci/fuzz`, or with `cargo fuzz`: it needs --cfg fuzzing");

#[cfg(fuzzing)]
mod input;
#[cfg(fuzzing)]
mod oracle;
#[cfg(fuzzing)]
mod readers;
#[cfg(fuzzing)]
mod servers;
#[cfg(fuzzing)]
mod targets;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracle::timed(bytes, targets::chosen()));
