//! KalamDB's errors as JavaScript's.

use js_sys::Reflect;
use kalamdb_core::Error;
use wasm_bindgen::JsValue;

/// An `Error` with `kind` and `code`.
pub fn thrown(error: &Error) -> JsValue {
    let thrown = js_sys::Error::new(error.message());
    thrown.set_name("KalamError");
    for (name, value) in [("kind", error.kind().name()), ("code", error.code())] {
        // A new object takes every property.
        let _ = Reflect::set(&thrown, &name.into(), &value.into());
    }
    thrown.into()
}
