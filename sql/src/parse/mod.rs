//! From text to checked statements: sqlparser with KalamDB's own statements in front of it.
//!
//! Everything is parsed before anything runs. A clause that has no effect here is an error that names it.

mod cache;
mod ddl;
mod dml;
mod options;
mod query;
mod statement;
mod table;
mod tokens;
mod words;

use kalamdb_core::{Error, Result};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

pub use cache::{CACHED_SCRIPTS_MAX, ScriptCache};
pub use query::{Counted, counted, result_items, result_names, select_of};
pub use statement::{
    Assignment, Ddl, Delete, ExplainMode, Insert, InsertSource, OnConflict, OptionChanges, Query, Script, Show,
    Statement, TableChange, TableName, Update,
};
pub use words::{column_name, ident};

use words::{expect_word, peek_word, word, words};

/// Longest SQL text.
pub const SQL_BYTES_MAX: usize = 16 << 20;
/// Most statements of one text.
pub const STATEMENTS_MAX: usize = 1_000;
/// Most parameters of one text.
pub const PARAMS_MAX: usize = 10_000;

const SYNTAX_ERROR: &str = "syntax_error";

/// The dialect of names, literals and operators.
pub(crate) static DIALECT: GenericDialect = GenericDialect {};

/// Parses all statements of `sql`; none is run before all are understood.
///
/// # Errors
/// Kind `invalid` with line and column if the text does not parse, or naming the clause that is not supported;
/// `quota` past [`SQL_BYTES_MAX`] and [`STATEMENTS_MAX`].
pub fn parse(sql: &str) -> Result<Script> {
    if sql.len() > SQL_BYTES_MAX {
        let message = format!("an SQL text of {} bytes: at most {SQL_BYTES_MAX} are allowed, split it", sql.len());
        return Err(Error::quota("sql_too_long", message));
    }
    parse_statements(sql).map_err(|error| place_at_end(error, sql))
}

/// An error at the end of the text: sqlparser gives the end no place.
fn place_at_end(error: Error, sql: &str) -> Error {
    if error.code() != SYNTAX_ERROR || !error.message().ends_with("found: EOF") {
        return error;
    }
    let text = sql.trim_end();
    let (line, column) = (text.lines().count().max(1), text.lines().last().unwrap_or_default().chars().count() + 1);
    Error::invalid(SYNTAX_ERROR, format!("{} at line {line}, column {column}", error.message()))
}

fn parse_statements(sql: &str) -> Result<Script> {
    let (tokens, params) = tokens::tokenize(sql)?;
    let mut parser = Parser::new(&DIALECT).with_tokens_with_locations(tokens);
    let mut statements = Vec::new();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        if parser.peek_token_ref().token == Token::EOF {
            return Ok(Script { statements, params });
        }
        if statements.len() >= STATEMENTS_MAX {
            let message = format!("more than {STATEMENTS_MAX} statements in one text: split it");
            return Err(Error::quota("too_many_statements", message));
        }
        statements.push(statement(&mut parser)?);
        let next = parser.peek_token();
        if !matches!(next.token, Token::SemiColon | Token::EOF) {
            parser.expected::<()>("end of statement", next).map_err(syntax)?;
        }
    }
}

fn statement(parser: &mut Parser<'_>) -> Result<Statement> {
    let first = peek_word(parser).unwrap_or_default();
    match first.as_str() {
        "CREATE" | "ALTER" | "DROP" => ddl::parse(parser).map(Statement::Ddl),
        "SHOW" | "DESCRIBE" | "DESC" => show(parser).map(Statement::Show),
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "END" => transaction(parser),
        "EXPLAIN" => explain(parser),
        "INSERT" | "UPDATE" | "DELETE" => dml::parse(parser),
        "FLUSH" | "COMPACT" | "KILL" => Err(not_yet(&first)),
        "EXECUTE" => Err(unsupported("EXECUTE AS USER is not available yet: connect as that user")),
        "USE" | "SET" => {
            Err(unsupported(&format!("{first} is not supported: write the namespace with each table, as in app.notes")))
        }
        "SELECT" | "WITH" | "VALUES" | "" | "TABLE" => {
            query::parse(parser).map(|query| Statement::Query(Box::new(query)))
        }
        "TRUNCATE" => Err(unsupported("TRUNCATE is not supported: use DELETE FROM without WHERE")),
        "MERGE" | "REPLACE" | "COPY" | "GRANT" | "REVOKE" | "ANALYZE" | "VACUUM" | "PREPARE" | "DECLARE" | "FETCH"
        | "CALL" | "LOCK" | "SAVEPOINT" | "RELEASE" | "CACHE" | "LOAD" | "ATTACH" | "PRAGMA" | "COMMENT" | "RESET"
        | "LISTEN" => Err(unsupported(&format!("{first} is not supported: docs/sql.md lists the statements"))),
        _ => {
            let next = parser.peek_token();
            parser.expected("a statement", next).map_err(syntax)
        }
    }
}

