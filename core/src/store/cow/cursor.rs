//! The walk over a [`CowMap`](super::CowMap).

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{Node, child_of};
use crate::Result;
use crate::store::{Cursor, Direction, KeyRange};

/// A walk over a [`CowMap`](super::CowMap) as it was when the cursor was made.
#[derive(Debug)]
pub struct CowCursor {
    /// Branches from the root down to the leaf, each with the place taken.
    path: Vec<(Arc<Node>, usize)>,
    /// Taken by the first step.
    root: Option<Arc<Node>>,
    /// Which entries of the present leaf lie in the range: found once for each leaf, so that a step compares no keys.
    inside: Option<Range<usize>>,
    range: KeyRange,
    direction: Direction,
}

impl CowCursor {
    pub(super) fn new(root: Arc<Node>, range: KeyRange, direction: Direction) -> CowCursor {
        CowCursor { path: Vec::new(), root: Some(root), inside: None, range, direction }
    }

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
