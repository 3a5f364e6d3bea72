//! Child processes: cargo and the tools around it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The output stream of a child that [`watch`] reads and passes on.
#[derive(Clone, Copy)]
pub enum Stream {
    Out,
    Err,
}

/// The root folder of the workspace.
pub fn root() -> PathBuf {
    let manifest_dir =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest_dir.parent().expect("xtask lies in a folder of the workspace").to_path_buf()
}

/// A command that runs in the root folder, without the variables that `cargo run` set for xtask itself: a build
/// script of another package must not see them, or it would run again whenever cargo is called directly.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let inherited =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if inherited {
            command.env_remove(name);
        }
    }
    command
}

/// The cargo that runs xtask, with the variables that native builds need.
pub fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    if let Some(directory) = crate::setup::clang::libclang_path() {
        command.env("LIBCLANG_PATH", directory);
    }
    command
}

/// Runs a command and shows its output.
///
/// # Errors
/// When the command cannot be started or ends with anything but success.
pub fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command in place of this process, which ends with it: what the terminal sends, such as Ctrl-C, is the command's
/// alone to answer. Where a process cannot be replaced, as [`run`].
///
/// # Errors
/// As [`run`].
pub fn hand_over(command: &mut Command) -> Result<()> {
    #[cfg(unix)]
    {
        announce(command);
        let error = std::os::unix::process::CommandExt::exec(command);
        Err(error).with_context(|| format!("cannot start {}", shown(command)))
    }
    #[cfg(not(unix))]
    run(command)
}

/// Runs a command, shows its output, and gives each line of one stream to `see`.
///
/// # Errors
/// As [`run`]; `see` has then been given all lines, too.
pub fn watch(command: &mut Command, stream: Stream, mut see: impl FnMut(&str)) -> Result<()> {
    announce(command);
    // Colours would come between the words that are looked for.
    command.env("CARGO_TERM_COLOR", "never");
    match stream {
        Stream::Out => command.stdout(Stdio::piped()),
        Stream::Err => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    match stream {
        Stream::Out => pass_on(child.stdout.take().expect("stdout is piped"), std::io::stdout(), &mut see)?,
        Stream::Err => pass_on(child.stderr.take().expect("stderr is piped"), std::io::stderr(), &mut see)?,
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

fn pass_on(from: impl std::io::Read, mut to: impl std::io::Write, see: &mut impl FnMut(&str)) -> Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        see(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(to.flush()?)
}

/// What a command writes to standard output, or `None` when it cannot be started or fails.
pub fn capture<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Option<String> {
    let output = command(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The full path of a program in PATH.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// The folder that cargo builds into.
///
/// # Errors
/// When `cargo metadata` fails or answers without that folder.
pub fn target_directory() -> Result<PathBuf> {
    let output =
        cargo(["metadata", "--no-deps", "--format-version", "1"]).output().context("cannot start cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let directory = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(directory.into())
}

fn announce(command: &Command) {
    eprintln!("    {}", shown(command));
    // What this process printed must stand before what the child prints.
    let _ = std::io::stdout().flush();
}

/// A command as one would type it, with the variables set for it.
fn shown(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = write!(text, "{}={:?} ", name.display(), value);
        }
    }
    let program = Path::new(command.get_program());
    text.push_str(&program.file_name().unwrap_or(program.as_os_str()).to_string_lossy());
    for arg in command.get_args() {
        let _ = write!(text, " {}", arg.display());
    }
    text
}
