//! What follows a device from change to change, as applications and the query module do: a live query and a replica.

use kalamdb_core::codec::{Reader, Writer};
use kalamdb_core::device::{Device, RequestId};
use kalamdb_core::expr::{Comparison, Expr};
use kalamdb_core::query::live::{LiveQuery, LiveRow};
use kalamdb_core::query::{Field, Order, Output, Plan, Query, parameter};
use kalamdb_core::replica::{Replica, Shipper};
use kalamdb_core::{MutationId, Result, Value, View};

use crate::accounts::Violation;
use crate::reader::read_all;
use crate::schema::{NAMESPACE, RANGES, TABLES};
use crate::world::World;

/// Rows of the live query.
const LIMIT: u64 = 4;
/// Ranges that begin below this are part of the live query.
const LO_BELOW: i32 = 60;

/// A live query over the ranges and a replica of all tables, as far as they were told.
pub struct Follower {
    plan: Plan,
    live: LiveQuery,
    rows: Vec<LiveRow>,
    seen: View,
    shipper: Shipper,
    replica: Replica,
}

fn parameters() -> Vec<Value> {
    vec![Value::Int(LO_BELOW)]
}

impl Follower {
    /// Begins at what the device shows; there is none as long as it does not know the tables.
    fn start(view: View) -> Result<Option<Follower>> {
        let Ok(table) = view.catalog().table_named(NAMESPACE, RANGES).cloned() else { return Ok(None) };
        let Some(lo) = Field::named(&table, "lo") else { return Ok(None) };
        let mut query = Query::of(table.id)
            .filter(Expr::compare(Comparison::Less, lo.expr(), parameter(0)))
            .order(Order::ascending(Output::Field(lo)))
            .limit(LIMIT);
        for name in ["id", "lo", "hi", "note", "hits", "_seq"] {
            let Some(field) = Field::named(&table, name) else { return Ok(None) };
            query = query.select(&table, field);
        }
        let plan = Plan::new(view.catalog(), &query)?;
        let (live, rows) = LiveQuery::start(plan.clone(), parameters(), view.clone())?;
        let (shipper, replica) = Default::default();
        Ok(Some(Follower { plan, live, rows, seen: view, shipper, replica }))
    }

    /// Moves on to what the device shows now; gives what is wrong then.
    fn follow(&mut self, device: &Device) -> Result<Option<String>> {
        let news = device.news(self.seen.version())?;
        let change = self.live.refresh(news.view.clone(), news.rows.as_ref())?;
        for removed in change.removed.iter().rev() {
            if self.rows.get(removed.at).is_none_or(|row| row.key != removed.key) {
                return Ok(Some("a live query removes a row from where it is not".to_string()));
            }
            self.rows.remove(removed.at);
        }
        for placed in change.placed {
            if placed.at > self.rows.len() {
                return Ok(Some("a live query places a row behind its end".to_string()));
            }
            self.rows.insert(placed.at, placed.row);
        }
        let shown: Vec<&Vec<Value>> = self.rows.iter().map(|row| &row.values).collect();
        let fresh = self.plan.execute(&news.view, &parameters())?.to_values();
        self.seen = news.view;
        if !shown.iter().copied().eq(&fresh) {
            return Ok(Some(format!("a live query shows {shown:?}, and run afresh {fresh:?}")));
        }
        self.ship(device)
    }

    fn ship(&mut self, device: &Device) -> Result<Option<String>> {
        let named = TABLES.iter().filter_map(|name| self.seen.catalog().table_named(NAMESPACE, name).ok());
        let tables: Vec<_> = named.map(|table| table.id).collect();
        let mut out = Writer::new();
        self.shipper.ship(device, &self.seen, &tables, &mut out)?;
        let bytes = out.into_vec();
        let (copy, _) = self.replica.take(&mut Reader::new(&bytes))?;
        let difference = crate::reader::difference(&read_all(&copy)?, &read_all(&self.seen)?);
        Ok(difference.map(|difference| format!("a replica differs: {difference}")))
    }
}

impl World {
    /// The follower of a device shows what the device shows. After an altered table it begins anew.
    pub fn check_follower(&mut self, at: usize) -> Result<Vec<Violation>> {
        let Some(running) = self.devices.get_mut(at).and_then(|slot| slot.running.as_mut()) else {
            return Ok(Vec::new());
        };
        let found = match &mut running.follower {
            Some(follower) => match follower.follow(&running.core) {
                Err(error) if ["stale_plan", "unknown_table"].contains(&error.code()) => {
                    running.follower = None;
                    None
                }
                found => found?,
            },
            None => None,
        };
        if running.follower.is_none() {
            running.follower = Follower::start(running.core.view()?)?;
        }
        Ok(found.map(|what| format!("device {at}: {what}")).into_iter().collect())
    }

    /// A request that was answered is known again as long as its transaction is, also after a crash.
    pub fn check_receipts(&self, at: usize) -> Result<Vec<Violation>> {
        let Some(running) = self.devices.get(at).and_then(|slot| slot.running.as_ref()) else { return Ok(Vec::new()) };
        if self.restored.contains(&at) {
            return Ok(Vec::new());
        }
        let known = |request: RequestId| running.core.receipt(request).map(|receipt| receipt.mutation);
        let requests = self.accounts.requests.get(&at).into_iter().flatten();
        let wrong = requests.filter(|(request, mutation)| known(*request) != Some(*mutation));
        let tell = |(request, mutation): &(RequestId, MutationId)| {
            format!("device {at} remembers {:?} of a request that was {mutation}", known(*request))
        };
        Ok(wrong.map(tell).collect())
    }

    /// Takes note of a request and its transaction.
    pub fn note_request(&mut self, at: usize, request: RequestId, mutation: MutationId) {
        self.accounts.requests.entry(at).or_default().push((request, mutation));
    }

    /// Forgets the requests whose transactions a crash took: their numbers are given anew.
    pub fn forget_requests(&mut self, at: usize, behind: MutationId) {
        if let Some(requests) = self.accounts.requests.get_mut(&at) {
            requests.retain(|(_, mutation)| *mutation <= behind);
        }
    }
}
