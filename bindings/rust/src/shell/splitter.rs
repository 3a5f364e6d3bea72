//! Lines in, whole statements out.

use kalamdb_core::{Error, Result};

/// Longest text between two semicolons.
const STATEMENT_BYTES_MAX: usize = 32 << 20;

/// Where a scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Code,
    /// Inside quotes of this kind; a doubled quote closes and opens again.
    Quoted(char),
    LineComment,
    /// Comments of this form nest.
    BlockComment(u32),
}

/// Collects lines and cuts them at semicolons outside of quotes and comments.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    text: String,
    /// Whether there is more than space and comments.
    has_code: bool,
    scanned: usize,
    place: Option<Place>,
}

impl Splitter {
    /// Whether no statement has begun.
    pub fn is_empty(&self) -> bool {
        !self.has_code && matches!(self.place, None | Some(Place::Code))
    }

    /// Forgets what was begun.
    pub fn clear(&mut self) {
        *self = Splitter::default();
    }

    /// Adds a line and gives the statements that it completes, without their semicolons.
    ///
    /// # Errors
    /// Kind `quota` if a statement gets too long; what was begun is forgotten then.
    pub fn push(&mut self, line: &str) -> Result<Vec<String>> {
        self.text.push_str(line);
        self.text.push('\n');
        let mut statements = Vec::new();
        while let Some(end) = self.scan() {
            let rest = self.text.split_off(end);
            let statement = std::mem::replace(&mut self.text, rest);
            if std::mem::take(&mut self.has_code) {
                statements.push(statement.trim_end().trim_end_matches(';').trim().to_string());
            }
            self.scanned = 0;
        }
        if self.is_empty() {
            self.clear();
        }
        if self.text.len() > STATEMENT_BYTES_MAX {
            self.clear();
            let message = format!("a statement has more than {STATEMENT_BYTES_MAX} bytes: split it, or import a file");
            return Err(Error::quota("statement_too_long", message));
        }
        Ok(statements)
    }

    /// Scans on to the place behind the next semicolon that ends a statement.
    fn scan(&mut self) -> Option<usize> {
        let mut place = self.place.unwrap_or(Place::Code);
        let mut chars = self.text.get(self.scanned..).unwrap_or_default().char_indices().peekable();
        let mut found = None;
        while let Some((at, c)) = chars.next() {
            let mut followed_by = |wanted: char| chars.next_if(|(_, next)| *next == wanted).is_some();
            place = match (place, c) {
                (Place::Code, ';') => {
                    found = Some(self.scanned + at + 1);
                    break;
                }
                (Place::Code, '\'' | '"' | '`') => Place::Quoted(c),
                (Place::Code, '-') if followed_by('-') => Place::LineComment,
                (Place::Code, '/') if followed_by('*') => Place::BlockComment(1),
                (Place::Code, _) => Place::Code,
                (Place::Quoted(quote), c) if quote == c => Place::Code,
                (Place::LineComment, '\n') => Place::Code,
                (Place::BlockComment(depth), '*') if followed_by('/') => match depth {
                    1 => Place::Code,
                    _ => Place::BlockComment(depth - 1),
                },
                (Place::BlockComment(depth), '/') if followed_by('*') => Place::BlockComment(depth + 1),
                (inside, _) => inside,
            };
            self.has_code |= match place {
                Place::Code => !c.is_whitespace() && c != '/' && c != '\n',
                Place::Quoted(_) => true,
                Place::LineComment | Place::BlockComment(_) => false,
            };
        }
        self.scanned = found.unwrap_or(self.text.len());
        self.place = Some(place);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(lines: &[&str]) -> Vec<String> {
        let mut splitter = Splitter::default();
        lines.iter().flat_map(|line| splitter.push(line).expect("short")).collect()
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        assert_eq!(split(&["SELECT 1; SELECT 2;"]), ["SELECT 1", "SELECT 2"]);
        assert_eq!(split(&["SELECT 'a;b', \"c;d\";"]), ["SELECT 'a;b', \"c;d\""]);
        assert_eq!(split(&["SELECT 'it''s; fine';"]), ["SELECT 'it''s; fine'"]);
        assert_eq!(split(&["SELECT -- a; comment", "1;"]), ["SELECT -- a; comment\n1"]);
        assert_eq!(split(&["SELECT /* ; /* ; */ ; */ 1;"]), ["SELECT /* ; /* ; */ ; */ 1"]);
        assert_eq!(split(&["SELECT 4 / 2 - 1;"]), ["SELECT 4 / 2 - 1"]);
        assert_eq!(split(&[";;", " ; ", "-- nothing;", "SELECT 1;"]), ["SELECT 1"]);
    }

    #[test]
    fn a_statement_may_span_lines_and_a_begun_one_shows() {
        let mut splitter = Splitter::default();
        assert!(splitter.push("  ").expect("short").is_empty() && splitter.is_empty());
        assert!(splitter.push("-- a remark").expect("short").is_empty() && splitter.is_empty());
        assert!(splitter.push("SELECT 'a").expect("short").is_empty() && !splitter.is_empty());
        assert_eq!(splitter.push("b' ;").expect("short"), ["SELECT 'a\nb'"]);
        assert!(splitter.is_empty());
        splitter.push("SELECT").expect("short");
        splitter.clear();
        assert!(splitter.is_empty());
    }

    #[test]
    fn a_statement_without_end_is_refused_and_forgotten() {
        let mut splitter = Splitter::default();
        let line = format!("'{}", "x".repeat(STATEMENT_BYTES_MAX));
        assert_eq!(splitter.push(&line).map_err(|error| error.kind()), Err(kalamdb_core::ErrorKind::Quota));
        assert!(splitter.is_empty());
    }
}
