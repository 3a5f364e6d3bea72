//! A task as a row of named steps, each with an outcome and a duration.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};

use crate::tally::Tally;

/// What a step did: the tests that it counted, and why it failed if it did.
pub struct Outcome {
    tally: Tally,
    error: Option<Error>,
}

impl Outcome {
    /// The outcome of a step that runs tests. It fails when the runner failed, when a test failed, and when there
    /// were fewer tests than `at_least`. A failure without a failed test counts as one.
    pub fn of_tests(mut tally: Tally, at_least: u64, result: Result<()>) -> Self {
        let error = match result {
            Err(error) => Some(error),
            Ok(()) if tally.failed > 0 => Some(Error::msg(format!("{} tests failed", tally.failed))),
            Ok(()) if tally.total() < at_least => {
                Some(Error::msg(format!("{} tests ran, expected at least {at_least}", tally.total())))
            }
            Ok(()) => None,
        };
        if error.is_some() {
            tally.failed = tally.failed.max(1);
        }
        Self { tally, error }
    }
}

impl From<Result<()>> for Outcome {
    /// The outcome of a step that is one check.
    fn from(result: Result<()>) -> Self {
        let tally = if result.is_ok() { Tally::PASSED } else { Tally::default() };
        Self::of_tests(tally, 1, result)
    }
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// The steps of one task, run one after the other.
pub struct Steps {
    task: &'static str,
    started: Instant,
    done: Vec<Step>,
}

impl Steps {
    /// No step yet.
    pub fn new(task: &'static str) -> Self {
        Self { task, started: Instant::now(), done: Vec::new() }
    }

    /// Runs a step. A failure is kept for the end, so that one run shows everything that is wrong.
    pub fn run<O: Into<Outcome>>(&mut self, name: &'static str, step: impl FnOnce() -> O) {
        eprintln!("==> {name}");
        let started = Instant::now();
        let outcome = step().into();
        let took = started.elapsed();
        match &outcome.error {
            None => eprintln!("<== {name}: ok in {}", shown(took)),
            Some(error) => eprintln!("<== {name}: FAILED after {}: {error:#}", shown(took)),
        }
        self.done.push(Step { name, outcome, took });
    }

    /// Prints a line for each step and one for the sum.
    ///
    /// # Errors
    /// When a step failed.
    pub fn finish(self) -> Result<()> {
        let mut sum = Tally::default();
        let mut failed = Vec::new();
        println!();
        for step in &self.done {
            let tally = step.outcome.tally;
            sum += tally;
            let state = if step.outcome.error.is_some() { "FAILED" } else { "ok" };
            println!(
                "{state:>8}  {:<12} {:>9}  {} passed, {} failed",
                step.name,
                shown(step.took),
                tally.passed,
                tally.failed
            );
            if step.outcome.error.is_some() {
                failed.push(step.name);
            }
        }
        println!("{:>8}  {:<12} {:>9}", "", "all steps", shown(self.started.elapsed()));
        println!("{}: {} passed, {} failed", self.task, sum.passed, sum.failed);
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// `1h 02m 03s`, `2m 03s` or `3.4s`.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m {:02}s", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::anyhow;

    use super::{Outcome, Steps, Tally, shown};

    #[test]
    fn a_step_without_tests_fails() {
        let outcome = Outcome::of_tests(Tally::default(), 1, Ok(()));
        assert!(outcome.error.is_some());
        assert_eq!(outcome.tally, Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn a_runner_that_fails_counts_although_no_test_did() {
        let outcome = Outcome::of_tests(Tally { passed: 3, failed: 0 }, 1, Err(anyhow!("exit code 100")));
        assert_eq!(outcome.tally, Tally { passed: 3, failed: 1 });
    }

    #[test]
    fn a_failed_test_fails_the_step_whatever_the_runner_says() {
        let outcome = Outcome::of_tests(Tally { passed: 3, failed: 2 }, 1, Ok(()));
        assert!(outcome.error.is_some());
        assert_eq!(outcome.tally, Tally { passed: 3, failed: 2 });
    }

    #[test]
    fn a_later_success_does_not_hide_a_failure() {
        let mut steps = Steps::new("test");
        steps.run("first", || Err(anyhow!("broken")));
        steps.run("second", || Ok(()));
        assert_eq!(steps.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(shown(Duration::from_millis(3_400)), "3.4s");
        assert_eq!(shown(Duration::from_secs(123)), "2m 03s");
        assert_eq!(shown(Duration::from_secs(3_723)), "1h 02m 03s");
    }
}
