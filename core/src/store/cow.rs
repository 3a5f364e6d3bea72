//! An ordered byte map whose copies share what they have in common: a B+tree of reference-counted nodes.
//!
//! A clone costs one reference count; a write copies the nodes on its path that a clone still holds
//! (copy-on-write as in Bayer and McCreight's tree with path copying, Driscoll et al. 1989).
//! It carries the memory store, sled and IndexedDB.

use std::sync::Arc;

use bytes::Bytes;

use super::{Cursor, Direction, KeyRange, Partition, Snapshot, WriteBatch, WriteOp};
use crate::Result;

const NODE_ENTRIES_MAX: usize = 64;
const NODE_ENTRIES_LOW: usize = NODE_ENTRIES_MAX / 4;

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<(Bytes, Bytes)>),
    /// Children with the lower bound of their keys; the first bound counts as minus infinity.
    Branch(Vec<(Bytes, Arc<Node>)>),
}

impl Node {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(entries) => entries.len(),
            Node::Branch(children) => children.len(),
        }
    }
}

/// An ordered map from bytes to bytes with copies in constant time.
///
/// ```
/// use kalamdb_core::store::CowMap;
/// let mut map = CowMap::default();
/// map.insert("k".into(), "v".into());
/// let before = map.clone();
/// map.remove(b"k");
/// assert_eq!(before.get(b"k").as_deref(), Some(&b"v"[..]));
/// assert!(map.get(b"k").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct CowMap {
    root: Arc<Node>,
    len: usize,
}

impl Default for CowMap {
    fn default() -> Self {
        CowMap { root: Arc::new(Node::Leaf(Vec::new())), len: 0 }
    }
}

fn child_of(children: &[(Bytes, Arc<Node>)], key: &[u8]) -> usize {
    children.partition_point(|(bound, _)| bound.as_ref() <= key).saturating_sub(1)
}

enum Inserted {
    Replaced,
    Added,
    Split(Bytes, Arc<Node>),
}

/// Splits off the right half, or only the last entry when entries arrive in order.
fn split_point(len: usize, at: usize) -> usize {
    if at + 1 == len { len - 1 } else { len / 2 }
}

fn insert(node: &mut Arc<Node>, key: Bytes, value: Bytes) -> Inserted {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => {
            let at = entries.partition_point(|(k, _)| *k < key);
            if let Some(entry) = entries.get_mut(at)
                && entry.0 == key
            {
                entry.1 = value;
                return Inserted::Replaced;
            }
            entries.insert(at, (key, value));
            if entries.len() <= NODE_ENTRIES_MAX {
                return Inserted::Added;
            }
            let right = entries.split_off(split_point(entries.len(), at));
            Inserted::Split(right[0].0.clone(), Arc::new(Node::Leaf(right)))
        }
        Node::Branch(children) => {
            let at = child_of(children, &key);
            match insert(&mut children[at].1, key, value) {
                Inserted::Split(bound, right) => {
                    children.insert(at + 1, (bound, right));
                    if children.len() <= NODE_ENTRIES_MAX {
                        return Inserted::Added;
                    }
                    let right = children.split_off(split_point(children.len(), at + 1));
                    Inserted::Split(right[0].0.clone(), Arc::new(Node::Branch(right)))
                }
                other => other,
            }
        }
    }
}

fn remove(node: &mut Arc<Node>, key: &[u8]) -> bool {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => match entries.binary_search_by(|(k, _)| k.as_ref().cmp(key)) {
            Ok(at) => {
                entries.remove(at);
                true
            }
            Err(_) => false,
        },
        Node::Branch(children) => {
            let at = child_of(children, key);
            let removed = remove(&mut children[at].1, key);
            if removed && children[at].1.len() < NODE_ENTRIES_LOW {
                shrink(children, at);
            }
            removed
        }
    }
}

