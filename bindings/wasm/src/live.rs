//! Live queries.

use std::sync::Arc;

use kalamdb_core::device::Device;
use kalamdb_core::query::live::LiveRow;
use wasm_bindgen::prelude::*;

use crate::errors::thrown;
use crate::packed;

/// A query whose result follows the database.
#[wasm_bindgen]
pub struct Live {
    device: Arc<Device>,
    live: kalamdb_sql::live::Live,
    first: Vec<LiveRow>,
}

impl Live {
    pub(crate) fn start(device: Arc<Device>, sql: &str, params: &[u8]) -> kalamdb_core::Result<Live> {
        let (live, first) = kalamdb_sql::live::Live::start(&device, sql, &packed::decode(params)?)?;
        Ok(Live { device, live, first })
    }
}

#[wasm_bindgen]
impl Live {
    /// The first result: a packed result, then the key of each row, and how changes of rows show. It is given once.
    pub fn rows(&mut self) -> Vec<u8> {
        packed::encode_live(self.live.columns(), &std::mem::take(&mut self.first), self.live.plan())
    }

    /// What changed since the last call; `undefined` if nothing did.
    ///
    /// # Errors
    /// An error with kind and code, as when the table is gone.
    pub fn changes(&mut self) -> Result<Option<Vec<u8>>, JsValue> {
        let change = self.live.refresh(&self.device).map_err(|error| thrown(&error))?;
        Ok((!change.is_empty()).then(|| packed::encode_change(self.live.columns(), &change)))
    }
}
