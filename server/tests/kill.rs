//! A server that is killed under load: every acknowledged transaction is there once, and nobody is stuck.
#![allow(clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use support::device::TestDevice;
use support::process::DevServer;
use tokio::time::{Instant, sleep};

const DEVICES: i64 = 8;
/// Kills, unless `KALAMDB_KILLS` says how many.
const KILLS: u64 = 5;
/// Transactions in the outbox from which on a device writes no more until some are decided.
const PENDING_MAX: u64 = 20;
/// Acknowledged transactions between two kills.
const ACKNOWLEDGED_MIN: u64 = 40;

/// Writes notes of its own and hits on note 0 until `stop`, then syncs; how many of each it wrote.
async fn work(
    mut device: TestDevice,
    number: i64,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> (TestDevice, i64) {
    device.until("the table and note 0", |device| !device.rows().is_empty()).await;
    let (mut written, mut counted) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        if device.pending() < PENDING_MAX {
            written += 1;
            device.insert(number * 1_000_000 + written, "written once");
            device.hit(0);
        }
        let turn = Instant::now() + Duration::from_millis(20);
        device.until("a turn", |_| Instant::now() >= turn).await;
        let decided = u64::try_from(2 * written).expect("a count") - device.pending();
        acknowledged.fetch_add(decided - counted, Ordering::Relaxed);
        counted = decided;
    }
    device.until("the end of the outbox", |device| device.pending() == 0).await;
    (device, written)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_and_doubles_nothing() {
    let kills = std::env::var("KALAMDB_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let start = {
        let data = data.clone();
        move |listen: String| {
            let data = data.clone();
            tokio::task::spawn_blocking(move || DevServer::start(&data, &listen))
        }
    };
    let mut server = start("127.0.0.1:0".to_owned()).await.expect("it starts");
    let (url, token, address) = (server.sync_url(), server.token.clone(), server.address());
    let mut first = TestDevice::with_notes(&url, &token);
    first.insert(0, "everybody's");
    first.sync().await;

    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let workers: Vec<_> = (1..=DEVICES)
        .map(|number| tokio::spawn(work(TestDevice::new(&url, &token), number, stop.clone(), acknowledged.clone())))
        .collect();
    for kill in 0..kills {
        let goal = acknowledged.load(Ordering::Relaxed) + ACKNOWLEDGED_MIN;
        let deadline = Instant::now() + support::device::DEADLINE;
        while acknowledged.load(Ordering::Relaxed) < goal {
            assert!(Instant::now() < deadline, "before kill {kill}: the devices are stuck");
            sleep(Duration::from_millis(5)).await;
        }
        server.kill();
        server = start(address.clone()).await.expect("it starts again");
    }
    stop.store(true, Ordering::Relaxed);

    let mut devices = Vec::new();
    let mut total = 0;
    for worker in workers {
        let (device, written) = worker.await.expect("a device is not stuck");
        assert_eq!(device.rejected(), 0, "a doubled insert would be refused");
        total += written;
        devices.push(device);
    }
    let mut fresh = TestDevice::new(&url, &token);
    fresh.sync().await;
    let rows = fresh.rows();
    assert_eq!(rows.len(), usize::try_from(total + 1).expect("a count"), "after {kills} kills");
    assert_eq!(rows.first().map(|(id, _, hits)| (*id, *hits)), Some((0, total)), "each hit counts once");
    for mut device in devices {
        device.until("the common state", |device| device.rows() == rows).await;
    }
}
