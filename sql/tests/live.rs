//! Live queries and cached plans of a device whose tables become the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kalamdb_core::device::{Contact, Device, as_new_table};
use kalamdb_core::server::{Greeting, Server};
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{Entropy, MutationId, Name, Now, Position, Result, UserId, Value};
use kalamdb_sql::live::Live;
use kalamdb_sql::{DeviceBackend, Session};

#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn random(&self) -> [u8; 16] {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
    }
}

fn clock() -> Now {
    Now(1_767_225_600_000_000)
}

const QUERY: &str = "SELECT id, title FROM app.notes WHERE id > 1 ORDER BY id";

fn session(device: &Arc<Device>) -> Session {
    let backend = DeviceBackend::new(device.clone(), Arc::new(Counting::default()), Arc::new(clock));
    Session::new(Arc::new(backend))
}

/// Meets a server that has taken over the device's tables, as sync does in two steps.
fn meet(device: &Device, server: &Server) -> Result<()> {
    let user = UserId::new("ada")?;
    let space = server.space_of(&user, clock())?;
    let greeting = Greeting {
        device: device.status()?.device,
        position: Position::default(),
        last: MutationId(0),
        first_pending: MutationId(1),
    };
    let number = server.greet(space, &greeting, clock())?.number;
    let contact = Contact { server: server.id(), user, space, number };
    let meeting = device.meet(&contact, &server.catalog_news(Default::default()))?;
    server.change_catalog(|catalog| {
        catalog.create_namespace(&Name::new("app")?)?;
        for table in &meeting.missing {
            catalog.create_table(as_new_table(table).0)?;
        }
        Ok(((), ()))
    })?;
    device.meet(&contact, &server.catalog_news(Default::default()))?;
    Ok(())
}

#[tokio::test]
async fn they_go_on_when_the_server_takes_the_tables_over() -> Result<()> {
    let entropy = Arc::new(Counting::default());
    let device = Arc::new(Device::open(Arc::new(MemoryStore::new()), entropy.clone())?);
    let server = Server::open(Arc::new(MemoryStore::new()), entropy)?;
    let mut session = session(&device);
    session.execute("CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT)", &[]).await?;
    session.execute("INSERT INTO app.notes VALUES (1, 'a'), (2, 'b'), (3, 'c')", &[]).await?;
    let before = session.execute(QUERY, &[]).await?;
    let (mut live, rows) = Live::start(&device, QUERY, &[])?;
    let mut shown: Vec<Vec<Value>> = rows.into_iter().map(|row| row.values).collect();
    assert_eq!(shown, before[0].rows);

    meet(&device, &server)?;
    // A server that makes its first table has a catalog of the same version as the device had.
    assert_eq!(session.execute(QUERY, &[]).await?, before);
    session.execute("UPDATE app.notes SET title = 'B' WHERE id = 2", &[]).await?;
    let change = live.refresh(&device)?;
    for removed in change.removed.iter().rev() {
        shown.remove(removed.at);
    }
    change.placed.into_iter().for_each(|placed| shown.insert(placed.at, placed.row.values));
    assert_eq!(shown, session.execute(QUERY, &[]).await?[0].rows);

    session.execute("DELETE FROM app.notes WHERE id = 3", &[]).await?;
    assert_eq!(live.refresh(&device)?.removed.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_more_than_one_table_is_refused_by_name() -> Result<()> {
    let device = Arc::new(Device::open(Arc::new(MemoryStore::new()), Arc::new(Counting::default()))?);
    let mut session = session(&device);
    session.execute("CREATE NAMESPACE app; CREATE USER TABLE app.notes (id INT PRIMARY KEY, title TEXT)", &[]).await?;
    for (sql, code) in [
        ("SELECT a.id FROM app.notes a JOIN app.notes b ON a.id = b.id", "live_one_table"),
        ("SELECT upper(title) FROM app.notes", "live_one_table"),
        ("SELECT id FROM app.nothing", "unknown_table"),
        ("DELETE FROM app.notes", "no_query"),
        ("SELECT 1; SELECT 2", "no_query"),
        ("SELECT id FROM app.notes WHERE id = $1", "wrong_parameter_count"),
    ] {
        let error = Live::start(&device, sql, &[]).err().expect(sql);
        assert_eq!(error.code(), code, "{sql}: {error}");
    }
    Ok(())
}
