//! Plain objects for JavaScript.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// An object in the making.
pub struct Object(JsValue);

impl Object {
    /// An object without properties.
    pub fn new() -> Object {
        Object(js_sys::Object::new().into())
    }

    /// The object with a property.
    #[must_use]
    pub fn set(self, name: &str, value: impl Into<JsValue>) -> Object {
        // A new object takes every property.
        let _ = Reflect::set(&self.0, &name.into(), &value.into());
        self
    }

    /// The object with a property, if there is a value.
    #[must_use]
    pub fn set_some(self, name: &str, value: Option<impl Into<JsValue>>) -> Object {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }
}

impl From<JsValue> for Object {
    fn from(object: JsValue) -> Object {
        Object(object)
    }
}

impl From<Object> for JsValue {
    fn from(object: Object) -> JsValue {
        object.0
    }
}
