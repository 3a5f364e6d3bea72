//! DataFusion over the same rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field as ArrowField, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::ScalarValue;
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};
use kalamdb_core::row::Row;
use kalamdb_core::rules::read_type;
use kalamdb_core::store::{Direction, KeyRange};
use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};

use crate::arrays::{array, core_type, data_type, value};
use crate::queries::Case;
use crate::tables::Made;

/// A session that knows the rows with tombstones and without.
pub struct Oracle {
    all: SessionContext,
    live: SessionContext,
}

/// What DataFusion answers.
pub struct Answer {
    pub columns: Vec<(String, Type)>,
    pub rows: Vec<Vec<Value>>,
}

impl Oracle {
    pub fn new(made: &Made) -> Oracle {
        let rows = stored_rows(made);
        let live: Vec<Row> = rows.iter().filter(|row| !row.header.deleted).cloned().collect();
        Oracle { all: session(made, &rows), live: session(made, &live) }
    }

    pub async fn answer(&self, case: &Case) -> Result<Answer, String> {
        let session = if case.oracle.contains("_deleted") { &self.all } else { &self.live };
        let frame = session.sql(&case.oracle).await.map_err(|error| error.to_string())?;
        let scalars: Vec<ScalarValue> = case.parameters.iter().map(scalar).collect();
        let frame = if scalars.is_empty() {
            frame
        } else {
            frame.with_param_values(scalars).map_err(|error| error.to_string())?
        };
        let schema = frame.schema().as_arrow().clone();
        let batches = frame.collect().await.map_err(|error| error.to_string())?;
        let columns = schema.fields().iter().zip(&case.json);
        let columns = columns.map(|(field, json)| {
            let ty = core_type(field.data_type());
            (field.name().clone(), if *json && ty == Type::Text { Type::Json } else { ty })
        });
        let columns: Vec<(String, Type)> = columns.collect();
        let mut rows = Vec::new();
        for batch in &batches {
            for at in 0..batch.num_rows() {
                let cell = |(array, (_, ty)): (&Arc<dyn datafusion::arrow::array::Array>, &(String, Type))| match value(
                    array.as_ref(),
                    at,
                ) {
                    Datum::Text(text) if *ty == Type::Json => Datum::Json(text),
                    value => value,
                };
                rows.push(batch.columns().iter().zip(&columns).map(cell).collect());
            }
        }
        Ok(Answer { columns, rows })
    }
}

fn stored_rows(made: &Made) -> Vec<Row> {
    let view = made.space.view();
    let table = made.table();
    let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward).expect("a scan");
    let mut rows = Vec::new();
    while cursor.advance().expect("a row") {
        rows.push(Row::decode(table, cursor.pk(), cursor.row()).expect("a whole row"));
    }
    rows
}

fn session(made: &Made, rows: &[Row]) -> SessionContext {
    let table = made.table();
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    let mut add = |name: &str, ty: Type, nullable: bool, values: Vec<Value>| {
        fields.push(ArrowField::new(name, data_type(ty), nullable));
        arrays.push(array(ty, &values));
    };
    for column in table.live_columns() {
        let cells = rows.iter().map(|row| row.cell(column.id).clone()).collect();
        add(column.name.as_str(), read_type(column.ty), column.nullable, cells);
    }
    let system = |value: fn(&Row) -> Value| rows.iter().map(value).collect::<Vec<_>>();
    add("_updated", Type::Timestamp, false, system(|row| Datum::Timestamp(row.header.updated)));
    add("_deleted", Type::Boolean, false, system(|row| Datum::Boolean(row.header.deleted)));
    add("_seq", Type::BigInt, true, system(|row| Datum::BigInt(row.header.seq.0 as i64)));
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), arrays).expect("a whole batch");
    let config = SessionConfig::new().with_target_partitions(1);
    let session = SessionContext::new_with_config(config);
    let catalog = session.catalog("datafusion").expect("the default catalog");
    catalog.register_schema("app", Arc::new(MemorySchemaProvider::new())).expect("a new schema");
    let provider = MemTable::try_new(schema, vec![vec![batch]]).expect("a table");
    session.register_table(TableReference::partial("app", "t"), Arc::new(provider)).expect("a new table");
    session
}

fn scalar(value: &Value) -> ScalarValue {
    match value {
        Datum::Null => ScalarValue::Null,
        Datum::Boolean(v) => ScalarValue::Boolean(Some(*v)),
        Datum::SmallInt(v) => ScalarValue::Int16(Some(*v)),
        Datum::Int(v) => ScalarValue::Int32(Some(*v)),
        Datum::BigInt(v) => ScalarValue::Int64(Some(*v)),
        Datum::Counter(v) => ScalarValue::Int64(Some(v.value())),
        Datum::Real(v) => ScalarValue::Float32(Some(*v)),
        Datum::Double(v) => ScalarValue::Float64(Some(*v)),
        Datum::Decimal { unscaled, scale } => ScalarValue::Decimal128(Some(*unscaled), 38, *scale as i8),
        Datum::Text(v) | Datum::Json(v) => ScalarValue::Utf8(Some(v.clone())),
        Datum::Bytes(v) => ScalarValue::Binary(Some(v.clone())),
        Datum::Date(v) => ScalarValue::Date32(Some(*v)),
        Datum::Time(v) => ScalarValue::Time64Microsecond(Some(*v)),
        Datum::Timestamp(v) => ScalarValue::TimestampMicrosecond(Some(*v), Some("UTC".into())),
        Datum::Uuid(v) => ScalarValue::FixedSizeBinary(16, Some(v.to_vec())),
    }
}
