//! Every example of docs/sql.md runs.

mod common;

use common::{SessionExt, admin};

/// The blocks between a line that begins a block of `language` and the next fence.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line.trim()) {
            (None, start) if start == format!("```{language}") => open = Some(String::new()),
            (Some(block), "```") => {
                blocks.push(std::mem::take(block));
                open = None;
            }
            (Some(block), _) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

#[test]
fn examples_run_in_order() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sql.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut session = admin();
    let examples = blocks(&text, "sql");
    assert!(examples.len() >= 10, "{} examples", examples.len());
    examples.iter().for_each(|example| drop(session.run(example)));
}

#[test]
fn refusals_are_refused() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sql.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut session = admin();
    blocks(&text, "sql").iter().for_each(|example| drop(session.run(example)));
    let refused = blocks(&text, "sql refused");
    assert!(!refused.is_empty());
    for statement in refused.iter().flat_map(|block| block.lines()).filter(|line| !line.is_empty()) {
        session.fails(statement);
    }
}
