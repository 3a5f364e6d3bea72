//! The small engine of KalamDB for browsers: it owns store, log and socket of one database.
//!
//! JavaScript talks to it in one worker. Values cross as bytes, column by column and not cell by cell.

mod bell;
mod engine;
mod environment;
mod errors;
mod host;
mod live;
mod object;
pub mod packed;
mod session;
mod status;
mod sync;

use wasm_bindgen::prelude::*;

pub use engine::Engine;
pub use host::Host;
pub use live::Live;
pub use session::Session;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// A panic ends the module with no more than "unreachable": the console is told the reason first.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| console_error(&format!("kalamdb: {info}"))));
}
