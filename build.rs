//! How the program is linked.

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo tells a build script by its environment"
)]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    let is_gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if is_gnu {
        // The loader would apply some 25,000 relocations at each start, for longer than a stored answer takes.
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
