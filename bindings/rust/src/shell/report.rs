//! Status and refused writes as results, so that they are shown like any other.

use kalamdb_core::device::RejectedWrite;
use kalamdb_core::mutation::{Op, OpKind};
use kalamdb_core::{Catalog, Datum, Type, Value, key};
use kalamdb_sql::{ResultColumn, StatementResult};

use crate::Status;

fn columns(columns: &[(&str, Type)]) -> Vec<ResultColumn> {
    columns.iter().map(|(name, ty)| ResultColumn::new(*name, *ty)).collect()
}

/// Name and value for each thing to know.
pub(super) fn status(status: &Status) -> StatementResult {
    let device = &status.device;
    let binding = device.binding.as_ref();
    let updated = match device.updated {
        0 => Datum::Null,
        micros => Value::text(Value::Timestamp(micros).to_string()),
    };
    let lines = [
        ("device", Value::text(device.device.to_string())),
        ("server", binding.map(|binding| binding.server.to_string()).into()),
        ("space", binding.map(|binding| binding.space.to_string()).into()),
        ("seq", Value::text(device.position.seq.to_string())),
        ("updated", updated),
        ("pending", Value::text(device.pending.to_string())),
        ("rejected", Value::text(device.rejected.to_string())),
        ("sync", Value::text(status.sync.state.to_string())),
        ("synced", Value::text(status.sync.is_synced.to_string())),
        ("error", status.sync.error.as_ref().map(|error| format!("{error} ({})", error.code())).into()),
    ];
    let rows = lines.into_iter().map(|(name, value)| vec![Value::text(name), value]).collect();
    StatementResult::rows("STATUS", columns(&[("name", Type::Text), ("value", Type::Text)]), rows)
}

/// One row for each refused transaction.
pub(super) fn rejected(writes: &[RejectedWrite], catalog: &Catalog) -> StatementResult {
    let shown = columns(&[
        ("number", Type::BigInt),
        ("written", Type::Timestamp),
        ("code", Type::Text),
        ("reason", Type::Text),
        ("operations", Type::Text),
    ]);
    let row = |write: &RejectedWrite| {
        let operations: Vec<String> = write.mutation.ops.iter().map(|op| operation(op, catalog)).collect();
        vec![
            Datum::BigInt(i64::try_from(write.number).unwrap_or(i64::MAX)),
            Datum::Timestamp(write.written.micros()),
            Value::text(write.error.code()),
            Value::text(write.error.message()),
            Value::text(operations.join(", ")),
        ]
    };
    StatementResult::rows("REJECTED", shown, writes.iter().map(row).collect())
}

fn operation(op: &Op, catalog: &Catalog) -> String {
    let what = match op.kind {
        OpKind::Insert(_) => "insert into",
        OpKind::Upsert(..) => "upsert into",
        OpKind::Update(_) => "update",
        OpKind::Delete => "delete from",
    };
    let table = catalog.table(op.table).map_or_else(|| format!("table {}", op.table), |table| table.full_name());
    let values = key::read_tuple(&op.key).unwrap_or_default();
    let values: Vec<String> = values.iter().map(Value::to_string).collect();
    format!("{what} {table} ({})", values.join(", "))
}
