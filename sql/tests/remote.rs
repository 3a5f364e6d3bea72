//! A session whose queries run in another place answers as one that has DataFusion itself, whatever is written in
//! between.
#![cfg(feature = "datafusion")]

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use kalamdb_core::device::Device;
use kalamdb_core::store::MemoryStore;
use kalamdb_core::{Entropy, Error, Now, Result, Value};
use kalamdb_sql::reader::Pending;
use kalamdb_sql::remote::{Channel, Link, RemoteEngine, Responder};
use kalamdb_sql::{DeviceBackend, Session};
use proptest::prelude::*;

#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn random(&self) -> [u8; 16] {
        let number = u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1);
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()
    }
}

/// A responder in the same process. It forgets everything once told to, and counts what it is sent.
#[derive(Clone, Default)]
struct Place(Arc<Inner>);

#[derive(Default)]
struct Inner {
    responder: tokio::sync::Mutex<Option<Responder>>,
    loses: Mutex<Vec<Loss>>,
    bytes: AtomicUsize,
    fetches: AtomicUsize,
}

/// What goes wrong with the next request.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The place forgets everything before it.
    Restart,
    /// The request does not arrive.
    Request,
}

impl Channel for Place {
    fn is_ready(&self) -> bool {
        self.0.responder.try_lock().is_ok_and(|responder| responder.is_some())
    }

    fn fetch(&self) {
        self.0.fetches.fetch_add(1, Ordering::Relaxed);
    }

    fn ask(&self, request: Vec<u8>) -> Pending<'_, Vec<u8>> {
        Box::pin(async move {
            self.0.bytes.store(request.len(), Ordering::Relaxed);
            let mut responder = self.0.responder.lock().await;
            let loss = self.0.loses.lock().unwrap().pop();
            match loss {
                Some(Loss::Request) => return Err(Error::internal("lost", "the place is gone")),
                Some(Loss::Restart) => *responder = None,
                None => {}
            }
            if responder.is_none() {
                *responder = Some(Responder::new()?);
            }
            Ok(responder.as_mut().expect("it was just made").answer(&request).await)
        })
    }
}

struct Both {
    place: Place,
    local: Session,
    remote: Session,
    /// Writes while the two are inside of transactions.
    other: Session,
}

fn clock() -> Now {
    Now(1_767_225_600_000_000)
}

impl Both {
    async fn new() -> Result<Both> {
        let entropy = Arc::new(Counting::default());
        let device = Arc::new(Device::open(Arc::new(MemoryStore::new()), entropy.clone())?);
        let backend = Arc::new(DeviceBackend::new(device.clone(), entropy, Arc::new(clock)));
        let place = Place::default();
        let link = Arc::new(Link::new(device, backend.clone(), Box::new(place.clone())));
        let mut both = Both {
            place,
            local: Session::new(backend.clone()),
            other: Session::new(backend.clone()),
            remote: Session::with_engine(backend, Box::new(RemoteEngine::new(link))),
        };
        both.local.execute(SCHEMA, &[]).await?;
        Ok(both)
    }

    async fn write(&mut self, sql: &str) {
        self.local.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Both answers to every query, which are the same.
    async fn compare(&mut self) {
        for (sql, params) in queries() {
            let local = self.local.execute(sql, &params).await;
            let remote = self.remote.execute(sql, &params).await;
            assert_eq!(local, remote, "{sql}");
        }
    }
}

const SCHEMA: &str = "CREATE NAMESPACE app;
    CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, topic TEXT, stars INT, likes COUNTER, price DECIMAL(10, 2),
        made TIMESTAMP DEFAULT NOW(), tag UUID, extra JSON, photo BYTES, day DATE);
    CREATE USER TABLE app.topics (name TEXT PRIMARY KEY, rank DOUBLE);
    CREATE INDEX by_topic ON app.notes (topic)";

