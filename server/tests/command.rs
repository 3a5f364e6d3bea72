//! The binary as its users see it.
#![allow(clippy::expect_used)]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use support::http::{get, rows};
use support::process::{DevServer, kalamdb, read, run};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in Unicode")
}

/// Runs `serve` with these arguments, which must fail, and gives what it says.
fn refused(arguments: &[&str]) -> String {
    let (code, out, error) = run(arguments);
    assert_ne!(code, 0, "{arguments:?}: {out}");
    assert!(!error.contains("panicked"), "{arguments:?}: {error}");
    error
}

#[test]
fn every_help_has_examples() {
    for command in
        [vec![], vec!["serve"], vec!["sql"], vec!["token", "mint"], vec!["config"], vec!["import"], vec!["shell"]]
    {
        let (code, out, error) = run(&[command.as_slice(), &["--help"]].concat());
        assert_eq!(code, 0, "{command:?}: {error}");
        assert!(out.contains("Examples:"), "{command:?}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_server_says_where_it_is_and_gives_tokens() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = DevServer::start(&folder.path().join("data"), "127.0.0.1:0");
    assert_eq!(get(&server.address(), "/readyz").await.0, 200);
    let create = "CREATE NAMESPACE app; CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY)";
    rows(&server.address(), &server.admin, create).await;
    rows(&server.address(), &server.token, "INSERT INTO app.notes (id) VALUES (7)").await;
    let (url, token) = (server.url.clone(), server.token.clone());
    let shown = tokio::task::spawn_blocking(move || {
        run(&["sql", "--url", &url, "--token", &token, "-c", "SELECT id FROM app.notes WHERE id = $1", "--param", "7"])
    });
    let (code, out, error) = shown.await.expect("it runs");
    assert_eq!((code, out.as_str()), (0, " id\n----\n 7\n(1 row)\n"), "{error}");
    // SIGTERM ends it in order, and what it had is there again.
    let pid = server.child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
    assert!(killed.success());
    assert_eq!(server.child.wait().expect("it ends").code(), Some(0));
    let data = folder.path().join("data");
    let count = ["sql", "--as", "dev", "--json", "-c", "SELECT COUNT(*) FROM app.notes", "--data-dir", text(&data)];
    let (code, out, error) = run(&count);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("[[1]]"), "{out}");
}

#[test]
fn what_keeps_a_server_from_starting_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let error = refused(&["serve", "--listen", &address, "--data-dir", text(&data)]);
    assert!(error.contains(&address) && error.contains("in use") && error.contains("--listen"), "{error}");
    let error = refused(&["serve", "--listen", "nowhere", "--data-dir", text(&data)]);
    assert!(error.contains("`nowhere`") && error.contains("host:port"), "{error}");
    for public in ["0.0.0.0:0", "[::]:0"] {
        let error = refused(&["serve", "--dev", "--listen", public, "--data-dir", text(&data)]);
        assert!(error.contains("--dev") && error.contains(public), "{error}");
    }
    let file = folder.path().join("file");
    fs::write(&file, "not a directory").expect("a file");
    let error = refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&file)]);
    assert!(error.contains(text(&file)), "{error}");
    let error = refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", "/proc/kalamdb"]);
    assert!(error.contains("/proc/kalamdb"), "{error}");
    let secret = folder.path().join("secret");
    fs::write(&secret, "short").expect("a file");
    let error =
        refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data), "--secret-file", text(&secret)]);
    assert!(error.contains("32") && error.contains(text(&secret)), "{error}");
}

#[test]
fn a_data_directory_belongs_to_one_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = DevServer::start(&data, "127.0.0.1:0");
    let error = refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)]);
    assert!(error.contains("in use") && error.contains(text(&data)), "{error}");
    let error = refused(&["sql", "--as", "dev", "-c", "SELECT 1", "--data-dir", text(&data)]);
    assert!(error.contains("in use") && error.contains("--url"), "{error}");
    drop(server);
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    DevServer::start(&data, "127.0.0.1:0").kill();
    let store = data.join("store/rocksdb");
    let current = store.join("CURRENT");
    let manifest = store.join(fs::read_to_string(&current).expect("a file").trim());
    let mut bytes = fs::read(&manifest).expect("a manifest");
    bytes.iter_mut().skip(20).step_by(3).for_each(|byte| *byte ^= 0x5a);
    fs::write(&manifest, &bytes).expect("it is damaged");
    let error = refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)]);
    assert!(error.contains("(corrupt)") && error.contains(text(&data)) && error.contains("backup"), "{error}");
    assert_eq!(fs::read(&manifest).expect("a manifest"), bytes);
}

