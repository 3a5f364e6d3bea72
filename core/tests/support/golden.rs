//! Golden files: bytes that must stay as they are, or get a new version.
//!
//! A file has one line for each form: its name, and its bytes as hexadecimal digits. `KALAMDB_GOLDEN=write` writes the
//! files instead of comparing them; a changed line needs a version and a word in `docs/`.

#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::fmt::Write as _;
use std::path::Path;

/// A line: name and bytes.
pub type Line = (String, Vec<u8>);

/// Compares lines with a file.
pub fn check(file: &Path, lines: &[Line]) {
    let mut text = String::new();
    for (name, bytes) in lines {
        text.push_str(name);
        text.push(' ');
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").expect("a String takes all"));
        text.push('\n');
    }
    if std::env::var_os("KALAMDB_GOLDEN").is_some_and(|wish| wish == "write") {
        std::fs::write(file, &text).expect("the golden file is written");
    }
    let golden = std::fs::read_to_string(file).expect("the golden file is there");
    for (expected, found) in golden.lines().zip(text.lines()) {
        assert_eq!(expected, found, "{}: a stored or sent form has changed", file.display());
    }
    assert_eq!(golden.lines().count(), text.lines().count(), "{}: forms came or went", file.display());
}

/// The lines of a file.
pub fn read(file: &Path) -> Vec<Line> {
    let golden = std::fs::read_to_string(file).expect("the golden file is there");
    let line = |line: &str| {
        let (name, digits) = line.rsplit_once(' ').expect("a name and bytes");
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        (name.to_owned(), (0..digits.len()).step_by(2).map(byte).collect())
    };
    golden.lines().map(line).collect()
}