fn queries() -> Vec<(&'static str, Vec<Value>)> {
    let plain = |sql| (sql, Vec::new());
    vec![
        plain("SELECT * FROM app.notes n JOIN app.topics t ON n.topic = t.name ORDER BY n.id"),
        plain("SELECT upper(topic), count(*), sum(likes), max(price) FROM app.notes GROUP BY 1 ORDER BY 1"),
        plain("SELECT a.id, b.id FROM app.notes a JOIN app.notes b ON b.id = a.id + 1 ORDER BY 1, 2"),
        plain(
            "SELECT id, row_number() OVER (PARTITION BY topic ORDER BY stars DESC, id) AS n FROM app.notes ORDER BY id",
        ),
        plain(
            "WITH best AS (SELECT topic, max(stars) AS m FROM app.notes GROUP BY topic) SELECT * FROM best ORDER BY 1",
        ),
        plain(
            "WITH g AS (SELECT topic, count(*) AS n, sum(likes) AS l FROM app.notes GROUP BY topic HAVING count(*) > 1)
             SELECT * FROM g ORDER BY l, topic",
        ),
        plain(
            "WITH g AS (SELECT topic FROM app.notes GROUP BY topic), h AS (SELECT name, count(*) FROM app.topics GROUP BY name)
             SELECT * FROM g LEFT JOIN h ON topic = name ORDER BY topic",
        ),
        plain("SELECT id FROM app.notes WHERE topic IN (SELECT name FROM app.topics WHERE rank > 1.5) ORDER BY id"),
        plain("SELECT 'note' AS kind, id FROM app.notes UNION ALL SELECT name, 0 FROM app.topics ORDER BY 1, 2"),
        plain("SELECT id, length(topic) FROM app.notes WHERE id BETWEEN 10 AND 12 OR id = 3 ORDER BY id"),
        plain("SELECT id, \"topic\" || ' ''x''' FROM app.notes WHERE id > 5 AND stars IS NOT NULL ORDER BY id LIMIT 3"),
        plain("SELECT count(*), count(DISTINCT topic), avg(stars) FROM app.notes WHERE _deleted IS NOT NULL"),
        plain("SELECT id, _deleted, lower(topic) FROM app.notes ORDER BY id"),
        plain("SELECT id, date_trunc('hour', _updated) FROM app.notes ORDER BY id LIMIT 2"),
        plain("SELECT table_name, upper(name) FROM system.columns ORDER BY 1, 2"),
        plain("SELECT length(device_id), last_mutation FROM (SELECT * FROM system.devices) d"),
        plain(
            "SELECT CASE WHEN stars > 2 THEN 'good' ELSE 'poor' END AS k, tag, extra, photo, day FROM app.notes ORDER BY id",
        ),
        plain("SELECT nothing FROM app.notes JOIN app.topics ON true"),
        plain("SELECT upper(name) FROM app.gone"),
        (
            "SELECT id + $1 FROM app.notes WHERE topic = $2 AND id < $1 + 100 ORDER BY 1",
            vec![Value::BigInt(3), Value::text("t1")],
        ),
    ]
}

/// Columns of the system tables are what they are: the query above must not fail for their names.
#[tokio::test]
async fn every_query_answers_or_fails_as_meant() {
    let mut both = Both::new().await.expect("a database");
    both.write("INSERT INTO app.topics VALUES ('t1', 2.0)").await;
    for (sql, params) in queries() {
        let answer = both.local.execute(sql, &params).await;
        let fails = sql.contains("nothing") || sql.contains("app.gone");
        assert_eq!(answer.is_err(), fails, "{sql}: {answer:?}");
    }
    // Its plan names other leaves than a local one.
    let explained = both.remote.execute("EXPLAIN SELECT upper(name) FROM app.topics", &[]).await.expect("a plan");
    assert!(explained[0].rows.iter().any(|row| row[0] == Value::text("physical plan")), "{explained:?}");
}

const GROUPED: &str =
    "WITH g AS (SELECT topic, count(*) AS n, sum(likes), avg(stars), max(price), min(tag), count(stars),
        count(*) FILTER (WHERE stars > 1), max(made) FILTER (WHERE stars IS NULL), avg(price), min(stars), sum(stars),
        bool_and(stars > 2), bit_and(stars), avg(made - TIMESTAMP '2026-01-01T00:00:00Z')
    FROM app.notes GROUP BY topic) SELECT * FROM g ORDER BY topic";
