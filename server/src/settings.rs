//! Settings of a server: plain data with defaults.

mod layers;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use layers::{Flags, load};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that can be set. `docs/server.md` lists it for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// Directory of everything that the server keeps.
    pub data_dir: PathBuf,
    /// File with the secret that signs tokens; without one, `token.secret` in the data directory, made if missing.
    pub secret_file: Option<PathBuf>,
    /// The secret itself, for systems that pass it in the environment.
    pub secret: Option<String>,
    /// What is logged, as a filter of the `tracing` crate: `info`, `kalamdb_server=debug`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Most open sync connections.
    pub connections_max: usize,
    /// Largest body of an HTTP request.
    pub body_bytes_max: usize,
    /// Longest time for an HTTP request.
    pub request_timeout_ms: u64,
    /// Most rows in the answers to one HTTP request.
    pub rows_max: usize,
    /// Newest log entries of each user that are kept; devices that are further behind get a snapshot.
    pub log_entries_kept: u64,
    /// How often old log entries and expired tombstones are removed.
    pub tidy_interval_ms: u64,
    /// Longest time for open requests and connections to end when the server stops.
    pub shutdown_timeout_ms: u64,
    /// Memory for blocks of the store.
    pub store_cache_bytes: usize,
    /// Memory for writes of the store that are not in files yet.
    pub store_write_buffer_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: "127.0.0.1:7171".to_owned(),
            data_dir: PathBuf::from("kalamdb-data"),
            secret_file: None,
            secret: None,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            connections_max: 50_000,
            body_bytes_max: 16 << 20,
            request_timeout_ms: 30_000,
            rows_max: 100_000,
            log_entries_kept: 10_000,
            tidy_interval_ms: 600_000,
            shutdown_timeout_ms: 10_000,
            store_cache_bytes: 64 << 20,
            store_write_buffer_bytes: 64 << 20,
        }
    }
}

/// What a hidden secret looks like.
const HIDDEN: &str = "***";

impl Settings {
    /// Names of all settings.
    pub fn keys() -> Vec<String> {
        let full = Settings { secret_file: Some(PathBuf::new()), secret: Some(String::new()), ..Settings::default() };
        toml::Table::try_from(full).map(|table| table.keys().cloned().collect()).unwrap_or_default()
    }

    /// The settings as TOML, without secrets.
    pub fn show(&self) -> String {
        let mut shown = self.clone();
        if let Some(secret) = &mut shown.secret {
            *secret = HIDDEN.to_owned();
        }
        toml::to_string(&shown).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
