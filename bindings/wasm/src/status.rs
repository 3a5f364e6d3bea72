//! How a database stands, as JavaScript sees it.

use js_sys::Array;
use kalamdb_core::device::{Device, DeviceStatus, RejectedWrite};
use kalamdb_core::mutation::OpKind;
use kalamdb_core::{MutationId, Result, Value, key};
use kalamdb_sync::client::{SyncState, SyncStatus};
use wasm_bindgen::JsValue;

use crate::errors::plain;
use crate::object::Object;

/// Milliseconds of a time in microseconds.
fn millis(micros: i64) -> f64 {
    (micros as f64 / 1000.0).floor()
}

/// One object with everything an application may want to show.
pub fn status(device: &Device, sync: &SyncStatus, is_kept: bool, bytes: usize) -> Result<JsValue> {
    let status = device.status()?;
    let (state, blocks, until) = match sync.state {
        SyncState::Stopped => ("offline", None, None),
        SyncState::Connecting => ("connecting", None, None),
        SyncState::Snapshot { blocks, blocks_total } => ("snapshot", Some((blocks, blocks_total)), None),
        SyncState::CatchingUp => ("catching_up", None, None),
        SyncState::Live => ("live", None, None),
        SyncState::Waiting { until } => ("waiting", None, Some(until.millis() as f64)),
        SyncState::Blocked => ("blocked", None, None),
    };
    Ok(Object::new()
        .set("state", state)
        .set_some("blocks", blocks.map(|(blocks, _)| blocks as f64))
        .set_some("blocks_total", blocks.map(|(_, total)| total as f64))
        .set_some("until", until)
        .set_some("error", sync.error.as_ref().map(plain))
        .set("synced", sync.is_synced)
        .set("held", sync.is_held)
        .set("pending", status.pending as f64)
        .set("rejected", status.rejected as f64)
        .set("device", status.device.to_string())
        .set_some("user", device.user().map(|user| user.as_str().to_owned()))
        .set("epoch", status.position.epoch.to_string())
        .set("seq", status.position.seq.0 as f64)
        .set("updated", millis(status.updated))
        .set("last_mutation", status.last_mutation.0 as f64)
        .set("persisted_mutation", device.persisted_entry().0 as f64)
        .set("storage", if is_kept { "indexeddb" } else { "memory" })
        .set("bytes", bytes as f64)
        .into())
}

/// How far the server's decisions have come: `first` is the number of the first own transaction that waits, or the next one
/// if none does. Another `device` has other numbers.
pub fn decided(device: &Device) -> Result<JsValue> {
    let DeviceStatus { device: id, last_mutation, rejected, .. } = device.status()?;
    let first = device.first_pending()?.unwrap_or(MutationId(last_mutation.0 + 1));
    let decided = Object::new().set("device", id.to_string()).set("first", first.0 as f64);
    Ok(decided.set("rejected", rejected as f64).into())
}

/// The rejected writes, oldest first.
pub fn rejected(device: &Device) -> Result<Array> {
    Ok(device.rejected()?.iter().map(|write| rejected_write(device, write)).collect())
}

fn rejected_write(device: &Device, write: &RejectedWrite) -> JsValue {
    let catalog = device.catalog();
    let change = |op: &kalamdb_core::mutation::Op| -> JsValue {
        let table = catalog.table(op.table);
        let name = table.map_or_else(|| op.table.to_string(), |table| table.full_name().to_string());
        let kind = match op.kind {
            OpKind::Insert(_) => "insert",
            OpKind::Upsert(..) => "upsert",
            OpKind::Update(_) => "update",
            OpKind::Delete => "delete",
        };
        let key = key::read_tuple(&op.key).unwrap_or_default();
        let key: Vec<String> = key.iter().map(Value::to_string).collect();
        Object::new().set("table", name).set("op", kind).set("key", key.join(", ")).into()
    };
    Object::new()
        .set("number", write.number as f64)
        .set("mutation", write.mutation.id.0 as f64)
        .set("kind", write.error.kind().name())
        .set("code", write.error.code())
        .set("message", write.error.message())
        .set("written", millis(write.written.0))
        .set("changes", write.mutation.ops.iter().map(change).collect::<Array>())
        .into()
}
