//! Time and randomness of the system.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "here they come from, for everything else")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kalamdb_core::Now;
use kalamdb_core::hlc::Entropy;

/// Randomness of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// 128 random bits.
    ///
    /// # Panics
    /// If the operating system has no randomness to give, which ends every hope of distinct ids.
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        bytes
    }
}

/// The wall time.
pub fn system_now() -> Now {
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    Now(match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    })
}

/// Wall time that never goes back and never stands still: pauses and time-outs end whatever is done to the clock.
#[derive(Debug)]
pub(super) struct SessionClock {
    last: Now,
    at: Instant,
}

impl SessionClock {
    pub fn new() -> SessionClock {
        SessionClock { last: system_now(), at: Instant::now() }
    }

    pub fn now(&mut self) -> Now {
        self.step(system_now(), Instant::now())
    }

    fn step(&mut self, wall: Now, at: Instant) -> Now {
        let passed = i64::try_from(at.duration_since(self.at).as_micros()).unwrap_or(i64::MAX);
        self.last = wall.max(Now(self.last.micros().saturating_add(passed)));
        self.at = at;
        self.last
    }
}

/// How long it is from `now` to `until`; zero if that is past.
pub(super) fn pause(now: Now, until: Now) -> Duration {
    Duration::from_micros(u64::try_from(until.micros().saturating_sub(now.micros())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_time_of_a_session() {
        let start = Instant::now();
        let mut clock = SessionClock { last: Now(1_000_000), at: start };
        let second = |n: u64| start + Duration::from_secs(n);
        assert_eq!(clock.step(Now(2_000_000), second(1)), Now(2_000_000));
        assert_eq!(clock.step(Now(5), second(2)), Now(3_000_000), "set back by an hour");
        assert_eq!(clock.step(Now(9_000_000), second(3)), Now(9_000_000), "after a suspend");
    }

    #[test]
    fn two_random_numbers_differ() {
        assert_ne!(SystemEntropy.random(), SystemEntropy.random());
    }
}
