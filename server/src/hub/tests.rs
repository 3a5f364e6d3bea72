use super::*;

const SPACE: SpaceId = SpaceId(1);

fn device(number: u8) -> DeviceId {
    DeviceId([number; 16])
}

#[test]
fn a_commit_wakes_its_space_once_it_is_durable() {
    let hub = Hub::default();
    let (here, there) = (hub.connect(), hub.connect());
    hub.establish(&here, SPACE, device(1));
    hub.establish(&there, SpaceId(2), device(1));
    hub.expect(CommitId(5), Audience::Space(SPACE));
    hub.store_event(StoreEvent::Persisted(CommitId(4)));
    assert!(!here.take(Signal::Wake));
    hub.store_event(StoreEvent::Persisted(CommitId(6)));
    assert!(here.take(Signal::Wake) && !here.take(Signal::Wake));
    assert!(!there.take(Signal::Wake));
    hub.expect(CommitId(6), Audience::Line(there.clone()));
    assert!(there.take(Signal::Wake), "what is durable already wakes at once");
}

#[test]
fn a_device_has_one_connection() {
    let hub = Hub::default();
    let (old, new) = (hub.connect(), hub.connect());
    hub.establish(&old, SPACE, device(1));
    hub.establish(&new, SPACE, device(1));
    assert!(old.take(Signal::Replaced) && !new.take(Signal::Replaced));
    hub.disconnect(&old, Some(SPACE));
    hub.expect(CommitId(0), Audience::Space(SPACE));
    assert!(new.take(Signal::Wake), "the older one leaves the newer one known");
    hub.disconnect(&new, Some(SPACE));
    assert_eq!(hub.connections(), 0);
    assert!(hub.lines.lock().spaces.is_empty());
}

#[tokio::test]
async fn waiting_ends_with_the_commit_or_the_failure() {
    let hub = Hub::default();
    hub.store_event(StoreEvent::Persisted(CommitId(1)));
    assert_eq!(hub.durable(CommitId(1)).await, Ok(()));
    assert_eq!(hub.check(), Ok(()));
    hub.store_event(StoreEvent::Failed(Error::quota("disk_full", "the disk is full")));
    assert_eq!(hub.durable(CommitId(1)).await, Ok(()));
    assert_eq!(hub.durable(CommitId(2)).await.expect_err("it never comes").code(), "disk_full");
    assert!(hub.check().is_err());
}
