//! Tables that change while devices are away.

#[allow(dead_code, reason = "other tests use the rest")]
mod support;

use kalamdb_core::catalog::{AddColumn, Catalog, Default, NewColumn, NewTable, TableOptions};
use kalamdb_core::mutation::Assignment;
use kalamdb_core::store::{Direction, KeyRange};
use kalamdb_core::{ColumnId, Datum, Name, Result, TableId, Type, Value, View, key};
use support::{Pair, Peer, at};

const ID: ColumnId = ColumnId(0);
const TITLE: ColumnId = ColumnId(1);
const STARS: ColumnId = ColumnId(2);
const MADE: ColumnId = ColumnId(3);

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn column(text: &str, ty: Type, nullable: bool, default: Option<Default>) -> NewColumn {
    NewColumn { name: name(text), ty, nullable, default }
}

/// `(id INT PRIMARY KEY, title TEXT NOT NULL, stars INT DEFAULT 1, made TIMESTAMP DEFAULT NOW())`.
fn table(text: &str) -> NewTable {
    NewTable {
        namespace: name("app"),
        name: name(text),
        columns: vec![
            column("id", Type::Int, false, None),
            column("title", Type::Text, false, None),
            column("stars", Type::Int, true, Some(Default::Literal(Datum::Int(1)))),
            column("made", Type::Timestamp, true, Some(Default::Now)),
        ],
        primary_key: vec![name("id")],
        checks: Vec::new(),
        options: TableOptions::default(),
    }
}

/// Tables `app.notes` and `app.tags`.
fn pair() -> (Pair, TableId, TableId) {
    let pair = Pair::new().expect("a pair");
    let create = |catalog: &mut Catalog| {
        catalog.create_namespace(&name("app"))?;
        Ok((catalog.create_table(table("notes"))?.id, catalog.create_table(table("tags"))?.id))
    };
    let ((notes, tags), _) = pair.server.change_catalog(create).expect("tables");
    (pair, notes, tags)
}

fn change(pair: &Pair, change: impl FnOnce(&mut Catalog) -> Result<()>) {
    pair.server.change_catalog(change).expect("a change");
}

fn pk(id: i32) -> Vec<u8> {
    key::tuple([Value::Int(id)].iter()).expect("an INT is a key")
}

fn text(text: &str) -> Value {
    Datum::Text(text.to_owned())
}

fn insert(peer: &Peer, table: TableId, id: i32, more: Vec<(ColumnId, Value)>) {
    let cells = [vec![(ID, Datum::Int(id)), (TITLE, text(&format!("note {id}")))], more].concat();
    peer.write(at(1_000), |tx| tx.insert(table, cells).map(drop)).expect("an insert");
}

fn set(peer: &Peer, table: TableId, id: i32, column: ColumnId, value: Value) {
    peer.write(at(2_000), |tx| tx.update(table, &pk(id), vec![(column, Assignment::Set(value))]).map(drop))
        .expect("an update");
}

/// Live rows by column name.
fn rows(view: &View, table: TableId) -> Vec<Vec<(String, Value)>> {
    let def = view.catalog().live_table(table).expect("the table").clone();
    let mut cursor = view.scan(table, &KeyRange::all(), Direction::Forward).expect("a scan");
    let mut rows = Vec::new();
    while cursor.advance().expect("a row") {
        if cursor.header().expect("a header").deleted {
            continue;
        }
        let row = kalamdb_core::row::Row::decode(&def, cursor.pk(), cursor.row()).expect("a row");
        let live = def.live_columns();
        rows.push(live.map(|column| (column.name.to_string(), row.cell(column.id).clone())).collect());
    }
    rows
}

fn cell<'a>(row: &'a [(String, Value)], column: &str) -> &'a Value {
    &row.iter().find(|(name, _)| name == column).unwrap_or_else(|| panic!("no column {column}: {row:?}")).1
}

/// Codes of the refused transactions.
fn refused(peer: &Peer) -> Vec<String> {
    peer.device.rejected().expect("a list").iter().map(|write| write.error.code().to_owned()).collect()
}

fn assert_equal_to_server(pair: &Pair, peer: &Peer, table: TableId) -> Vec<Vec<(String, Value)>> {
    let (view, _) = pair.server.view(pair.space).expect("a view");
    let here = rows(&peer.device.view().expect("a view"), table);
    assert_eq!(here, rows(&view, table));
    here
}

