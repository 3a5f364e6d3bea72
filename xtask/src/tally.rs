//! Counting tests from what the test runners print.

use std::ops::AddAssign;

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl Tally {
    /// One check that held.
    pub const PASSED: Self = Self { passed: 1, failed: 0 };

    /// Reads the summary line of cargo-nextest, such as
    /// `Summary [   1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped`.
    pub fn of_nextest(line: &str) -> Option<Self> {
        let (head, counts) = line.split_once(" run: ")?;
        if !head.trim_start().starts_with("Summary [") {
            return None;
        }
        let mut tally = Self::default();
        for part in without_parentheses(counts).split(',') {
            let (count, what) = part.trim().split_once(' ')?;
            let count: u64 = count.parse().ok()?;
            match what.trim() {
                "passed" => tally.passed += count,
                "skipped" => {}
                _ => tally.failed += count,
            }
        }
        Some(tally)
    }

    /// Reads the summary line of Rust's own test runner, such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub fn of_libtest(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut tally = Self::default();
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => tally.passed += count.parse::<u64>().ok()?,
                Some((count, "failed")) => tally.failed += count.parse::<u64>().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }

    /// Reads the summary line of Vitest, such as `      Tests  1 failed | 50 passed | 2 skipped (53)`.
    pub fn of_vitest(line: &str) -> Option<Self> {
        let counts = line.trim_start().strip_prefix("Tests ")?;
        let mut tally = Self::default();
        for part in without_parentheses(counts).split('|') {
            match part.trim().split_once(' ') {
                Some((count, "passed")) => tally.passed += count.parse::<u64>().ok()?,
                Some((count, "failed")) => tally.failed += count.parse::<u64>().ok()?,
                _ => {}
            }
        }
        Some(tally)
    }

    /// Passed and failed together.
    pub fn total(self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut outside = String::new();
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(character),
            _ => {}
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn nextest_summaries_are_counted() {
        let cases = [
            ("     Summary [   0.001s] 0 tests run: 0 passed, 0 skipped", Some((0, 0))),
            ("     Summary [   0.104s] 1 test run: 1 passed, 0 skipped", Some((1, 0))),
            (
                "     Summary [  61.9s] 9 tests run: 7 passed (1 slow, 2 flaky), 1 failed, 1 timed out, 2 skipped",
                Some((7, 2)),
            ),
            ("     Summary [  61.9s] 5/9 tests run: 4 passed, 1 exec failed, 0 skipped", Some((4, 1))),
            ("        PASS [   0.005s] kalamdb-core tests run: 5 passed", None),
            ("    Starting 12 tests across 3 binaries", None),
        ];
        for (line, expected) in cases {
            let found = Tally::of_nextest(line).map(|tally| (tally.passed, tally.failed));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn libtest_summaries_are_counted() {
        let cases = [
            (
                "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                Some((3, 0)),
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", Some((3, 2))),
            ("test tally::tests::libtest ... ok", None),
            ("running 3 tests", None),
        ];
        for (line, expected) in cases {
            let found = Tally::of_libtest(line).map(|tally| (tally.passed, tally.failed));
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        assert_eq!(Tally::of_vitest(" Test Files  2 passed (2)"), None);
        assert_eq!(Tally::of_vitest("      Tests  51 passed (51)"), Some(Tally { passed: 51, failed: 0 }));
        let mixed = "      Tests  1 failed | 50 passed | 2 skipped (53)";
        assert_eq!(Tally::of_vitest(mixed), Some(Tally { passed: 50, failed: 1 }));
    }
}
