//! The shell as a script.

use std::path::Path;
use std::time::Duration;

use kalamdb::shell::{Format, OnError, Outcome, ShellOptions, script};
use kalamdb::{StoreKind, TokenSource};
use tempfile::TempDir;

use crate::SCHEMA;
use crate::support::server::TestServer;
use crate::support::token;

fn options(folder: &Path) -> ShellOptions {
    ShellOptions {
        directory: folder.join("db"),
        store: StoreKind::CLIENT_DEFAULT,
        sync: None,
        format: Format::Table,
        on_error: OnError::Stop,
    }
}

/// Output, errors and outcome of a script.
async fn run(options: &ShellOptions, input: &str) -> (String, String, Outcome) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let outcome = script(options, &mut input.as_bytes(), &mut out, &mut errors).await.expect("a shell");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(out), text(errors), outcome)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[tokio::test]
async fn a_script_ends_at_its_first_error_unless_told_otherwise() {
    let folder = folder();
    let mut options = options(folder.path());
    let input = format!("{SCHEMA}\nSELECT nonsense;\nSELECT 'reached';\n");
    let (out, errors, outcome) = run(&options, &input).await;
    assert!(!out.contains("reached"), "{out}");
    assert!(errors.starts_with("error: "), "{errors}");
    assert_eq!(outcome, Outcome::Failed);
    options.on_error = OnError::KeepGoing;
    let (out, errors, outcome) = run(&options, &input).await;
    assert!(out.contains("reached") && errors.contains("error: "), "{out}{errors}");
    assert_eq!(outcome, Outcome::Failed);
}

#[tokio::test]
async fn what_is_left_unfinished_is_an_error() {
    let folder = folder();
    for (input, code) in [
        ("SELECT 1", "unfinished_statement"),
        ("BEGIN;\nSELECT 1;", "unfinished_transaction"),
        ("\\nonsense", "unknown_command"),
        ("\\wait", "never_connected"),
        ("\\d notes", "namespace_missing"),
        ("\\d app.nothing", "unknown_table"),
        ("\\dismiss 1", "not_rejected"),
    ] {
        let (_, errors, outcome) = run(&options(folder.path()), input).await;
        assert!(errors.contains(code), "{input}: {errors}");
        assert_eq!(outcome, Outcome::Failed, "{input}");
    }
}

#[tokio::test]
async fn results_are_tables_or_json() {
    let folder = folder();
    let input = format!(
        "{SCHEMA}
        INSERT INTO app.notes (id, title, stars) VALUES (1, 'semi;colon', 5), (20, 'b', NULL);
        BEGIN; UPDATE app.notes SET stars = 4 WHERE id = 1; COMMIT;
        SELECT * FROM app.notes -- ; not here
        ORDER BY id;
        \\d
        \\d app.notes
        \\q
        SELECT 'never';"
    );
    let (out, errors, outcome) = run(&options(folder.path()), &input).await;
    assert_eq!((errors.as_str(), outcome), ("", Outcome::Done));
    assert!(out.contains("INSERT 2\nBEGIN\nUPDATE 1\nCOMMIT\n"), "{out}");
    assert!(out.contains(" id | title      | stars\n----+------------+-------\n  1 | semi;colon |     4\n"), "{out}");
    assert!(out.contains(" app       | notes\n") && out.contains("BIGINT") && !out.contains("never"), "{out}");

    let json = ShellOptions { format: Format::Json, ..options(folder.path()) };
    let (out, _, _) = run(&json, "SELECT id, stars FROM app.notes ORDER BY id;\n\\status\n").await;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(lines[0].contains(r#""rows":[[1,4],[20,null]]"#), "{out}");
    assert!(lines[1].contains(r#"["pending","2"]"#), "{out}");
}

#[tokio::test]
async fn timing_shows_how_long_statements_take() {
    let folder = folder();
    let (out, _, _) = run(&options(folder.path()), "\\timing\nSELECT 1;\n\\timing\nSELECT 2;\n").await;
    assert_eq!(out.matches("\ntime ").count(), 1, "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_syncs_goes_offline_and_shows_refused_writes() {
    let server = TestServer::start_empty().await;
    let (one, two) = (folder(), folder());
    let sync = || Some((server.url(), TokenSource::from(token("ada", Duration::from_secs(600), true))));
    let connected = |folder: &TempDir| ShellOptions { sync: sync(), ..options(folder.path()) };
    let input = format!("{SCHEMA}\nINSERT INTO app.notes (id, title) VALUES (1, 'gone soon');\n\\wait 20\n");
    assert_eq!(run(&connected(&one), &input).await.2, Outcome::Done);
    let (out, errors, outcome) = run(&connected(&two), "\\wait 20\nSELECT title FROM app.notes;\n\\status\n").await;
    assert_eq!((errors.as_str(), outcome), ("", Outcome::Done));
    assert!(out.contains("gone soon") && out.contains(" live\n"), "{out}");

    assert_eq!(run(&connected(&one), "DELETE FROM app.notes;\n\\wait 20\n").await.2, Outcome::Done);
    let input = "UPDATE app.notes SET title = 'in vain';\n";
    assert_eq!(run(&options(two.path()), input).await.2, Outcome::Done, "without any server");
    let input = "\\wait 20\n\\offline\n\\rejected\n\\dismiss 1\n\\rejected\n\\wait\n";
    let (out, errors, outcome) = run(&connected(&two), input).await;
    assert!(out.contains("update app.notes (1)") && out.contains("(1 row)") && out.contains("(0 rows)"), "{out}");
    assert!(errors.contains("offline") && errors.lines().count() == 1, "{errors}");
    assert_eq!(outcome, Outcome::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_in_vain_ends_with_an_error() {
    let server = TestServer::start_empty().await;
    let url = server.url();
    let _stopped = server.kill().await;
    let folder = folder();
    let options = ShellOptions { sync: Some((url, "token".into())), ..options(folder.path()) };
    let (_, errors, outcome) = run(&options, "\\wait 0.2\n").await;
    assert!(errors.contains("not synced within 200ms"), "{errors}");
    assert_eq!(outcome, Outcome::Failed);
}