/// Drops an empty child or merges a small one with a neighbour.
fn shrink(children: &mut Vec<(Bytes, Arc<Node>)>, at: usize) {
    if children[at].1.len() == 0 {
        if children.len() > 1 {
            children.remove(at);
        }
        return;
    }
    let left = if at + 1 < children.len() { at } else { at.saturating_sub(1) };
    if left + 1 >= children.len() || children[left].1.len() + children[left + 1].1.len() > NODE_ENTRIES_MAX {
        return;
    }
    let (_, right) = children.remove(left + 1);
    let right = Arc::try_unwrap(right).unwrap_or_else(|shared| (*shared).clone());
    match (Arc::make_mut(&mut children[left].1), right) {
        (Node::Leaf(into), Node::Leaf(from)) => into.extend(from),
        (Node::Branch(into), Node::Branch(from)) => into.extend(from),
        _ => unreachable!("all leaves of the tree are at one depth"),
    }
}

impl CowMap {
    /// The number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        let mut node = &self.root;
        loop {
            match node.as_ref() {
                Node::Leaf(entries) => {
                    let at = entries.binary_search_by(|(k, _)| k.as_ref().cmp(key)).ok()?;
                    return Some(entries[at].1.clone());
                }
                Node::Branch(children) => node = &children[child_of(children, key)].1,
            }
        }
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: Bytes, value: Bytes) {
        match insert(&mut self.root, key, value) {
            Inserted::Replaced => {}
            Inserted::Added => self.len += 1,
            Inserted::Split(bound, right) => {
                self.len += 1;
                let left = std::mem::replace(&mut self.root, Arc::new(Node::Leaf(Vec::new())));
                self.root = Arc::new(Node::Branch(vec![(Bytes::new(), left), (bound, right)]));
            }
        }
    }

    /// Removes `key`; whether it was present.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let removed = remove(&mut self.root, key);
        self.len -= usize::from(removed);
        while let Node::Branch(children) = self.root.as_ref()
            && children.len() == 1
        {
            self.root = children[0].1.clone();
        }
        removed
    }

    /// Removes all keys of `range`.
    pub fn remove_range(&mut self, range: &KeyRange) {
        let mut cursor = self.cursor(range.clone(), Direction::Forward);
        let mut keys = Vec::new();
        while cursor.step() {
            keys.push(cursor.key_bytes());
        }
        drop(cursor);
        for key in keys {
            self.remove(&key);
        }
    }

    /// The pairs of `range` in order; the cursor keeps the map as it is now.
    pub fn cursor(&self, range: KeyRange, direction: Direction) -> CowCursor {
        CowCursor { path: Vec::new(), root: Some(self.root.clone()), inside: None, range, direction }
    }
}

/// A walk over a [`CowMap`] as it was when the cursor was made.
#[derive(Debug)]
pub struct CowCursor {
    /// Branches from the root down to the leaf, each with the place taken.
    path: Vec<(Arc<Node>, usize)>,
    /// Taken by the first step.
    root: Option<Arc<Node>>,
    /// Which entries of the present leaf lie in the range: found once for each leaf, so that a step compares no keys.
    inside: Option<std::ops::Range<usize>>,
    range: KeyRange,
    direction: Direction,
}

impl CowCursor {
    fn current(&self) -> Option<&(Bytes, Bytes)> {
        match self.path.last() {
            Some((node, at)) => match node.as_ref() {
                Node::Leaf(entries) => entries.get(*at),
                Node::Branch(_) => None,
            },
            None => None,
        }
    }

    /// The key it stands on, shared; empty outside.
    pub fn key_bytes(&self) -> Bytes {
        self.current().map(|(key, _)| key.clone()).unwrap_or_default()
    }

