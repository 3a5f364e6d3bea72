//! CREATE, ALTER and DROP.

use kalamdb_core::catalog::{AddColumn, NewIndex};
use kalamdb_core::{Error, Name, Result};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::options::{set_options, storage_options, storage_url};
use super::table::{column, create_table, fill_of, optional_column_word, to_word};
use super::words::{expect_word, name, name_list, peek_word, table_name, word, words};
use super::{Ddl, TableChange, TableName, if_exists, if_not_exists, syntax, unsupported};
use crate::backend::StorageLocation;

/// Parses a statement that begins with CREATE, ALTER or DROP.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Ddl> {
    if word(parser, "CREATE") {
        return create(parser);
    }
    if word(parser, "ALTER") {
        return alter(parser);
    }
    expect_word(parser, "DROP")?;
    drop(parser)
}

fn create(parser: &mut Parser<'_>) -> Result<Ddl> {
    if word(parser, "NAMESPACE") {
        let if_not_exists = if_not_exists(parser);
        return Ok(Ddl::CreateNamespace { name: name(parser)?, if_not_exists });
    }
    if words(parser, &["USER", "TABLE"]) || word(parser, "TABLE") {
        return create_table(parser);
    }
    if word(parser, "INDEX") {
        return create_index(parser);
    }
    if words(parser, &["STORAGE", "LOCATION"]) {
        let if_not_exists = if_not_exists(parser);
        return Ok(Ddl::CreateLocation { location: storage_location(parser)?, if_not_exists });
    }
    if words(parser, &["UNIQUE", "INDEX"]) {
        return Err(unsupported("UNIQUE is not supported: devices write offline, so only the primary key is unique"));
    }
    if words(parser, &["SHARED", "TABLE"]) || words(parser, &["STREAM", "TABLE"]) {
        return Err(unsupported("only user tables are supported: write CREATE USER TABLE"));
    }
    refuse(parser, "CREATE", "NAMESPACE, USER TABLE, INDEX or STORAGE LOCATION")
}

fn alter(parser: &mut Parser<'_>) -> Result<Ddl> {
    if words(parser, &["STORAGE", "LOCATION"]) {
        let name = name(parser)?;
        expect_word(parser, "SET")?;
        let location = StorageLocation { name, url: storage_url(parser)?, options: storage_options(parser)? };
        return Ok(Ddl::AlterLocation(location));
    }
    if !words(parser, &["USER", "TABLE"]) && !word(parser, "TABLE") {
        return refuse(parser, "ALTER", "TABLE or STORAGE LOCATION");
    }
    let table = table_name(parser)?;
    let mut changes = vec![table_change(parser)?];
    while parser.consume_token(&Token::Comma) {
        changes.push(table_change(parser)?);
    }
    Ok(Ddl::AlterTable { name: table, changes })
}

fn table_change(parser: &mut Parser<'_>) -> Result<TableChange> {
    if word(parser, "ADD") {
        if matches!(peek_word(parser).as_deref(), Some("CONSTRAINT" | "PRIMARY" | "CHECK" | "UNIQUE" | "FOREIGN")) {
            return Err(unsupported("constraints cannot be added to a table: name them in CREATE TABLE"));
        }
        optional_column_word(parser);
        let if_not_exists = if_not_exists(parser);
        let parsed = column(parser)?;
        if parsed.primary_key || !parsed.checks.is_empty() {
            return Err(unsupported("an added column takes NOT NULL, NULL and DEFAULT, not PRIMARY KEY or CHECK"));
        }
        let fill = fill_of(&parsed.column);
        return Ok(TableChange::Add { add: AddColumn { column: parsed.column, fill }, if_not_exists });
    }
    if word(parser, "DROP") {
        optional_column_word(parser);
        let if_exists = if_exists(parser);
        return Ok(TableChange::Drop { name: name(parser)?, if_exists });
    }
    if word(parser, "RENAME") {
        if peek_word(parser).as_deref() == Some("TO") {
            return Err(unsupported("tables cannot be renamed: RENAME COLUMN a TO b renames a column"));
        }
        optional_column_word(parser);
        let name_now = name(parser)?;
        to_word(parser)?;
        return Ok(TableChange::Rename { name: name_now, new_name: name(parser)? });
    }
    if word(parser, "SET") {
        return set_options(parser).map(TableChange::Set);
    }
    if word(parser, "ALTER") || word(parser, "MODIFY") {
        return Err(unsupported("a column's type, default and constraints cannot be changed: add another column"));
    }
    let next = parser.peek_token();
    parser.expected("ADD, DROP, RENAME or SET", next).map_err(syntax)
}