#[test]
fn settings_are_layered_shown_and_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("kalamdb.toml");
    fs::write(&config, "rows_max = 5\nlisten = \"127.0.0.1:1\"\n").expect("a file");
    let mut command = kalamdb();
    command.args(["config", "--config", text(&config), "--data-dir", "/somewhere"]);
    command.env("KALAMDB_LISTEN", "127.0.0.1:2").env("KALAMDB_SECRET", "very-hidden");
    let (code, out, error) = read(command.output().expect("it runs"));
    assert_eq!(code, 0, "{error}");
    for line in ["rows_max = 5", "listen = \"127.0.0.1:2\"", "data_dir = \"/somewhere\"", "secret = \"***\""] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(!out.contains("very-hidden"));
    fs::write(&config, "row_max = 5\n").expect("a file");
    let error = refused(&["serve", "--config", text(&config)]);
    assert!(error.contains("`row_max`") && error.contains("did you mean `rows_max`?"), "{error}");
}

#[test]
fn what_says_two_things_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let sql = |more: &[&str]| refused(&[&["sql", "-c", "SELECT 1"], more].concat());
    let (url, token) = (["--url", "http://127.0.0.1:1"], ["--token", "t"]);
    let error = sql(&[&url[..], &token[..], &["--as", "bob"]].concat());
    assert!(error.contains("`--token` and `--as`"), "{error}");
    let error = sql(&[&url[..], &token[..], &["--data-dir", text(&data)]].concat());
    assert!(error.contains("`--data-dir`"), "{error}");
    let error = sql(&url);
    assert!(error.contains("give `--token`"), "{error}");
    let error = sql(&["--as", "bob", "--data-dir", text(&data)]);
    assert!(error.contains("does not exist") && error.contains("--url"), "{error}");
    // What stands on the command line goes before the environment.
    let mut command = kalamdb();
    command.args(["sql", "-c", "SELECT 1", "--as", "bob", "--data-dir", text(&data)]);
    command.env("KALAMDB_URL", "http://127.0.0.1:1").env("KALAMDB_TOKEN", "t");
    let (code, _, error) = read(command.output().expect("it runs"));
    assert_ne!(code, 0);
    assert!(error.contains("does not exist"), "{error}");
}

#[test]
fn a_directory_of_a_device_and_a_filter_that_logs_nothing_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("device");
    let device = data.clone();
    kalamdb_store_native::open_store(kalamdb_store_native::StoreKind::Redb, &device, None)
        .and_then(|store| store.close())
        .expect("a device's store");
    let error = refused(&["serve", "--listen", "127.0.0.1:0", "--data-dir", text(&data)]);
    assert!(error.contains("device's database"), "{error}");
    assert!(!data.join("token.secret").exists(), "nothing is left there");
    let config = folder.path().join("kalamdb.toml");
    fs::write(&config, "log = \"debgu\"\n").expect("a file");
    let error = refused(&["serve", "--listen", "127.0.0.1:0", "--config", text(&config)]);
    assert!(error.contains("`debgu` is no level"), "{error}");
}

#[test]
fn a_token_is_minted_from_a_secret_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    fs::write(&secret, "0123456789abcdef0123456789abcdef").expect("a file");
    let (code, out, error) = run(&["token", "mint", "--user", "ada", "--secret-file", text(&secret)]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(out.trim().split('.').count(), 3);
    let error = refused(&["token", "mint", "--user", "ada", "--data-dir", "/nowhere"]);
    assert!(error.contains("/nowhere") && error.contains("--secret-file"), "{error}");
    let error = refused(&["token", "mint", "--user", "", "--secret-file", text(&secret)]);
    assert!(error.contains("user id"), "{error}");
    let error = refused(&["token", "mint", "--user", "ada", "--ttl", "soon", "--secret-file", text(&secret)]);
    assert!(error.contains("for example 1h"), "{error}");
}