fn show(parser: &mut Parser<'_>) -> Result<Show> {
    if word(parser, "SHOW") {
        if word(parser, "NAMESPACES") {
            return Ok(Show::Namespaces);
        }
        expect_word(parser, "TABLES")?;
        let within = word(parser, "IN") || word(parser, "FROM");
        return Ok(Show::Tables(if within { Some(words::name(parser)?) } else { None }));
    }
    parser.advance_token();
    word(parser, "TABLE");
    Ok(Show::Describe(words::table_name(parser)?))
}

fn transaction(parser: &mut Parser<'_>) -> Result<Statement> {
    if word(parser, "START") {
        expect_word(parser, "TRANSACTION")?;
        return Ok(Statement::Begin);
    }
    let statement = if word(parser, "BEGIN") {
        Statement::Begin
    } else if word(parser, "COMMIT") || word(parser, "END") {
        Statement::Commit
    } else {
        expect_word(parser, "ROLLBACK")?;
        Statement::Rollback
    };
    if !word(parser, "TRANSACTION") {
        word(parser, "WORK");
    }
    if matches!(statement, Statement::Rollback) && peek_word(parser).as_deref() == Some("TO") {
        return Err(unsupported("save points are not supported: ROLLBACK undoes the whole transaction"));
    }
    Ok(statement)
}

fn explain(parser: &mut Parser<'_>) -> Result<Statement> {
    expect_word(parser, "EXPLAIN")?;
    let mode = if word(parser, "ANALYZE") { ExplainMode::Analyze } else { ExplainMode::Plan };
    match peek_word(parser).as_deref() {
        Some("SELECT" | "WITH" | "VALUES") | None => {}
        _ => return Err(unsupported("EXPLAIN [ANALYZE] is for queries: write SELECT behind it")),
    }
    Ok(Statement::Explain(Box::new(query::parse(parser)?), mode))
}

fn not_yet(what: &str) -> Error {
    let full = match what {
        "FLUSH" => "FLUSH TABLE",
        "COMPACT" => "COMPACT TABLE",
        _ => "KILL",
    };
    Error::invalid("not_available", format!("{full} is not available yet: this version has no jobs"))
}

/// An error of kind `invalid` about something that the grammar leaves out.
pub(crate) fn unsupported(message: &str) -> Error {
    Error::invalid("unsupported", message)
}

/// sqlparser's error in our words, with line and column.
pub(crate) fn syntax(error: ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Error::invalid("expression_too_deep", "the statement is nested too deeply: simplify it");
        }
    };
    let text = text.replace(" at Line: ", " at line ").replace(", Column: ", ", column ");
    let mut chars = text.chars();
    let lower: String = chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default();
    Error::invalid(SYNTAX_ERROR, format!("syntax error: {lower}"))
}

/// `IF NOT EXISTS`.
fn if_not_exists(parser: &mut Parser<'_>) -> bool {
    words(parser, &["IF", "NOT", "EXISTS"])
}

/// `IF EXISTS`.
fn if_exists(parser: &mut Parser<'_>) -> bool {
    words(parser, &["IF", "EXISTS"])
}

/// `namespace.table` of a table to be created.
fn table_name_parts(parser: &mut Parser<'_>) -> Result<(kalamdb_core::Name, kalamdb_core::Name)> {
    let name = words::table_name(parser)?;
    Ok((kalamdb_core::Name::new(name.namespace)?, kalamdb_core::Name::new(name.table)?))
}