#[test]
fn what_an_older_client_wrote_meets_the_table_as_it_is_now() {
    let (pair, notes, _) = pair();
    let mut peer = pair.peer().expect("a device");
    insert(&peer, notes, 0, Vec::new());
    pair.upload(&mut peer, at(1_000)).expect("an upload");
    pair.download(&mut peer).expect("a download");

    insert(&peer, notes, 1, Vec::new());
    insert(&peer, notes, 2, vec![(STARS, Datum::Int(3))]);
    set(&peer, notes, 0, STARS, Datum::Int(5));
    set(&peer, notes, 0, TITLE, text("renamed meanwhile"));
    insert(&peer, notes, 4, vec![(STARS, Datum::Null), (MADE, Datum::Null)]);
    change(&pair, |catalog| {
        catalog.drop_column(notes, &name("stars"))?;
        catalog.drop_column(notes, &name("made"))?;
        catalog.rename_column(notes, &name("title"), &name("heading"))?;
        let level = column("level", Type::Int, false, Some(Default::Literal(Datum::Int(7))));
        catalog.add_column(notes, AddColumn { column: level, fill: Datum::Int(7) })
    });
    pair.upload(&mut peer, at(3_000)).expect("an upload");
    pair.learn(&peer).expect("definitions");
    pair.download(&mut peer).expect("a download");

    assert_eq!(refused(&peer), ["unknown_column", "unknown_column"], "those that name a column that is gone");
    assert_eq!(peer.device.pending(), 0);
    let rows = assert_equal_to_server(&pair, &peer, notes);
    let shown: Vec<_> = rows.iter().map(|row| (cell(row, "id"), cell(row, "heading"), cell(row, "level"))).collect();
    let seven = &Datum::Int(7);
    assert_eq!(
        shown,
        [
            (&Datum::Int(0), &text("renamed meanwhile"), seven),
            (&Datum::Int(1), &text("note 1"), seven),
            (&Datum::Int(4), &text("note 4"), seven),
        ]
    );
}

#[test]
fn writes_to_a_dropped_table_are_refused_and_those_to_others_go_on() {
    let (pair, notes, tags) = pair();
    let mut peer = pair.peer().expect("a device");
    insert(&peer, notes, 1, Vec::new());
    insert(&peer, tags, 1, Vec::new());
    insert(&peer, notes, 2, Vec::new());
    insert(&peer, tags, 2, Vec::new());
    change(&pair, |catalog| catalog.drop_table(notes));
    pair.upload(&mut peer, at(3_000)).expect("an upload");
    pair.learn(&peer).expect("definitions");
    pair.download(&mut peer).expect("a download");
    assert_eq!(refused(&peer), ["unknown_table", "unknown_table"]);
    assert_eq!(assert_equal_to_server(&pair, &peer, tags).len(), 2);
    assert!(peer.device.catalog().table_named("app", "notes").is_err());
}

#[test]
fn a_row_reads_the_same_ten_versions_later_on_every_copy() {
    let (pair, notes, _) = pair();
    let mut always = pair.peer().expect("a device");
    let mut seldom = pair.peer().expect("a device");
    for version in 0..12_i32 {
        insert(&always, notes, version, Vec::new());
        pair.upload(&mut always, at(1_000)).expect("an upload");
        change(&pair, |catalog| {
            let added = column(&format!("c{version}"), Type::Int, false, Some(Default::Literal(Datum::Int(version))));
            catalog.add_column(notes, AddColumn { column: added, fill: Datum::Int(version) })?;
            match version {
                3 => catalog.drop_column(notes, &name("c1")),
                5 => catalog.rename_column(notes, &name("c2"), &name("second")),
                7 => catalog.drop_column(notes, &name("stars")),
                _ => Ok(()),
            }
        });
        pair.learn(&always).expect("definitions");
        pair.download(&mut always).expect("a download");
        assert_equal_to_server(&pair, &always, notes);
    }
    set(&always, notes, 0, TITLE, text("rewritten"));
    pair.upload(&mut always, at(2_000)).expect("an upload");
    for peer in [&mut always, &mut seldom] {
        pair.learn(peer).expect("definitions");
        pair.download(peer).expect("a download");
        let rows = assert_equal_to_server(&pair, peer, notes);
        assert_eq!(rows.len(), 12);
        for (id, row) in rows.iter().enumerate() {
            let title = if id == 0 { "rewritten".to_owned() } else { format!("note {id}") };
            assert_eq!((cell(row, "title"), cell(row, "second")), (&text(&title), &Datum::Int(2)));
            assert!((4..12).all(|at| *cell(row, &format!("c{at}")) == Datum::Int(at)), "{row:?}");
            assert!(row.iter().all(|(name, _)| name != "stars" && name != "c1" && name != "c2"), "{row:?}");
        }
    }
}

#[test]
fn an_index_of_the_server_serves_rows_of_every_version() {
    let (pair, notes, _) = pair();
    let mut peer = pair.peer().expect("a device");
    insert(&peer, notes, 1, vec![(STARS, Datum::Int(4))]);
    pair.upload(&mut peer, at(1_000)).expect("an upload");
    pair.download(&mut peer).expect("a download");
    insert(&peer, notes, 2, vec![(STARS, Datum::Int(4))]);
    change(&pair, |catalog| {
        let index = kalamdb_core::catalog::NewIndex { name: name("notes_stars"), columns: vec![name("stars")] };
        catalog.create_index(notes, index).map(drop)
    });
    pair.learn(&peer).expect("definitions");
    let view = peer.device.view().expect("a view");
    let table = view.catalog().live_table(notes).expect("the table").clone();
    let index = table.index_named(&name("notes_stars")).expect("the index");
    let range = KeyRange::prefix(key::tuple([Value::Int(4)].iter()).expect("a key"));
    let mut cursor = view.scan_index(index, &range, Direction::Forward).expect("a scan");
    let mut found = Vec::new();
    while cursor.advance().expect("an entry") {
        found.push(cursor.pk().to_vec());
    }
    assert_eq!(found, [pk(1), pk(2)], "the pending row, too");
}
