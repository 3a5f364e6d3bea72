//! Reading whole copies through core, for comparison with the oracle.

use std::collections::{BTreeMap, BTreeSet};

use kalamdb_core::catalog::Table;
use kalamdb_core::row::Row;
use kalamdb_core::server::RowKeys;
use kalamdb_core::store::{Direction, KeyRange};
use kalamdb_core::{Datum, Result, Value, View};

use crate::oracle::{Address, Rows, visible};
use crate::schema::{NAMESPACE, PAIRS, TABLES};

/// Live rows by address, with what a reader sees of them.
pub type Seen = BTreeMap<Address, BTreeMap<String, Value>>;

fn shown(table: &Table, row: &Row) -> BTreeMap<String, Value> {
    let cells = table.live_columns().filter(|column| !table.is_key(column.id)).map(|column| {
        let value = match row.cell(column.id) {
            Datum::Counter(counter) => Datum::BigInt(counter.value()),
            other => other.clone(),
        };
        (column.name.to_string(), value)
    });
    cells.collect()
}

/// Every live row of a view. Tables that the copy does not know have none.
pub fn read_all(view: &View) -> Result<Seen> {
    let mut seen = Seen::new();
    for name in TABLES {
        let Ok(table) = view.catalog().table_named(NAMESPACE, name) else { continue };
        let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward)?;
        while cursor.advance()? {
            let row = Row::decode(table, cursor.pk(), cursor.row())?;
            if !row.header.deleted {
                seen.insert((name.to_string(), cursor.pk().to_vec()), shown(table, &row));
            }
        }
    }
    Ok(seen)
}

/// Every tombstone of a view.
pub fn tombstones(view: &View) -> Result<RowKeys> {
    let mut gone = RowKeys::new();
    for name in TABLES {
        let Ok(table) = view.catalog().table_named(NAMESPACE, name) else { continue };
        let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward)?;
        while cursor.advance()? {
            if cursor.header()?.deleted {
                gone.push((table.id, cursor.pk().to_vec()));
            }
        }
    }
    Ok(gone)
}

/// Every live row of the oracle.
pub fn expected(rows: &Rows) -> Seen {
    rows.0.iter().filter(|(_, entry)| entry.is_live).map(|(address, entry)| (address.clone(), visible(entry))).collect()
}

/// The first difference, for people.
pub fn difference(found: &Seen, wanted: &Seen) -> Option<String> {
    let keys: BTreeSet<&Address> = found.keys().chain(wanted.keys()).collect();
    keys.into_iter().find(|key| found.get(*key) != wanted.get(*key)).map(|key| {
        let at = kalamdb_core::merge::show_key(&key.1);
        format!("{}{at}: found {:?}, expected {:?}", key.0, found.get(key), wanted.get(key))
    })
}

/// A pair of rows that differ although every transaction writes both alike.
pub fn torn_pair(seen: &Seen) -> Option<String> {
    let mut pairs: BTreeMap<String, Vec<&BTreeMap<String, Value>>> = BTreeMap::new();
    for ((table, key), cells) in seen {
        if table == PAIRS
            && let Ok(values) = kalamdb_core::key::read_tuple(key)
            && let Some(first) = values.first()
        {
            pairs.entry(first.to_string()).or_default().push(cells);
        }
    }
    let torn = pairs.into_iter().find(|(_, sides)| sides.len() != 2 || sides.first() != sides.last());
    torn.map(|(pair, sides)| format!("pair {pair} is {sides:?}"))
}

/// Keys that an index and the table disagree on.
pub fn index_difference(view: &View) -> Result<Option<String>> {
    for name in TABLES {
        let Ok(table) = view.catalog().table_named(NAMESPACE, name) else { continue };
        for index in &table.indexes {
            if !view.can_use(index)? {
                continue;
            }
            let mut indexed = BTreeMap::new();
            let mut cursor = view.scan_index(index, &KeyRange::all(), Direction::Forward)?;
            while cursor.advance()? {
                *indexed.entry(cursor.pk().to_vec()).or_insert(0) += 1;
            }
            let mut rows = BTreeMap::new();
            let mut cursor = view.scan(table.id, &KeyRange::all(), Direction::Forward)?;
            while cursor.advance()? {
                if !cursor.header()?.deleted {
                    rows.insert(cursor.pk().to_vec(), 1);
                }
            }
            if indexed != rows {
                return Ok(Some(format!(
                    "index `{}` holds {} keys, the table {}",
                    index.name,
                    indexed.len(),
                    rows.len()
                )));
            }
        }
    }
    Ok(None)
}
