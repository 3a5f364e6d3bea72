//! [`CowMap`] against a `BTreeMap`, with copies taken along the way.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use proptest::prelude::*;

use super::CowMap;
use crate::store::{Direction, KeyRange};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>, u8),
    Remove(Vec<u8>),
    RemoveRange(KeyRange),
    Copy,
}

/// Keys from a small space, so that steps meet.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0u16..600).prop_map(|number| number.to_be_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn range() -> impl Strategy<Value = KeyRange> {
    (key(), prop::option::of(key())).prop_map(|(start, end)| KeyRange { start, end })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
        8 => key().prop_map(Step::Remove),
        1 => range().prop_map(Step::RemoveRange),
        1 => Just(Step::Copy),
    ]
}

fn pairs(map: &CowMap, range: &KeyRange, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut cursor = map.cursor(range.clone(), direction);
    let mut found = Vec::new();
    while cursor.step() {
        found.push((cursor.key_bytes().to_vec(), cursor.value_bytes().to_vec()));
    }
    assert!(!cursor.step(), "a cursor that ended stays at its end");
    found
}

fn expected(model: &Model, range: &KeyRange) -> Vec<(Vec<u8>, Vec<u8>)> {
    if range.is_empty() {
        return Vec::new();
    }
    let end = range.end.clone().map_or(Bound::Unbounded, Bound::Excluded);
    model.range((Bound::Included(range.start.clone()), end)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn assert_equal(map: &CowMap, model: &Model, range: &KeyRange) {
    let mut wanted = expected(model, range);
    assert_eq!(pairs(map, range, Direction::Forward), wanted);
    wanted.reverse();
    assert_eq!(pairs(map, range, Direction::Reverse), wanted);
}

fn apply(map: &mut CowMap, model: &mut Model, step: &Step) {
    match step {
        Step::Insert(key, value) => {
            map.insert(Bytes::from(key.clone()), Bytes::from(vec![*value]));
            model.insert(key.clone(), vec![*value]);
        }
        Step::Remove(key) => assert_eq!(map.remove(key), model.remove(key).is_some()),
        Step::RemoveRange(range) => {
            map.remove_range(range);
            model.retain(|key, _| !range.contains(key));
        }
        Step::Copy => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn equals_a_btree_map(
        filled in 0u16..600,
        is_sorted in any::<bool>(),
        steps in prop::collection::vec(step(), 1..600),
        ranges in prop::collection::vec(range(), 1..20),
    ) {
        let (mut map, mut model) = (CowMap::default(), Model::new());
        for number in 0..filled {
            apply(&mut map, &mut model, &Step::Insert(number.to_be_bytes().to_vec(), 0));
        }
        if is_sorted {
            let sorted = model.iter().map(|(key, value)| (key.clone().into(), value.clone().into()));
            map = CowMap::from_sorted(sorted);
        }
        let mut copies = Vec::new();
        for step in &steps {
            apply(&mut map, &mut model, step);
            if matches!(step, Step::Copy) {
                copies.push((map.clone(), model.clone()));
            }
        }
        copies.push((map, model));
        for (map, model) in &copies {
            assert_eq!(map.len(), model.len());
            assert_eq!(map.is_empty(), model.is_empty());
            assert_eq!(map.bytes(), model.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>());
            assert_equal(map, model, &KeyRange::all());
            for range in &ranges {
                assert_equal(map, model, range);
                assert_eq!(map.get(&range.start).map(|v| v.to_vec()), model.get(&range.start).cloned());
            }
        }
    }
}

/// A branch that lost its first child takes smaller keys into the next one; joined to its left neighbour
/// it must still find them.
#[test]
fn a_branch_joined_to_its_neighbour_keeps_keys_below_its_first_bound() {
    let key = |number: u32| Bytes::from(number.to_be_bytes().to_vec());
    for emptied in 0..200u32 {
        let mut map = CowMap::default();
        for number in 0..400 {
            map.insert(key(number * 10), Bytes::new());
        }
        for number in emptied..emptied + 40 {
            map.remove(&key(number * 10));
        }
        for number in emptied..emptied + 40 {
            map.insert(key(number * 10 + 5), Bytes::new());
        }
        for number in 0..emptied.saturating_sub(2) {
            map.remove(&key(number * 10));
        }
        for number in emptied..emptied + 40 {
            assert!(map.get(&key(number * 10 + 5)).is_some(), "key {} after emptying from {emptied}", number * 10 + 5);
        }
    }
}
