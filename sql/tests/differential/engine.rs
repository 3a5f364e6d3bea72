//! The same question to a session whose answer comes from DataFusion over the scans of core.

use std::sync::Arc;

use kalamdb_core::catalog::Catalog;
use kalamdb_core::device::{Receipt, RequestId};
use kalamdb_core::{Error, Name, Now, Result, Transaction, UserId, Value, View};
use kalamdb_sql::{Backend, Committed, Session, StatementResult, StorageLocation, SystemTable};

use crate::queries::Case;
use crate::tables::Made;

/// A copy that can only be read.
struct ReadOnly {
    view: View,
}

fn read_only() -> Error {
    Error::invalid("read_only", "the copy of this test can only be read")
}

impl Backend for ReadOnly {
    fn view(&self) -> Result<View> {
        Ok(self.view.clone())
    }

    fn begin(&self) -> Result<Transaction> {
        Err(read_only())
    }

    fn commit(&self, _: Transaction) -> Result<Committed> {
        Err(read_only())
    }

    fn receipt(&self, _: RequestId) -> Result<Option<Receipt>> {
        Err(read_only())
    }

    fn change_catalog(&self, _: &mut dyn FnMut(&mut Catalog) -> Result<()>) -> Result<()> {
        Err(read_only())
    }

    fn may_change_catalog(&self) -> Result<()> {
        Err(read_only())
    }

    fn system_rows(&self, _: SystemTable) -> Result<Vec<Vec<Value>>> {
        Err(read_only())
    }

    fn storage_locations(&self) -> Result<Vec<StorageLocation>> {
        Ok(Vec::new())
    }

    fn put_storage_location(&self, _: StorageLocation) -> Result<()> {
        Err(read_only())
    }

    fn drop_storage_location(&self, _: &Name) -> Result<()> {
        Err(read_only())
    }

    fn now(&self) -> Now {
        Now(1_767_225_600_000_000)
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }

    fn user(&self) -> Option<UserId> {
        None
    }
}

/// The query in a form that core hands over.
pub fn handed_over(case: &Case) -> String {
    format!("WITH nothing AS (SELECT 1 AS one) {}", case.direct)
}

/// What a session answers by itself, and what it answers to the query handed over.
pub async fn answers(made: &Made, case: &Case) -> Result<[StatementResult; 2]> {
    let mut session = Session::new(Arc::new(ReadOnly { view: made.space.view() }));
    let mut direct = session.execute(&case.direct, &case.parameters).await?;
    let mut handed_over = session.execute(&handed_over(case), &case.parameters).await?;
    Ok([direct.remove(0), handed_over.remove(0)])
}
