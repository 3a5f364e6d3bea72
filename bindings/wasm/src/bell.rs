//! Tells JavaScript, on its own turn, of what happened inside a store or a device.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use kalamdb_core::Error;
use parking_lot::Mutex;

/// Rings once for everything that happened since it was heard; clones are the same.
#[derive(Clone, Default)]
pub struct Bell(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rung: bool,
    failed: Option<Error>,
    is_closed: bool,
    waker: Option<Waker>,
}

/// What a bell rang for.
pub enum Ring {
    /// Something may look different.
    Changed,
    /// The store failed for good.
    Failed(Error),
    /// Nobody rings any more.
    Closed,
}

impl Bell {
    /// Something may look different.
    pub fn ring(&self) {
        self.with(|state| state.rung = true);
    }

    /// The store failed for good.
    pub fn fail(&self, error: Error) {
        self.with(|state| state.failed = Some(error));
    }

    /// The listener ends.
    pub fn close(&self) {
        self.with(|state| state.is_closed = true);
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        let waker = {
            let mut state = self.0.lock();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for the next ring.
    pub async fn heard(&self) -> Ring {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if let Some(error) = state.failed.take() {
                return Poll::Ready(Ring::Failed(error));
            }
            if state.is_closed {
                return Poll::Ready(Ring::Closed);
            }
            if std::mem::take(&mut state.rung) {
                return Poll::Ready(Ring::Changed);
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
