//! Random operations, compared with an ordered map.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Bed, Prng, open, scan};
use crate::store::{Direction, KeyRange, Partition, Snapshot, WriteBatch, WriteOp};

type Model = [BTreeMap<Vec<u8>, Vec<u8>>; Partition::ALL.len()];

const SEEDS: std::ops::Range<u64> = 1..5;
const STEPS: u32 = 250;
/// Snapshots kept open while writes go on.
const SNAPSHOTS_MAX: usize = 4;

/// Commits of random batches equal the same changes of a `BTreeMap`, in old and new snapshots.
pub async fn equals_an_ordered_map(bed: &dyn Bed) {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut model = Model::default();
        run(bed, &mut Prng::new(seed), &mut model, true).await;
    }
}

/// The same, over five openings of one store.
pub async fn equals_an_ordered_map_over_reopenings(bed: &dyn Bed) {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut model = Model::default();
        let mut prng = Prng::new(seed);
        for opening in 0..5 {
            run(bed, &mut prng, &mut model, opening == 0).await;
        }
    }
}

async fn run(bed: &dyn Bed, prng: &mut Prng, model: &mut Model, clear: bool) {
    let store = open(bed).await;
    if clear {
        let mut batch = WriteBatch::new();
        Partition::ALL.into_iter().for_each(|partition| batch.delete_range(partition, KeyRange::all()));
        store.commit(batch).expect("commit");
    }
    let mut snapshots: VecDeque<(Arc<dyn Snapshot>, Model)> = VecDeque::new();
    for _ in 0..STEPS {
        let batch = random_batch(prng);
        batch.ops().iter().for_each(|op| apply(model, op));
        store.commit(batch).expect("commit");
        if prng.below(20) == 0 {
            bed.flush(&*store).await.expect("flush");
        }
        let snapshot = store.snapshot().expect("snapshot");
        compare_some(&*snapshot, model, prng);
        if prng.below(25) == 0 {
            snapshots.push_back((snapshot, model.clone()));
        }
        if snapshots.len() > SNAPSHOTS_MAX
            && let Some((snapshot, model)) = snapshots.pop_front()
        {
            compare_all(&*snapshot, &model);
        }
    }
    compare_all(&*store.snapshot().expect("snapshot"), model);
    snapshots.iter().for_each(|(snapshot, model)| compare_all(&**snapshot, model));
    drop(snapshots);
    bed.close(&*store).await.expect("close");
}

/// Keys from a small space, so that operations meet; some long ones.
fn random_key(prng: &mut Prng) -> Vec<u8> {
    match prng.below(12) {
        0 => vec![0xff; 1 + prng.below(3) as usize],
        1 => vec![prng.below(4) as u8; 200],
        _ => {
            let len = 1 + prng.below(3) as usize;
            (0..len).map(|_| [0, 1, b'a', 0xff][prng.below(4) as usize]).collect()
        }
    }
}

fn random_range(prng: &mut Prng) -> KeyRange {
    match prng.below(5) {
        0 => KeyRange::prefix(random_key(prng)),
        1 => KeyRange { start: random_key(prng), end: None },
        2 => KeyRange { start: Vec::new(), end: Some(random_key(prng)) },
        _ => KeyRange::new(random_key(prng), random_key(prng)),
    }
}

fn random_partition(prng: &mut Prng) -> Partition {
    Partition::ALL[prng.below(Partition::ALL.len() as u64) as usize]
}

fn random_batch(prng: &mut Prng) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for _ in 0..prng.below(12) {
        let partition = random_partition(prng);
        match prng.below(10) {
            0 => batch.delete_range(partition, random_range(prng)),
            1 | 2 => batch.delete(partition, random_key(prng)),
            _ => {
                let len = if prng.below(40) == 0 { 20_000 } else { prng.below(40) };
                batch.put(partition, random_key(prng), prng.bytes(len as usize));
            }
        }
    }
    batch
}

fn apply(model: &mut Model, op: &WriteOp) {
    match op {
        WriteOp::Put { partition, key, value } => {
            model[*partition as usize].insert(key.to_vec(), value.to_vec());
        }
        WriteOp::Delete { partition, key } => {
            model[*partition as usize].remove(key.as_ref());
        }
        WriteOp::DeleteRange { partition, range } => {
            model[*partition as usize].retain(|key, _| !range.contains(key));
        }
    }
}

fn compare(snapshot: &dyn Snapshot, model: &Model, partition: Partition, range: &KeyRange) {
    let map = &model[partition as usize];
    let mut wanted: Vec<_> =
        map.iter().filter(|(key, _)| range.contains(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    assert_eq!(scan(snapshot, partition, range.clone(), Direction::Forward), wanted, "{partition} {range:?}");
    wanted.reverse();
    assert_eq!(scan(snapshot, partition, range.clone(), Direction::Reverse), wanted, "{partition} {range:?} reverse");
}

fn compare_some(snapshot: &dyn Snapshot, model: &Model, prng: &mut Prng) {
    let partition = random_partition(prng);
    compare(snapshot, model, partition, &random_range(prng));
    let key = random_key(prng);
    let found = snapshot.get(partition, &key).expect("get").map(|value| value.to_vec());
    assert_eq!(found.as_ref(), model[partition as usize].get(&key), "{partition} {key:?}");
}

fn compare_all(snapshot: &dyn Snapshot, model: &Model) {
    Partition::ALL.into_iter().for_each(|partition| compare(snapshot, model, partition, &KeyRange::all()));
}