/// In the order in which they appear.
const DISTINCT: &str = "WITH g AS (SELECT DISTINCT topic FROM app.notes) SELECT * FROM g";
/// With functions that need the rows in an order, or more than a number for each group.
const OTHERWISE_GROUPED: &str = "WITH g AS (SELECT topic, first_value(id ORDER BY stars, id), count(DISTINCT stars),
        max(topic), string_agg(topic, ',' ORDER BY id)
    FROM app.notes GROUP BY topic) SELECT * FROM g ORDER BY topic";

/// The query module's plan.
async fn plan_of(both: &mut Both, sql: &str) -> String {
    format!("{:?}", both.remote.execute(&format!("EXPLAIN {sql}"), &[]).await.expect("a plan")[0].rows)
}

/// Whether the query module groups the codes of texts.
async fn groups_codes(both: &mut Both, sql: &str) -> bool {
    plan_of(both, sql).await.contains("CodedGroups")
}

#[tokio::test]
async fn groups_of_rows_in_the_order_of_their_texts_come_in_that_order() {
    let query =
        "WITH g AS (SELECT name, max(rank), count(*) FROM app.topics GROUP BY name) SELECT * FROM g ORDER BY name";
    let mut both = Both::new().await.expect("a database");
    for write in [
        "INSERT INTO app.topics VALUES ('m', 1), ('z', 2), ('ä', NULL)",
        "INSERT INTO app.topics VALUES ('b', 3), ('', 4)",
        "DELETE FROM app.topics WHERE name = 'm'",
        "INSERT INTO app.topics VALUES ('a', 5), ('Z', 6)",
    ] {
        both.write(write).await;
        let local = both.local.execute(query, &[]).await.expect("groups");
        assert_eq!(both.remote.execute(query, &[]).await.expect("groups"), local, "{write}");
        let plan = plan_of(&mut both, query).await;
        assert!(plan.contains("CodedGroups") && !plan.contains("SortExec"), "{plan}");
    }
}

#[tokio::test]
async fn groups_of_texts_are_the_same_by_their_codes_and_without_them() {
    let mut both = Both::new().await.expect("a database");
    let many = "INSERT INTO app.notes (id, topic) SELECT value, 'n' || value FROM generate_series(100, 10200)";
    let later = "INSERT INTO app.notes (id, topic, stars, price)
        SELECT value, CASE WHEN value > 9000 THEN 'late' ELSE 'early' END, CASE WHEN value > 9000 THEN NULL ELSE 5 END,
            CASE WHEN value > 9000 THEN NULL ELSE 1.25 END FROM generate_series(100, 10000)";
    for (write, has_codes) in [
        ("DELETE FROM app.notes WHERE id = 0", true),
        (
            "INSERT INTO app.notes (id, topic, stars) VALUES (1, 'a', 1), (2, NULL, 2), (3, 'b', 3), (4, 'a', NULL)",
            true,
        ),
        ("UPDATE app.notes SET topic = 'c', likes = likes + 2 WHERE id = 1", true),
        ("DELETE FROM app.notes WHERE id = 3", true),
        ("INSERT INTO app.notes (id, topic, price) VALUES (5, NULL, 1.5), (6, 'b', 2.5)", true),
        ("UPDATE app.notes SET topic = NULL WHERE id = 4", true),
        // Nothing is NULL, but one text is gone.
        ("DELETE FROM app.notes", true),
        ("INSERT INTO app.notes (id, topic, stars, price) VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, 'c', 3, 3)", true),
        ("UPDATE app.notes SET topic = 'c' WHERE id = 1", true),
        // A group that comes late has nothing but NULL.
        (later, true),
        ("DELETE FROM app.notes WHERE id > 2", true),
        // More texts than have codes; later they are gone.
        (many, false),
        ("UPDATE app.notes SET topic = 'few' WHERE id > 150", true),
        ("UPDATE app.notes SET topic = 'n' || id WHERE id > 150", false),
        // Few texts, but long ones.
        ("DELETE FROM app.notes", true),
        ("INSERT INTO app.notes (id, topic) VALUES (1, repeat('a', 1000000)), (2, 'b')", true),
        ("UPDATE app.notes SET topic = repeat('b', 100000) WHERE id = 2", false),
        ("UPDATE app.notes SET topic = 'a' WHERE id = 1", true),
        ("DELETE FROM app.notes", true),
    ] {
        both.write(write).await;
        for query in [GROUPED, DISTINCT, OTHERWISE_GROUPED] {
            let local = both.local.execute(query, &[]).await.expect("groups");
            assert_eq!(both.remote.execute(query, &[]).await.expect("groups"), local, "{write}; {query}");
        }
        assert_eq!(groups_codes(&mut both, GROUPED).await, has_codes, "{write}");
        assert_eq!(groups_codes(&mut both, DISTINCT).await, has_codes, "{write}");
        assert!(!groups_codes(&mut both, OTHERWISE_GROUPED).await, "{write}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(i64, u8, i32),
    Delete(i64),
    Topic(u8, bool),
    Many(i64),
    Compare,
    InTransaction(i64),
    Alter(u8),
    Loses(Loss),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..30i64, 0..4u8, -5..5i32).prop_map(|(id, topic, stars)| Step::Put(id, topic, stars)),
        2 => (0..30i64).prop_map(Step::Delete),
        1 => (0..4u8, any::<bool>()).prop_map(|(topic, there)| Step::Topic(topic, there)),
        1 => (100..50_000i64).prop_map(Step::Many),
        3 => Just(Step::Compare),
        1 => (0..30i64).prop_map(Step::InTransaction),
        1 => (0..3u8).prop_map(Step::Alter),
        1 => prop_oneof![Just(Loss::Restart), Just(Loss::Request)].prop_map(Step::Loses),
    ];
    prop::collection::vec(step, 1..12)
}

