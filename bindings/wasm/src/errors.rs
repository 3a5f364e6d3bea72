//! KalamDB's errors as JavaScript's, and back.

use js_sys::Reflect;
use kalamdb_core::{Error, ErrorKind};
use wasm_bindgen::JsValue;

use crate::object::Object;

/// An `Error` with `kind` and `code`; a syntax error has `line` and `column`, too.
pub fn thrown(error: &Error) -> JsValue {
    let thrown = js_sys::Error::new(error.message());
    thrown.set_name("KalamError");
    let thrown = Object::from(JsValue::from(thrown)).set("kind", error.kind().name()).set("code", error.code());
    match place(error.message()) {
        Some((line, column)) => thrown.set("line", line).set("column", column),
        None => thrown,
    }
    .into()
}

/// `{ kind, code, message }`.
pub fn plain(error: &Error) -> JsValue {
    Object::new().set("kind", error.kind().name()).set("code", error.code()).set("message", error.message()).into()
}

/// The last `at line 3, column 7` of a message.
fn place(message: &str) -> Option<(u32, u32)> {
    let (_, behind) = message.rsplit_once("at line ")?;
    let (line, behind) = behind.split_once(", column ")?;
    let digits = behind.split(|char: char| !char.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, digits.parse().ok()?))
}

/// What JavaScript threw: one of our errors as it is, anything else of kind `internal` with this code.
pub fn caught(thrown: &JsValue, code: &'static str) -> Error {
    let text = |name: &str| Reflect::get(thrown, &name.into()).ok().and_then(|value| value.as_string());
    let message = text("message").or_else(|| thrown.as_string()).unwrap_or_else(|| "an unknown failure".to_owned());
    let kind = text("kind").and_then(|name| ErrorKind::ALL.into_iter().find(|kind| kind.name() == name));
    match (kind, text("code")) {
        (Some(kind), Some(code)) => Error::new(kind, code, message),
        _ => Error::internal(code, message),
    }
}
