//! The demo runs to its end, on the binary that the workspace's tests have built.

use std::path::PathBuf;

use kalamdb_e2e::demo::{DemoOptions, Ending, run};

/// `kalamdb` next to the folder of this test's own binary.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a file");
    let binary = own.parent().and_then(|deps| deps.parent()).expect("a folder of binaries").join("kalamdb");
    assert!(binary.is_file(), "{} is missing: test the whole workspace, which builds it", binary.display());
    binary
}

#[tokio::test(flavor = "multi_thread")]
async fn three_copies_are_edited_offline_and_are_equal_again() {
    let options =
        DemoOptions { binary: binary(), directory: None, listen: "127.0.0.1:0".to_owned(), ending: Ending::Stop };
    if let Err(error) = run(options).await {
        panic!("{error:#}");
    }
}

#[tokio::test]
async fn a_directory_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine"), "precious").expect("a file");
    let directory = Some(folder.path().to_path_buf());
    let options = DemoOptions { binary: binary(), directory, listen: "127.0.0.1:0".to_owned(), ending: Ending::Stop };
    let error = run(options).await.expect_err("the directory is not empty");
    assert!(error.to_string().contains("--dir"), "{error:#}");
    assert_eq!(std::fs::read_to_string(folder.path().join("mine")).expect("the file"), "precious");
}