async fn play(steps: Vec<Step>) {
    let mut both = Both::new().await.expect("a database");
    for step in steps {
        match step {
            Step::Put(id, topic, stars) => {
                both.write(&format!(
                    "INSERT INTO app.notes (id, topic, stars, likes, price, extra, photo, tag) VALUES ({id}, 't{topic}', {stars}, 1, 1.5, '{{\"a\": {id}}}', X'0a', '00000000-0000-0000-0000-00000000000{topic}')
                     ON CONFLICT DO UPDATE SET stars = {stars}, topic = 't{topic}', likes = likes + 2, day = '2026-01-0{}'", topic + 1
                ))
                .await;
            }
            Step::Delete(id) => both.write(&format!("DELETE FROM app.notes WHERE id = {id}")).await,
            Step::Topic(topic, true) => {
                both.write(&format!(
                    "INSERT INTO app.topics (name, rank) VALUES ('t{topic}', {topic}.25) ON CONFLICT DO NOTHING"
                ))
                .await;
            }
            Step::Topic(topic, false) => both.write(&format!("DELETE FROM app.topics WHERE name = 't{topic}'")).await,
            Step::Many(first) => {
                // More than a chunk of the cache holds, in one of its parts.
                let rows: Vec<String> = (first..first + 9_000).map(|id| format!("({id}, 'many', 1)")).collect();
                let sql = format!(
                    "INSERT INTO app.notes (id, topic, stars) VALUES {} ON CONFLICT DO NOTHING",
                    rows.join(", ")
                );
                both.write(&sql).await;
            }
            Step::Compare => both.compare().await,
            Step::InTransaction(id) => {
                for session in [&mut both.local, &mut both.remote] {
                    session.execute("BEGIN", &[]).await.expect("none is open");
                    let sql = format!(
                        "INSERT INTO app.notes (id, topic) VALUES ({id}, 'open') ON CONFLICT DO UPDATE SET topic = 'open'"
                    );
                    session.execute(&sql, &[]).await.expect("it runs");
                }
                let write =
                    "INSERT INTO app.topics (name, rank) VALUES ('other', 9) ON CONFLICT DO UPDATE SET rank = 9.5";
                both.other.execute(write, &[]).await.expect("it runs");
                both.compare().await;
                for session in [&mut both.local, &mut both.remote] {
                    session.execute("ROLLBACK", &[]).await.expect("one is open");
                }
            }
            Step::Alter(number) => {
                let sql = format!("ALTER TABLE app.topics ADD COLUMN IF NOT EXISTS c{number} INT DEFAULT {number}");
                both.write(&sql).await;
            }
            Step::Loses(Loss::Restart) => both.place.0.loses.lock().unwrap().push(Loss::Restart),
            Step::Loses(Loss::Request) => {
                both.place.0.loses.lock().unwrap().push(Loss::Request);
                let error = both.remote.execute("SELECT upper(name) FROM app.topics", &[]).await.expect_err("lost");
                assert!(error.code() == "lost" || error.code() == "stale_replica", "{error}");
                both.place.0.loses.lock().unwrap().clear();
            }
        }
    }
    both.compare().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_remote_session_answers_as_a_local_one(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(play(steps));
    }
}

