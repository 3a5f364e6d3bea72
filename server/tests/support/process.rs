//! The binary in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The binary, with an environment without settings.
pub fn kalamdb() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kalamdb"));
    let settings = std::env::vars_os().map(|(name, _)| name);
    for name in settings.filter(|name| name.to_string_lossy().starts_with("KALAMDB_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs the binary to its end: exit code, standard output, standard error.
pub fn run(arguments: &[&str]) -> (i32, String, String) {
    read(kalamdb().args(arguments).output().expect("the binary runs"))
}

pub fn read(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A development server in a process of its own.
pub struct DevServer {
    pub child: Child,
    /// `http://…`
    pub url: String,
    pub token: String,
    pub admin: String,
}

impl DevServer {
    /// Starts on `listen` and waits for what it prints.
    pub fn start(data_dir: &Path, listen: &str) -> DevServer {
        DevServer::spawn(kalamdb(), data_dir, listen)
    }

    /// The same, where no file grows beyond `blocks` times 512 bytes: the system refuses to write on, as on a full disk.
    pub fn start_with_file_limit(data_dir: &Path, listen: &str, blocks: u32) -> DevServer {
        let program = kalamdb();
        // Without the trap the system would end the process instead of refusing the write.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(program.get_program());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null());
        DevServer::spawn(command, data_dir, listen)
    }

    fn spawn(mut command: Command, data_dir: &Path, listen: &str) -> DevServer {
        command.args(["serve", "--dev", "--listen", listen, "--data-dir"]).arg(data_dir);
        command.env("KALAMDB_LOG", "warn");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut next = || -> Option<serde_json::Value> {
            let line = lines.next()?.expect("a line");
            Some(serde_json::from_str(&line).expect("a line of JSON"))
        };
        let Some(ready) = next() else {
            let mut error = String::new();
            child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut error));
            panic!("the server does not start: {error}");
        };
        let text = |line: &serde_json::Value, key: &str| line[key].as_str().expect("a text").to_owned();
        let (user, admin) = (next().expect("a token"), next().expect("a token"));
        DevServer { child, url: text(&ready, "ready"), token: text(&user, "token"), admin: text(&admin, "token") }
    }

    pub fn sync_url(&self) -> String {
        format!("{}/v1/sync", self.url.replacen("http", "ws", 1))
    }

    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
