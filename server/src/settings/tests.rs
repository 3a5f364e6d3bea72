use super::*;

fn file(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kalamdb.toml");
    std::fs::write(&path, text).expect("a file");
    (folder, Flags { config: Some(path), ..Flags::default() })
}

fn environment(pairs: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>().into_iter()
}

#[test]
fn each_layer_covers_the_one_below() {
    let (_folder, mut flags) = file("listen = \"127.0.0.1:1\"\nrows_max = 5\nconnections_max = 7\n");
    flags.listen = Some("127.0.0.1:3".to_owned());
    let environment = environment(&[("KALAMDB_LISTEN", "127.0.0.1:2"), ("KALAMDB_ROWS_MAX", "6"), ("HOME", "/")]);
    let (settings, warnings) = load(&flags, environment).expect("it loads");
    assert_eq!((settings.listen.as_str(), settings.rows_max, settings.connections_max), ("127.0.0.1:3", 6, 7));
    assert_eq!(settings.body_bytes_max, Settings::default().body_bytes_max);
    assert!(warnings.is_empty());
}

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    let (_folder, flags) = file("conections_max = 7\n");
    let error = load(&flags, environment(&[])).expect_err("an unknown key");
    assert_eq!(error.code(), "unknown_setting");
    assert!(error.message().contains("`conections_max`: did you mean `connections_max`?"), "{error}");
    let (_, warnings) = load(&Flags::default(), environment(&[("KALAMDB_DATADIR", "x")])).expect("it loads");
    assert!(warnings[0].contains("did you mean `data_dir`?"), "{warnings:?}");
}

#[test]
fn values_that_do_not_fit_are_refused_by_name() {
    let (_folder, flags) = file("rows_max = \"many\"\n");
    let error = load(&flags, environment(&[])).expect_err("text for a number");
    assert!(error.message().contains("line 1") && error.message().contains("kalamdb.toml"), "{error}");
    let error = load(&Flags::default(), environment(&[("KALAMDB_ROWS_MAX", "many")])).expect_err("text for a number");
    assert!(error.message().contains("`KALAMDB_ROWS_MAX`"), "{error}");
    let error = load(&Flags::default(), environment(&[("KALAMDB_ROWS_MAX", "0")])).expect_err("too small");
    assert!(error.message().contains("`rows_max` is 0: it goes from 1"), "{error}");
    let flags = Flags { config: Some("/nowhere/kalamdb.toml".into()), ..Flags::default() };
    let error = load(&flags, environment(&[])).expect_err("no file");
    assert!(error.message().contains("/nowhere/kalamdb.toml"), "{error}");
}

#[test]
fn secrets_are_not_shown() {
    let (settings, _) = load(&Flags::default(), environment(&[("KALAMDB_SECRET", "hush")])).expect("it loads");
    assert_eq!(settings.secret.as_deref(), Some("hush"));
    assert!(!settings.show().contains("hush"));
    assert!(settings.show().contains("***"));
}
