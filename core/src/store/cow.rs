//! An ordered byte map whose copies share what they have in common: a B+tree of reference-counted nodes.
//!
//! A clone costs one reference count; a write copies the nodes on its path that a clone still holds
//! (copy-on-write as in Bayer and McCreight's tree with path copying, Driscoll et al. 1989).
//! It carries the memory store, sled and IndexedDB.

mod cursor;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

use super::{Direction, KeyRange};

pub use cursor::CowCursor;

/// Small in tests, so that a few hundred keys make a deep tree.
const NODE_ENTRIES_MAX: usize = if cfg!(test) { 8 } else { 32 };
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
    /// Of all keys and values.
    bytes: usize,
}

impl Default for CowMap {
    fn default() -> Self {
        CowMap { root: Arc::new(Node::Leaf(Vec::new())), len: 0, bytes: 0 }
    }
}

fn child_of(children: &[(Bytes, Arc<Node>)], key: &[u8]) -> usize {
    children.partition_point(|(bound, _)| bound.as_ref() <= key).saturating_sub(1)
}

enum Inserted {
    /// A value of so many bytes.
    Replaced(usize),
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
                return Inserted::Replaced(std::mem::replace(&mut entry.1, value).len());
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

/// The bytes of the pair that was removed.
fn remove(node: &mut Arc<Node>, key: &[u8]) -> Option<usize> {
    match Arc::make_mut(node) {
        Node::Leaf(entries) => match entries.binary_search_by(|(k, _)| k.as_ref().cmp(key)) {
            Ok(at) => {
                let (key, value) = entries.remove(at);
                Some(key.len() + value.len())
            }
            Err(_) => None,
        },
        Node::Branch(children) => {
            let at = child_of(children, key);
            let removed = remove(&mut children[at].1, key);
            if removed.is_some() && children[at].1.len() < NODE_ENTRIES_LOW {
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
    let (bound, right) = children.remove(left + 1);
    let right = Arc::try_unwrap(right).unwrap_or_else(|shared| (*shared).clone());
    match (Arc::make_mut(&mut children[left].1), right) {
        (Node::Leaf(into), Node::Leaf(from)) => into.extend(from),
        (Node::Branch(into), Node::Branch(mut from)) => {
            // A first child also holds keys below its own bound, down to that of its parent.
            if let Some(first) = from.first_mut() {
                first.0 = bound;
            }
            into.extend(from);
        }
        _ => unreachable!("all leaves of the tree are at one depth"),
    }
}

impl CowMap {
    /// A map of pairs that come in the order of their keys, each key once: as inserting them, but at the cost of copying
    /// them.
    pub fn from_sorted(pairs: impl IntoIterator<Item = (Bytes, Bytes)>) -> CowMap {
        let mut map = CowMap::default();
        let mut leaves: Vec<(Bytes, Arc<Node>)> = Vec::new();
        let mut entries: Vec<(Bytes, Bytes)> = Vec::with_capacity(NODE_ENTRIES_MAX);
        for (key, value) in pairs {
            map.len += 1;
            map.bytes += key.len() + value.len();
            if entries.len() == NODE_ENTRIES_MAX {
                let full = std::mem::replace(&mut entries, Vec::with_capacity(NODE_ENTRIES_MAX));
                leaves.push((full[0].0.clone(), Arc::new(Node::Leaf(full))));
            }
            entries.push((key, value));
        }
        let Some((bound, _)) = entries.first() else { return map };
        leaves.push((bound.clone(), Arc::new(Node::Leaf(entries))));
        let mut level = leaves;
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len() / NODE_ENTRIES_MAX + 1);
            let mut nodes = level.into_iter().peekable();
            while nodes.peek().is_some() {
                let children: Vec<_> = nodes.by_ref().take(NODE_ENTRIES_MAX).collect();
                above.push((children[0].0.clone(), Arc::new(Node::Branch(children))));
            }
            level = above;
        }
        if let Some((_, root)) = level.pop() {
            map.root = root;
        }
        map
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes
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
        let (key_bytes, value_bytes) = (key.len(), value.len());
        self.bytes += value_bytes;
        match insert(&mut self.root, key, value) {
            Inserted::Replaced(bytes) => self.bytes -= bytes,
            Inserted::Added => {
                self.len += 1;
                self.bytes += key_bytes;
            }
            Inserted::Split(bound, right) => {
                self.len += 1;
                self.bytes += key_bytes;
                let left = std::mem::replace(&mut self.root, Arc::new(Node::Leaf(Vec::new())));
                self.root = Arc::new(Node::Branch(vec![(Bytes::new(), left), (bound, right)]));
            }
        }
    }

    /// Removes `key`; whether it was present.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let removed = remove(&mut self.root, key);
        self.len -= usize::from(removed.is_some());
        self.bytes -= removed.unwrap_or_default();
        while let Node::Branch(children) = self.root.as_ref()
            && children.len() == 1
        {
            self.root = children[0].1.clone();
        }
        removed.is_some()
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
        CowCursor::new(self.root.clone(), range, direction)
    }
}
