use std::fs;

use kalamdb_core::ErrorKind;

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn an_absent_directory_is_made_and_marked() {
    let folder = folder();
    let path = folder.path().join("a/b");
    let new = Directory::open(&path, StoreKind::Redb).expect("a new directory");
    assert!(new.is_new());
    new.ready().expect("mark it");
    drop(new);
    assert_eq!(fs::read_to_string(path.join(MARKER)).expect("marker"), "kalamdb-store 1 redb\n");
    assert!(!Directory::open(&path, StoreKind::Redb).expect("the same directory again").is_new());
}

#[test]
fn a_directory_whose_making_was_interrupted_is_made_again() {
    let folder = folder();
    drop(Directory::open(folder.path(), StoreKind::Redb).expect("a new directory"));
    fs::write(folder.path().join("half"), b"").expect("write a file");
    assert!(Directory::open(folder.path(), StoreKind::Redb).expect("the same directory again").is_new());
}

#[test]
fn an_open_directory_is_refused_and_named() {
    let folder = folder();
    let first = Directory::open(folder.path(), StoreKind::Redb).expect("a new directory");
    let error = Directory::open(folder.path(), StoreKind::Redb).expect_err("open twice");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Retry, "store_in_use"));
    assert!(error.message().contains(&folder.path().display().to_string()), "{error}");
    assert!(error.message().contains("another process has it open"), "{error}");
    drop(first);
    Directory::open(folder.path(), StoreKind::Redb).expect("free again");
}

#[test]
fn strange_markers_are_refused_and_kept() {
    let cases: [(&[u8], ErrorKind, &str); 6] = [
        (b"kalamdb-store 2 redb\n", ErrorKind::Invalid, "unknown_store_format"),
        (b"kalamdb-store 0 redb\n", ErrorKind::Invalid, "unknown_store_format"),
        (b"kalamdb-store 1 rocksdb\n", ErrorKind::Invalid, "other_store_kind"),
        (b"kalamdb-store 1 oracle\n", ErrorKind::Corrupt, "damaged"),
        (b"", ErrorKind::Corrupt, "damaged"),
        (b"\xff\xfe", ErrorKind::Corrupt, "damaged"),
    ];
    for (bytes, kind, code) in cases {
        let folder = folder();
        let marker = folder.path().join(MARKER);
        fs::write(&marker, bytes).expect("write the marker");
        let error = Directory::open(folder.path(), StoreKind::Redb).expect_err("a strange marker");
        assert_eq!((error.kind(), error.code()), (kind, code), "{bytes:?}");
        assert!(error.message().contains(&folder.path().display().to_string()), "{error}");
        assert_eq!(fs::read(&marker).expect("marker"), bytes, "nothing was changed");
    }
}

#[test]
fn a_directory_with_other_files_is_refused_and_left_alone() {
    let folder = folder();
    fs::write(folder.path().join("photo.jpg"), b"x").expect("write a file");
    let error = Directory::open(folder.path(), StoreKind::Sled).expect_err("a directory with other files");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "not_a_store"));
    assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
}

#[test]
fn a_file_is_not_a_directory() {
    let folder = folder();
    let path = folder.path().join("file");
    fs::write(&path, b"x").expect("write a file");
    let error = Directory::open(&path, StoreKind::Sled).expect_err("a file");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "not_a_directory"));
}
