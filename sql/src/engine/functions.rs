//! Functions that depend on the statement or session: NOW(), CURRENT_USER(), UUID_V7(), ULID().

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result as DfResult;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use kalamdb_core::transaction::{now_as, ulid, uuid_v7};
use kalamdb_core::{Datum, Type, Value};

use super::arrow::scalar;
use super::catalog::Slot;
use super::errors::to_datafusion;
use super::types::{arrow_field, arrow_type};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Now,
    CurrentUser,
    UuidV7,
    Ulid,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Now => "now",
            Kind::CurrentUser => "current_user",
            Kind::UuidV7 => "uuid_v7",
            Kind::Ulid => "ulid",
        }
    }

    fn ty(self) -> Type {
        match self {
            Kind::Now => Type::Timestamp,
            Kind::CurrentUser | Kind::Ulid => Type::Text,
            Kind::UuidV7 => Type::Uuid,
        }
    }

    fn volatility(self) -> Volatility {
        match self {
            Kind::Now | Kind::CurrentUser => Volatility::Stable,
            Kind::UuidV7 | Kind::Ulid => Volatility::Volatile,
        }
    }
}

/// The functions, answering for the statement in `slot`.
pub fn all(slot: &Arc<Slot>) -> Vec<Arc<ScalarUDF>> {
    [Kind::Now, Kind::CurrentUser, Kind::UuidV7, Kind::Ulid]
        .map(|kind| Arc::new(ScalarUDF::from(StatementFunction::new(kind, slot.clone()))))
        .to_vec()
}

#[derive(Debug)]
struct StatementFunction {
    kind: Kind,
    slot: Arc<Slot>,
    signature: Signature,
    aliases: Vec<String>,
}

impl StatementFunction {
    fn new(kind: Kind, slot: Arc<Slot>) -> StatementFunction {
        let aliases = if kind == Kind::Now { vec!["current_timestamp".to_string()] } else { Vec::new() };
        StatementFunction { kind, slot, signature: Signature::nullary(kind.volatility()), aliases }
    }
}

impl PartialEq for StatementFunction {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && Arc::ptr_eq(&self.slot, &other.slot)
    }
}

impl Eq for StatementFunction {}

impl Hash for StatementFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
    }
}

impl ScalarUDFImpl for StatementFunction {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(arrow_type(self.kind.ty()))
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        Ok(Arc::new(arrow_field(self.name(), self.kind.ty(), self.kind == Kind::CurrentUser)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let current = self.slot.get().map_err(to_datafusion)?;
        let random = || current.backend.random();
        let texts: Vec<String> = match self.kind {
            Kind::Now => {
                let now = scalar(&now_as(current.now, Type::Timestamp)).map_err(to_datafusion)?;
                return Ok(ColumnarValue::Scalar(now));
            }
            Kind::CurrentUser => {
                let user = current.backend.user().map(|user| user.as_str().to_string());
                return Ok(ColumnarValue::Scalar(user.into()));
            }
            Kind::UuidV7 => {
                let uuid = || Value::to_string(&Datum::Uuid(uuid_v7(current.now, random())));
                (0..args.number_rows).map(|_| uuid()).collect()
            }
            Kind::Ulid => (0..args.number_rows).map(|_| ulid(current.now, random())).collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
    }
}
