//! Where settings come from: defaults, below a TOML file, below the environment, below flags.

use std::path::{Path, PathBuf};

use kalamdb_core::{Error, Result};
use toml::{Table, Value};

use super::Settings;

/// Settings in the environment begin with this, then the name in capitals: `KALAMDB_LISTEN`.
const ENV_PREFIX: &str = "KALAMDB_";
/// Variables with that prefix that are not settings of the server.
const ENV_OTHERS: [&str; 3] = ["KALAMDB_CONFIG", "KALAMDB_TOKEN", "KALAMDB_URL"];
/// The largest file of settings that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the command line sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// A file of settings.
    pub config: Option<PathBuf>,
    /// Overrides `listen`.
    pub listen: Option<String>,
    /// Overrides `data_dir`.
    pub data_dir: Option<PathBuf>,
    /// Overrides `secret_file`.
    pub secret_file: Option<PathBuf>,
}

/// The settings in force, and warnings about variables in `environment` that look like settings but are none.
///
/// # Errors
/// Kind `invalid` for a file that cannot be read, an unknown key or a value that does not fit.
pub fn load(flags: &Flags, environment: impl Iterator<Item = (String, String)>) -> Result<(Settings, Vec<String>)> {
    let mut table = Table::new();
    if let Some(path) = &flags.config {
        table = read_file(path)?;
    }
    let warnings = add_environment(&mut table, environment)?;
    let text = |value: String| Value::String(value);
    let path = |value: &PathBuf| text(value.display().to_string());
    let given = [
        ("listen", flags.listen.clone().map(text)),
        ("data_dir", flags.data_dir.as_ref().map(path)),
        ("secret_file", flags.secret_file.as_ref().map(path)),
    ];
    table.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let settings: Settings = table
        .try_into()
        .map_err(|error: toml::de::Error| Error::invalid("invalid_setting", one_line(error.message())))?;
    check(&settings)?;
    Ok((settings, warnings))
}

fn read_file(path: &Path) -> Result<Table> {
    let named = |error: String| {
        Error::invalid("invalid_config", format!("configuration file `{}`: {}", path.display(), one_line(&error)))
    };
    let len = std::fs::metadata(path).map_err(|error| named(format!("{error}: name an existing file")))?.len();
    if len > FILE_BYTES_MAX {
        return Err(named(format!("it has {len} bytes, at most {FILE_BYTES_MAX} are allowed")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| named(error.to_string()))?;
    let keys = Settings::keys();
    for key in table.keys() {
        if !keys.contains(key) {
            let message = format!("configuration file `{}`: unknown key `{key}`{}", path.display(), hint(key, &keys));
            return Err(Error::invalid("unknown_setting", message));
        }
    }
    // Typed here, so that the error names the file and the line.
    toml::from_str::<Settings>(&text).map_err(|error| named(error.to_string()))?;
    Ok(table)
}

/// Adds settings from the environment. Unknown variables are only warned of: container platforms set some on their own.
fn add_environment(table: &mut Table, environment: impl Iterator<Item = (String, String)>) -> Result<Vec<String>> {
    let keys = Settings::keys();
    let defaults = Table::try_from(Settings::default()).unwrap_or_default();
    let mut warnings = Vec::new();
    for (name, text) in environment {
        let Some(key) = name.strip_prefix(ENV_PREFIX).map(str::to_lowercase) else { continue };
        if ENV_OTHERS.contains(&name.as_str()) {
            continue;
        }
        if !keys.contains(&key) {
            warnings.push(format!("environment variable `{name}` is no setting{}", hint(&key, &keys)));
            continue;
        }
        let value = match defaults.get(&key) {
            Some(Value::Integer(_)) => text.trim().parse().map(Value::Integer).map_err(|_| {
                Error::invalid("invalid_setting", format!("environment variable `{name}` is `{text}`: give a number"))
            })?,
            _ => Value::String(text),
        };
        table.insert(key, value);
    }
    Ok(warnings)
}

/// The known key that was probably meant.
fn hint(key: &str, keys: &[String]) -> String {
    const SIMILAR_MIN: f64 = 0.75;
    let similarity = |known: &String| strsim::jaro_winkler(key, known);
    match keys.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b))) {
        Some(known) if similarity(known) >= SIMILAR_MIN => format!(": did you mean `{known}`?"),
        _ => ": `kalamdb config` shows all keys".to_owned(),
    }
}

fn check(settings: &Settings) -> Result<()> {
    let limits = [
        ("connections_max", settings.connections_max as u64, 1, 1_000_000),
        ("body_bytes_max", settings.body_bytes_max as u64, 1024, 256 << 20),
        ("request_timeout_ms", settings.request_timeout_ms, 100, 3_600_000),
        ("rows_max", settings.rows_max as u64, 1, 10_000_000),
        ("log_entries_kept", settings.log_entries_kept, 1, 1 << 40),
        ("tidy_interval_ms", settings.tidy_interval_ms, 100, 7 * 86_400_000),
        ("shutdown_timeout_ms", settings.shutdown_timeout_ms, 0, 600_000),
        ("store_cache_bytes", settings.store_cache_bytes as u64, 1 << 20, 1 << 40),
        ("store_write_buffer_bytes", settings.store_write_buffer_bytes as u64, 1 << 20, 1 << 36),
    ];
    for (key, value, least, most) in limits {
        if !(least..=most).contains(&value) {
            let message = format!("setting `{key}` is {value}: it goes from {least} to {most}");
            return Err(Error::invalid("invalid_setting", message));
        }
    }
    Ok(())
}

/// The parser's messages draw the line in question; ours stand on one.
fn one_line(message: &str) -> String {
    message.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
