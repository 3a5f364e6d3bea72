//! The demo is part of the binary: a new build of it makes a new binary.

use std::path::Path;

fn main() {
    // A folder that is not there would be looked for, and the crate built, each time.
    let built = Path::new("../web-demo/dist");
    println!("cargo::rerun-if-changed={}", if built.is_dir() { "../web-demo/dist" } else { "../web-demo" });
}
