//! Hybrid logical clocks (Kulkarni, Demirbas et al., "Logical Physical Clocks", 2014): wall time where it moves,
//! a counter where it does not.

use std::fmt;

use crate::ids::ContentHash;

/// How far a device's clock may run ahead of the server's before its stamps are replaced.
pub const CLOCK_AHEAD_MAX_MS: u64 = 5 * 60 * 1000;

/// A stamp: 48 bits of milliseconds since 1970 and a 16-bit counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The first stamp of a millisecond.
    pub fn from_millis(millis: u64) -> Hlc {
        Hlc(millis.min((1 << 48) - 1) << 16)
    }

    /// The millisecond.
    pub fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// The smallest stamp that is greater; the counter carries over into the milliseconds.
    #[must_use]
    pub fn next(self) -> Hlc {
        Hlc(self.0.saturating_add(1))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.millis(), self.0 & 0xffff)
    }
}

/// Gives rising stamps, whatever the wall clock does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HlcClock {
    last: Hlc,
}

impl HlcClock {
    /// A clock that goes on after `last`.
    pub fn after(last: Hlc) -> HlcClock {
        HlcClock { last }
    }

    /// The last stamp given or seen.
    pub fn last(&self) -> Hlc {
        self.last
    }

    /// A stamp greater than every earlier one.
    pub fn tick(&mut self, now: Now) -> Hlc {
        self.last = Hlc::from_millis(now.millis()).max(self.last.next());
        self.last
    }

    /// Takes note of a stamp of another device: later stamps are greater.
    pub fn observe(&mut self, seen: Hlc) {
        self.last = self.last.max(seen);
    }
}

/// The wall time that a caller passes in: microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(pub i64);

impl Now {
    /// A time in milliseconds since 1970.
    pub fn from_millis(millis: u64) -> Now {
        Now(i64::try_from(millis).unwrap_or(i64::MAX / 1000).saturating_mul(1000))
    }

    /// Milliseconds since 1970; 0 before.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }
}

/// Randomness that a caller passes in.
pub trait Entropy: Send + Sync {
    /// 128 random bits.
    fn random(&self) -> [u8; 16];
}

/// Numbers that look random and follow from a seed: what is run again under the same one draws the same ones.
#[derive(Clone, Debug, Default)]
pub struct Seeded {
    seed: Vec<u8>,
    drawn: u64,
}

impl Seeded {
    /// The numbers of `seed`, from the first one on.
    pub fn new(seed: &[u8]) -> Seeded {
        Seeded { seed: seed.to_vec(), drawn: 0 }
    }

    /// The next 128 bits: the hash of the seed and how many came before.
    pub fn draw(&mut self) -> [u8; 16] {
        self.drawn += 1;
        ContentHash::of(&[&self.seed[..], &self.drawn.to_be_bytes()].concat()).0
    }
}
