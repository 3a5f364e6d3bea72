//! `kalamdb-bench`: figures next to their bounds. None is built yet, and it says so instead of answering success.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!(
        "kalamdb-bench: not available yet. What can be measured today: \
         `cargo run --release -p kalamdb-store-native --example compare` (stores) and \
         `cargo run --release -p kalamdb-core --features testing --example query_bench` (queries of one table)"
    );
    ExitCode::FAILURE
}
