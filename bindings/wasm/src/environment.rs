//! What core is given: time and randomness.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use js_sys::{Date, Reflect, Uint8Array};
use kalamdb_core::{Entropy, Now, Seeded};
use wasm_bindgen::JsCast;
use web_sys::Crypto;

/// When a statement was called, and what its generated values follow from: run again, as after a crash, it makes the same ones.
pub struct Origin {
    /// What NOW() gives.
    pub at: Now,
    /// What `UUID_V7()` and the like are made of.
    pub random: Seeded,
}

thread_local! {
    /// The origin of what is running.
    static ORIGIN: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

/// A future that runs with an origin.
pub struct WithOrigin<F> {
    origin: Option<Origin>,
    inner: F,
}

impl<F> WithOrigin<F> {
    /// `inner`, with the clock and randomness of the browser if there is no origin.
    pub fn new(origin: Option<Origin>, inner: F) -> WithOrigin<F> {
        WithOrigin { origin, inner }
    }
}

impl<F: Future + Unpin> Future for WithOrigin<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        ORIGIN.with_borrow_mut(|running| std::mem::swap(running, &mut this.origin));
        let polled = Pin::new(&mut this.inner).poll(cx);
        ORIGIN.with_borrow_mut(|running| std::mem::swap(running, &mut this.origin));
        polled
    }
}

/// The wall clock, or when the statement was called that is running.
pub fn now() -> Now {
    let called = ORIGIN.with_borrow(|running| running.as_ref().map(|origin| origin.at));
    called.unwrap_or_else(|| micros(Date::now()))
}

/// A time of JavaScript, in milliseconds.
pub fn micros(millis: f64) -> Now {
    Now((millis * 1000.0) as i64)
}

/// The browser's generator of random numbers, or the numbers of the statement that is running.
pub struct BrowserEntropy;

impl Entropy for BrowserEntropy {
    fn random(&self) -> [u8; 16] {
        let drawn = ORIGIN.with_borrow_mut(|running| running.as_mut().map(|origin| origin.random.draw()));
        drawn.unwrap_or_else(from_browser)
    }
}

fn from_browser() -> [u8; 16] {
    let mut bytes = [0; 16];
    let array = Uint8Array::new_with_length(16);
    let crypto =
        Reflect::get(&js_sys::global(), &"crypto".into()).ok().and_then(|found| found.dyn_into::<Crypto>().ok());
    let filled = crypto.map(|crypto| crypto.get_random_values_with_array_buffer_view(&array));
    assert!(matches!(filled, Some(Ok(_))), "every browser and worker has crypto.getRandomValues");
    array.copy_to(&mut bytes);
    bytes
}