    /// The value it stands on, shared; empty outside.
    pub fn value_bytes(&self) -> Bytes {
        self.current().map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Steps to the next pair; `false` at the end.
    pub fn step(&mut self) -> bool {
        let found = match self.root.take() {
            Some(root) => self.seek(root),
            None => self.next_entry(),
        };
        let inside = found && self.is_inside();
        if !inside {
            self.path.clear();
        }
        inside
    }

    /// Whether the entry that the path stands on lies in the range.
    fn is_inside(&mut self) -> bool {
        let Some((node, at)) = self.path.last() else { return false };
        let Node::Leaf(entries) = node.as_ref() else { return false };
        let range = &self.range;
        let inside = self.inside.get_or_insert_with(|| {
            let below = |bound: &[u8]| entries.partition_point(|(key, _)| key.as_ref() < bound);
            let starts_inside = entries.first().is_some_and(|(key, _)| key.as_ref() >= range.start.as_slice());
            let from = if starts_inside { 0 } else { below(&range.start) };
            let to = match (&range.end, entries.last()) {
                (Some(end), Some((last, _))) if last.as_ref() >= end.as_slice() => below(end),
                _ => entries.len(),
            };
            from..to
        });
        inside.contains(at)
    }

    /// Stands on the first pair of the range in its direction.
    fn seek(&mut self, root: Arc<Node>) -> bool {
        let mut node = root;
        loop {
            match node.clone().as_ref() {
                Node::Branch(children) => {
                    let at = match (self.direction, &self.range.end) {
                        (Direction::Forward, _) => child_of(children, &self.range.start),
                        (Direction::Reverse, Some(end)) => child_of(children, end),
                        (Direction::Reverse, None) => children.len() - 1,
                    };
                    let child = children[at].1.clone();
                    self.path.push((node, at));
                    node = child;
                }
                Node::Leaf(entries) => {
                    let at = match (self.direction, &self.range.end) {
                        (Direction::Forward, _) => {
                            entries.partition_point(|(k, _)| k.as_ref() < self.range.start.as_slice())
                        }
                        (Direction::Reverse, Some(end)) => {
                            entries.partition_point(|(k, _)| k.as_ref() < end.as_slice())
                        }
                        (Direction::Reverse, None) => entries.len(),
                    };
                    self.path.push((node, at));
                    return match self.direction {
                        Direction::Forward => at < entries.len() || self.next_entry(),
                        Direction::Reverse => self.next_entry(),
                    };
                }
            }
        }
    }

    /// Moves one entry on from where the path stands, through parents where a node is used up.
    fn next_entry(&mut self) -> bool {
        while let Some((node, at)) = self.path.last_mut() {
            let next = match self.direction {
                Direction::Forward => at.checked_add(1).filter(|next| *next < node.len()),
                Direction::Reverse => at.checked_sub(1),
            };
            match next {
                None => {
                    self.path.pop();
                    self.inside = None;
                }
                Some(next) => {
                    *at = next;
                    return self.descend();
                }
            }
        }
        false
    }

    /// Goes down to the nearest entry below the last place of the path.
    fn descend(&mut self) -> bool {
        loop {
            let Some((node, at)) = self.path.last() else { return false };
            match node.as_ref() {
                Node::Leaf(entries) => return *at < entries.len() || self.next_entry(),
                Node::Branch(children) => {
                    let child = children[*at].1.clone();
                    let at = match self.direction {
                        Direction::Forward => 0,
                        Direction::Reverse => child.len().saturating_sub(1),
                    };
                    self.path.push((child, at));
                }
            }
        }
    }
}

impl Cursor for CowCursor {
    fn advance(&mut self) -> Result<bool> {
        Ok(self.step())
    }

    fn key(&self) -> &[u8] {
        self.current().map_or(&[], |(key, _)| key)
    }

    fn value(&self) -> &[u8] {
        self.current().map_or(&[], |(_, value)| value)
    }
}

/// All partitions of a store in memory; a clone is a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Image {
    partitions: [CowMap; Partition::ALL.len()],
}

impl Image {
    /// One partition.
    pub fn partition(&self, partition: Partition) -> &CowMap {
        &self.partitions[partition as usize]
    }

    /// One partition, to change it.
    pub fn partition_mut(&mut self, partition: Partition) -> &mut CowMap {
        &mut self.partitions[partition as usize]
    }

    /// Applies a batch in order.
    pub fn apply(&mut self, batch: WriteBatch) {
        for op in batch.into_ops() {
            match op {
                WriteOp::Put { partition, key, value } => self.partition_mut(partition).insert(key, value),
                WriteOp::Delete { partition, key } => {
                    self.partition_mut(partition).remove(&key);
                }
                WriteOp::DeleteRange { partition, range } => self.partition_mut(partition).remove_range(&range),
            }
        }
    }
}

/// A [`Snapshot`] of an [`Image`].
#[derive(Clone, Debug)]
pub struct ImageSnapshot(pub Image);

impl Snapshot for ImageSnapshot {
    fn get(&self, partition: Partition, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.partition(partition).get(key))
    }

    fn scan<'a>(&'a self, partition: Partition, range: KeyRange, direction: Direction) -> Result<Box<dyn Cursor + 'a>> {
        Ok(Box::new(self.0.partition(partition).cursor(range, direction)))
    }
}
