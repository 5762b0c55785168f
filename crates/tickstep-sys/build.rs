//! Builds the C kernel as a static library.

use std::path::PathBuf;

fn main() {
    let mut build = cc::Build::new();
    build
        .std("c11")
        .include("include")
        .opt_level(3)
        .warnings(true)
        .files(kernel_sources());
    // Asserts trap in debug builds and are compiled out in release ones, whatever cargo's profile
    // says of C.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        build.define("NDEBUG", None);
    }
    println!("cargo:rerun-if-changed=core");
    println!("cargo:rerun-if-changed=include/tickstep.h");
    build.compile("tickstep");
}

/// Every C file of the kernel, in an order that does not depend on the file system.
fn kernel_sources() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("core").expect("core is a directory of this crate");
    let mut sources: Vec<PathBuf> = entries
        .map(|entry| entry.expect("core can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    sources
}