fn drop(parser: &mut Parser<'_>) -> Result<Ddl> {
    let ddl = if word(parser, "NAMESPACE") {
        let if_exists = if_exists(parser);
        Ddl::DropNamespace { name: name(parser)?, if_exists }
    } else if words(parser, &["USER", "TABLE"]) || word(parser, "TABLE") {
        let if_exists = if_exists(parser);
        Ddl::DropTable { name: table_name(parser)?, if_exists }
    } else if word(parser, "INDEX") {
        drop_index(parser)?
    } else if words(parser, &["STORAGE", "LOCATION"]) {
        let if_exists = if_exists(parser);
        Ddl::DropLocation { name: name(parser)?, if_exists }
    } else {
        return refuse(parser, "DROP", "NAMESPACE, TABLE, INDEX or STORAGE LOCATION");
    };
    match peek_word(parser).as_deref() {
        Some(clause @ ("CASCADE" | "RESTRICT" | "PURGE")) => {
            Err(unsupported(&format!("{clause} is not supported: drop what depends on it first")))
        }
        _ if parser.peek_token_ref().token == Token::Comma => {
            Err(unsupported("DROP takes one name: write one statement for each"))
        }
        _ => Ok(ddl),
    }
}

/// `[name] ON namespace.table (columns)`.
fn create_index(parser: &mut Parser<'_>) -> Result<Ddl> {
    let if_not_exists = if_not_exists(parser);
    let index = name(parser)?;
    expect_word(parser, "ON")?;
    let table = table_name(parser)?;
    if word(parser, "USING") {
        return Err(unsupported("USING is not supported: every index is ordered"));
    }
    if parser.peek_nth_token_ref(2).token == Token::LParen {
        return Err(unsupported("an index is over columns, not over expressions"));
    }
    let columns = index_columns(parser)?;
    if let Some(clause @ ("WHERE" | "INCLUDE" | "WITH" | "TABLESPACE")) = peek_word(parser).as_deref() {
        return Err(unsupported(&format!("{clause} is not supported for an index")));
    }
    Ok(Ddl::CreateIndex { table, index: NewIndex { name: index, columns }, if_not_exists })
}

fn index_columns(parser: &mut Parser<'_>) -> Result<Vec<Name>> {
    name_list(parser).map_err(|error| match peek_word(parser).as_deref() {
        Some(clause @ ("ASC" | "DESC" | "NULLS" | "COLLATE")) => {
            unsupported(&format!("{clause} is not supported for an index: it is read in both directions"))
        }
        _ => error,
    })
}

/// `namespace.index`, or `index ON namespace.table`.
fn drop_index(parser: &mut Parser<'_>) -> Result<Ddl> {
    let if_exists = if_exists(parser);
    let first = name(parser)?;
    if parser.consume_token(&Token::Period) {
        return Ok(Ddl::DropIndex { namespace: first, name: name(parser)?, if_exists });
    }
    if !word(parser, "ON") {
        return Err(unsupported(&format!("index `{first}` needs its namespace: write DROP INDEX app.{first}")));
    }
    let TableName { namespace, .. } = table_name(parser)?;
    Ok(Ddl::DropIndex { namespace: Name::new(namespace)?, name: first, if_exists })
}

fn storage_location(parser: &mut Parser<'_>) -> Result<StorageLocation> {
    Ok(StorageLocation { name: name(parser)?, url: storage_url(parser)?, options: storage_options(parser)? })
}

fn refuse<T>(parser: &mut Parser<'_>, verb: &str, known: &str) -> Result<T> {
    match peek_word(parser) {
        Some(what) => {
            Err(Error::invalid("unsupported", format!("{verb} {what} is not supported: there is {verb} {known}")))
        }
        None => {
            let next = parser.peek_token();
            parser.expected(known, next).map_err(syntax)
        }
    }
}
