//! The groups of a query: their encoded values in one buffer, found by hash, and the states of their aggregates.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::aggregate::{Aggregate, State};
use super::declare::Limits;
use crate::Result;
use crate::codec::{Reader, Writer};
use crate::value::{Value, ValueRef};

/// Groups in the order in which they were met.
pub(super) struct Groups<'p> {
    aggregates: &'p [Aggregate],
    table: HashTable<usize>,
    /// Not DoS-proof, and need not be: a user's groups come from the user's own rows.
    hasher: FixedState,
    keys: Vec<u8>,
    /// Where the key of each group ends.
    ends: Vec<usize>,
    states: Vec<State>,
    extra_bytes: usize,
    /// The group met last: neighbouring rows are often of one group.
    last: usize,
    limits: Limits,
}

impl<'p> Groups<'p> {
    pub(super) fn new(aggregates: &'p [Aggregate], limits: Limits) -> Groups<'p> {
        Groups {
            aggregates,
            table: HashTable::new(),
            hasher: FixedState::default(),
            keys: Vec::new(),
            ends: Vec::new(),
            states: Vec::new(),
            extra_bytes: 0,
            last: 0,
            limits,
        }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    fn key(&self, group: usize) -> &[u8] {
        key_of(&self.keys, &self.ends, group)
    }

    /// The group with this key, made if it is new.
    #[inline]
    pub(super) fn find(&mut self, key: &[u8]) -> Result<usize> {
        if self.last < self.ends.len() && self.key(self.last) == key {
            return Ok(self.last);
        }
        let hash = self.hasher.hash_one(key);
        let found = self.table.find(hash, |group| key_of(&self.keys, &self.ends, *group) == key).copied();
        self.last = match found {
            Some(group) => group,
            None => self.insert(hash, key)?,
        };
        Ok(self.last)
    }

    fn insert(&mut self, hash: u64, key: &[u8]) -> Result<usize> {
        let group = self.ends.len();
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
        self.states.extend(self.aggregates.iter().map(Aggregate::start));
        let (keys, ends, hasher) = (&self.keys, &self.ends, &self.hasher);
        self.table.insert_unique(hash, group, |group| hasher.hash_one(key_of(keys, ends, *group)));
        self.check()?;
        Ok(group)
    }

    fn check(&self) -> Result<()> {
        let fixed = size_of::<usize>() * 2 + size_of::<State>() * self.aggregates.len();
        self.limits.check(self.ends.len(), self.keys.len() + self.extra_bytes + fixed * self.ends.len())
    }

    /// Adds a row to a group; `value` gives what stands in a slot.
    #[inline]
    pub(super) fn add<'a>(&mut self, group: usize, value: impl Fn(usize) -> ValueRef<'a>) -> Result<()> {
        let from = group * self.aggregates.len();
        for (aggregate, state) in self.aggregates.iter().zip(&mut self.states[from..]) {
            match aggregate.slot {
                None => Aggregate::add_row(state),
                Some(slot) => {
                    let grown = aggregate.add(state, &value(slot))?;
                    if grown > 0 {
                        self.extra_bytes += grown;
                    }
                }
            }
        }
        Ok(())
    }

    /// The values of a group, then the results of its aggregates.
    pub(super) fn values(&self, group: usize) -> Result<Vec<Value>> {
        let mut input = Reader::new(self.key(group));
        let mut values = Vec::new();
        while !input.is_empty() {
            values.push(ValueRef::read(&mut input)?.to_owned());
        }
        let from = group * self.aggregates.len();
        for (aggregate, state) in self.aggregates.iter().zip(&self.states[from..]) {
            values.push(aggregate.finish(state)?);
        }
        Ok(values)
    }
}

fn key_of<'a>(keys: &'a [u8], ends: &[usize], group: usize) -> &'a [u8] {
    let start = group.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    let end = ends.get(group).copied().unwrap_or(start);
    &keys[start..end]
}

/// Encodes the values of a group into `buffer`; equal values have equal bytes.
pub(super) fn write_key<'a>(buffer: &mut Vec<u8>, values: impl Iterator<Item = ValueRef<'a>>) {
    buffer.clear();
    let mut out = Writer::on(std::mem::take(buffer));
    values.for_each(|value| value.write(&mut out));
    *buffer = out.into_vec();
}
