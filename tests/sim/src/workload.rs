//! Random transactions on a device or on the server.

use kalamdb_core::catalog::Table;
use kalamdb_core::mutation::Assignment;
use kalamdb_core::transaction::{OnConflict, Transaction};
use kalamdb_core::value::Counter;
use kalamdb_core::{Datum, ErrorKind, Result, Value, key};

use crate::rng::Dice;
use crate::schema::{NAMESPACE, PAIRS, RANGES, TAGS, col};

/// Few keys, so that devices collide.
const KEYS: u64 = 10;

/// Fills `tx` with one to four random steps. Steps that the present rows refuse are tried and left out: that is how an
/// application meets them. Returns how many were refused locally.
pub fn fill(tx: &mut Transaction, dice: &Dice) -> Result<u64> {
    let mut refused = 0;
    for _ in 0..=dice.below(4) {
        let step = tx.atomically(|tx| match dice.below(10) {
            0..=4 => ranges(tx, dice),
            5..=6 => pairs(tx, dice),
            _ => tags(tx, dice),
        });
        match step {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Invalid) => refused += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

fn table(tx: &Transaction, name: &str) -> Result<std::sync::Arc<Table>> {
    tx.view().catalog().table_named(NAMESPACE, name).cloned()
}

fn int(dice: &Dice) -> Value {
    Datum::Int(dice.below(100) as i32)
}

fn is_live(tx: &Transaction, table: &Table, key: &[u8]) -> Result<bool> {
    Ok(tx.view().row(table, key)?.is_some_and(|row| !row.header.deleted))
}

fn ranges(tx: &mut Transaction, dice: &Dice) -> Result<()> {
    let table = table(tx, RANGES)?;
    let (id, lo, hi, note, hits) =
        (col(&table, "id"), col(&table, "lo"), col(&table, "hi"), col(&table, "note"), col(&table, "hits"));
    let id_value = Datum::Int(dice.below(KEYS) as i32);
    let key = key::tuple([id_value.clone()].iter())?;
    let low = dice.below(100) as i32;
    let bounds = vec![(lo, Datum::Int(low)), (hi, Datum::Int(low + dice.below(50) as i32))];
    let count = Datum::Counter(Counter::of(dice.below(50) as i64));
    match dice.below(12) {
        0..=2 => {
            let mut cells = vec![(id, id_value), (note, Datum::Text(format!("n{}", dice.below(1000)))), (hits, count)];
            cells.extend(bounds);
            if is_live(tx, &table, &key)? && dice.percent(80) {
                return Ok(());
            }
            tx.insert(table.id, cells).map(drop)
        }
        3 => {
            let mut cells = vec![(id, id_value), (hits, count.clone())];
            cells.extend(bounds);
            let patch = if dice.percent(50) {
                OnConflict::Patch(vec![(note, Assignment::Set(Datum::Null)), (hits, Assignment::Add(1))])
            } else {
                OnConflict::Nothing
            };
            tx.upsert(table.id, cells, patch).map(drop)
        }
        4..=5 => tx.update(table.id, &key, vec![(lo, Assignment::Set(int(dice)))]).map(drop),
        6 => tx.update(table.id, &key, vec![(hi, Assignment::Set(int(dice)))]).map(drop),
        7 => {
            let note_value = Datum::Text(format!("u{}", dice.below(1000)));
            let patch = vec![(note, Assignment::Set(note_value)), (hits, Assignment::Add(dice.below(9) as i64 - 3))];
            tx.update(table.id, &key, patch).map(drop)
        }
        8..=9 => tx.add(table.id, &key, hits, dice.below(7) as i64 + 1).map(drop),
        10 => tx.update(table.id, &key, vec![(hits, Assignment::Set(count))]).map(drop),
        _ => tx.delete(table.id, &key).map(drop),
    }
}

fn pairs(tx: &mut Transaction, dice: &Dice) -> Result<()> {
    let table = table(tx, PAIRS)?;
    let pair = Datum::Int(dice.below(KEYS / 2) as i32);
    let value = Datum::BigInt(dice.bits() as i64);
    let choice = dice.below(6);
    for side in 0..2 {
        let side = Datum::SmallInt(side);
        let key = key::tuple([pair.clone(), side.clone()].iter())?;
        let v = (col(&table, "v"), value.clone());
        if !is_live(tx, &table, &key)? {
            tx.insert(table.id, vec![(col(&table, "p"), pair.clone()), (col(&table, "side"), side), v])?;
        } else if choice == 0 {
            tx.delete(table.id, &key)?;
        } else {
            tx.update(table.id, &key, vec![(v.0, Assignment::Set(v.1))])?;
        }
    }
    Ok(())
}

fn tags(tx: &mut Transaction, dice: &Dice) -> Result<()> {
    let table = table(tx, TAGS)?;
    let (id, grp, w) = (col(&table, "id"), col(&table, "grp"), col(&table, "w"));
    let id_value = Value::text(format!("t{}", dice.below(KEYS)));
    let key = key::tuple([id_value.clone()].iter())?;
    let group = if dice.percent(20) { Datum::Null } else { Datum::Int(dice.below(4) as i32) };
    match dice.below(6) {
        0 => tx.delete(table.id, &key).map(drop),
        1..=2 if !is_live(tx, &table, &key)? => tx.insert(table.id, vec![(id, id_value), (grp, group)]).map(drop),
        3 => tx.update(table.id, &key, vec![(w, Assignment::Set(Datum::BigInt(dice.bits() as i64)))]).map(drop),
        _ => {
            let cells = vec![(id, id_value), (grp, group.clone())];
            tx.upsert(table.id, cells, OnConflict::Patch(vec![(grp, Assignment::Set(group))])).map(drop)
        }
    }
}
