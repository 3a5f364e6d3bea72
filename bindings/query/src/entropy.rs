//! Randomness for functions such as `UUID_V7()`.

use js_sys::{Reflect, Uint8Array};
use kalamdb_core::Entropy;
use wasm_bindgen::JsCast;
use web_sys::Crypto;

/// The browser's generator of random numbers.
pub struct BrowserEntropy;

impl Entropy for BrowserEntropy {
    fn random(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let array = Uint8Array::new_with_length(16);
        let crypto =
            Reflect::get(&js_sys::global(), &"crypto".into()).ok().and_then(|found| found.dyn_into::<Crypto>().ok());
        let filled = crypto.map(|crypto| crypto.get_random_values_with_array_buffer_view(&array));
        assert!(matches!(filled, Some(Ok(_))), "every browser and worker has crypto.getRandomValues");
        array.copy_to(&mut bytes);
        bytes
    }
}
