//! A session on a device's copy.

use std::sync::Arc;

use kalamdb_core::catalog::Catalog;
use kalamdb_core::device::{Device, Receipt, RequestId};
use kalamdb_core::{Datum, Entropy, Error, Name, Now, Result, Transaction, UserId, Value, View};

use super::{Backend, Clock, Committed, StorageLocation};
use crate::system::SystemTable;

/// A device's copy as sessions use it.
pub struct DeviceBackend {
    device: Arc<Device>,
    entropy: Arc<dyn Entropy>,
    clock: Clock,
}

impl DeviceBackend {
    /// The copy of `device`.
    pub fn new(device: Arc<Device>, entropy: Arc<dyn Entropy>, clock: Clock) -> DeviceBackend {
        DeviceBackend { device, entropy, clock }
    }
}

fn on_server_only() -> Error {
    Error::invalid("server_only", "storage locations belong to the server: run this statement there")
}

impl Backend for DeviceBackend {
    fn view(&self) -> Result<View> {
        self.device.view()
    }

    fn begin(&self) -> Result<Transaction> {
        self.device.begin(self.now())
    }

    fn commit(&self, tx: Transaction) -> Result<Committed> {
        let done = self.device.commit(tx, self.now())?;
        Ok(Committed { commit: done.commit, mutation: done.mutation, ..Committed::default() })
    }

    fn receipt(&self, request: RequestId) -> Result<Option<Receipt>> {
        Ok(self.device.receipt(request))
    }

    fn change_catalog(&self, change: &mut dyn FnMut(&mut Catalog) -> Result<()>) -> Result<()> {
        self.device.change_catalog(|catalog| change(catalog))
    }

    fn may_change_catalog(&self) -> Result<()> {
        Ok(())
    }

    fn system_rows(&self, table: SystemTable) -> Result<Vec<Vec<Value>>> {
        Ok(match table {
            SystemTable::Users => {
                self.user().iter().map(|user| vec![Value::text(user.as_str()), Datum::Null]).collect()
            }
            SystemTable::Devices => {
                let status = self.device.status()?;
                let number = |value: u64| Datum::BigInt(i64::try_from(value).unwrap_or(i64::MAX));
                vec![vec![
                    Value::text(status.device.to_string()),
                    Datum::Null,
                    number(status.last_mutation.0),
                    number(status.position.seq.0),
                    Datum::Null,
                ]]
            }
            _ => Vec::new(),
        })
    }

    fn storage_locations(&self) -> Result<Vec<StorageLocation>> {
        Ok(Vec::new())
    }

    fn put_storage_location(&self, _: StorageLocation) -> Result<()> {
        Err(on_server_only())
    }

    fn drop_storage_location(&self, _: &Name) -> Result<()> {
        Err(on_server_only())
    }

    fn now(&self) -> Now {
        (self.clock)()
    }

    fn random(&self) -> [u8; 16] {
        self.entropy.random()
    }

    fn user(&self) -> Option<UserId> {
        self.device.user()
    }
}