#[tokio::test]
async fn tables_that_did_not_change_are_not_sent_again() {
    let mut both = Both::new().await.expect("a database");
    let rows: Vec<String> = (0..5_000).map(|id| format!("({id}, 'many', 1)")).collect();
    both.write(&format!("INSERT INTO app.notes (id, topic, stars) VALUES {}", rows.join(", "))).await;
    let query = "SELECT upper(topic), count(*) FROM app.notes GROUP BY 1";
    let mut sizes = Vec::new();
    for write in ["", "", "UPDATE app.notes SET stars = 7 WHERE id = 77"] {
        both.write(write).await;
        both.remote.execute(query, &[]).await.expect("it runs");
        sizes.push(both.place.0.bytes.load(Ordering::Relaxed));
    }
    assert!(sizes[0] > 100_000 && sizes[1] < 200 && sizes[2] < 400, "{sizes:?}");
}

#[tokio::test]
async fn groups_of_many_rows_go_to_the_other_place_once_it_is_there() {
    let mut both = Both::new().await.expect("a database");
    let groups = "SELECT topic, count(*) FROM app.notes GROUP BY topic";
    let insert = |from: i64, to: i64| {
        let rows: Vec<String> = (from..to).map(|id| format!("({id}, 'many', 1)")).collect();
        format!("INSERT INTO app.notes (id, topic, stars) VALUES {}", rows.join(", "))
    };
    both.write(&insert(0, 100)).await;
    let asked =
        |both: &Both| (both.place.0.bytes.load(Ordering::Relaxed), both.place.0.fetches.load(Ordering::Relaxed));
    for _ in 0..2 {
        both.remote.execute(groups, &[]).await.expect("it runs");
        assert_eq!(asked(&both), (0, 0), "a few rows are core's");
    }
    both.write(&insert(100, 12_000)).await;
    both.remote.execute(groups, &[]).await.expect("it runs");
    assert_eq!(asked(&both), (0, 0), "nobody knew that there would be many");
    both.remote.execute(groups, &[]).await.expect("it runs");
    assert_eq!(asked(&both), (0, 1), "it is not waited for");
    both.remote.execute("SELECT upper(name) FROM app.topics", &[]).await.expect("it runs");
    let before = asked(&both).0;
    let remote = both.remote.execute(groups, &[]).await.expect("it runs");
    assert!(asked(&both).0 > before + 100_000, "the rows were sent");
    assert_eq!(remote, both.local.execute(groups, &[]).await.expect("it runs"));

    let few = "SELECT id, stars FROM app.notes WHERE topic <> 'many' ORDER BY stars, id LIMIT 20";
    for _ in 0..2 {
        let before = asked(&both).0;
        both.remote.execute(few, &[]).await.expect("it runs");
        assert_eq!(asked(&both).0, before, "so few rows are filtered here");
    }
    both.write(&insert(12_000, 36_000)).await;
    both.write(&insert(36_000, 60_000)).await;
    both.remote.execute(few, &[]).await.expect("it runs");
    for runs in 0..3 {
        let remote = both.remote.execute(few, &[]).await.expect("it runs");
        let sent = asked(&both).0;
        assert_eq!(sent > 1_000, runs == 0, "the rows are sent once, and then none of the {sent} bytes");
        assert_eq!(remote, both.local.execute(few, &[]).await.expect("it runs"));
    }
}
