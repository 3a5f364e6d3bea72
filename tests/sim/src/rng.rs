//! The one source of chance: everything random in a run follows from its seed.

use std::sync::{Arc, Mutex, PoisonError};

use kalamdb_core::Entropy;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded generator that can be shared.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<ChaCha8Rng>>);

impl Dice {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))))
    }

    /// 64 random bits.
    pub fn bits(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    /// Whether an event of this many percent happens.
    pub fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of the items.
    pub fn pick<'a, T>(&self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }
}

impl Entropy for Dice {
    fn random(&self) -> [u8; 16] {
        (u128::from(self.bits()) << 64 | u128::from(self.bits())).to_be_bytes()
    }
}
