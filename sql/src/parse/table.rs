//! CREATE TABLE: columns, constraints and the clauses behind them.

use kalamdb_core::catalog::{Default, NewColumn, NewTable, TableOptions};
use kalamdb_core::expr::Expr;
use kalamdb_core::rules::read_type;
use kalamdb_core::{Error, Name, Result, Type, Value};
use sqlparser::ast;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::options::table_options;
use super::words::{expect_word, name, name_list, peek_word, word, words};
use super::{Ddl, if_not_exists, syntax, table_name_parts, unsupported};
use crate::constant::{Constants, bare_function, constant};
use crate::expr::{CLOSED_LIST, Columns, translate};
use crate::types::sql_type;

/// A column with what its constraints say about the table.
pub(super) struct ParsedColumn {
    /// The column.
    pub column: NewColumn,
    /// Whether it is the primary key.
    pub primary_key: bool,
    /// Its CHECK constraints: name, if given, and condition.
    pub checks: Vec<(Option<Name>, ast::Expr)>,
}

#[derive(std::default::Default)]
struct Body {
    columns: Vec<NewColumn>,
    primary_key: Vec<Name>,
    checks: Vec<(Option<Name>, ast::Expr)>,
}

/// Parses behind `CREATE [USER] TABLE`.
pub(super) fn create_table(parser: &mut Parser<'_>) -> Result<Ddl> {
    let if_not_exists = if_not_exists(parser);
    let (namespace, name) = table_name_parts(parser)?;
    let mut body = Body::default();
    if parser.peek_token_ref().token != Token::LParen {
        let next = parser.peek_token();
        return parser.expected("the columns in parentheses", next).map_err(syntax);
    }
    parser.advance_token();
    if !parser.consume_token(&Token::RParen) {
        loop {
            element(parser, &mut body)?;
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
        parser.expect_token(&Token::RParen).map_err(syntax)?;
    }
    let options = table_options(parser)?.apply(TableOptions::default());
    if peek_word(parser).as_deref() == Some("AS") {
        return Err(unsupported("CREATE TABLE … AS SELECT is not supported: create the table, then INSERT … SELECT"));
    }
    let checks = checks(name.as_str(), &body)?;
    let table = NewTable { namespace, name, columns: body.columns, primary_key: body.primary_key, checks, options };
    Ok(Ddl::CreateTable { table: Box::new(table), if_not_exists })
}

fn element(parser: &mut Parser<'_>, body: &mut Body) -> Result<()> {
    if is_table_constraint(parser) {
        return table_constraint(parser, body);
    }
    let parsed = column(parser)?;
    if parsed.primary_key {
        if !body.primary_key.is_empty() {
            return Err(Error::invalid(
                "duplicate_clause",
                "the table has two primary keys: write PRIMARY KEY (a, b) once",
            ));
        }
        body.primary_key = vec![parsed.column.name.clone()];
    }
    body.columns.push(parsed.column);
    body.checks.extend(parsed.checks);
    Ok(())
}

fn is_table_constraint(parser: &Parser<'_>) -> bool {
    let next_is_list = parser.peek_nth_token_ref(1).token == Token::LParen;
    match peek_word(parser).as_deref() {
        Some("CONSTRAINT" | "PRIMARY" | "FOREIGN") => true,
        Some("CHECK" | "UNIQUE") => next_is_list,
        _ => false,
    }
}

fn table_constraint(parser: &mut Parser<'_>, body: &mut Body) -> Result<()> {
    let named = if word(parser, "CONSTRAINT") { Some(name(parser)?) } else { None };
    if words(parser, &["PRIMARY", "KEY"]) {
        let key = name_list(parser)?;
        if !body.primary_key.is_empty() {
            return Err(Error::invalid(
                "duplicate_clause",
                "the table has two primary keys: write PRIMARY KEY (a, b) once",
            ));
        }
        body.primary_key = key;
        return Ok(());
    }
    if word(parser, "CHECK") {
        body.checks.push((named, check_condition(parser)?));
        return Ok(());
    }
    refuse_constraint(parser)
}

fn refuse_constraint<T>(parser: &mut Parser<'_>) -> Result<T> {
    match peek_word(parser).as_deref() {
        Some("UNIQUE") => {
            Err(unsupported("UNIQUE is not supported: devices write offline, so only the primary key is unique"))
        }
        Some("FOREIGN" | "REFERENCES") => {
            Err(unsupported("FOREIGN KEY is not supported: devices write offline, keep references in the application"))
        }
        Some("GENERATED" | "COLLATE" | "AUTO_INCREMENT" | "AUTOINCREMENT" | "COMMENT") => {
            let clause = peek_word(parser).unwrap_or_default();
            Err(unsupported(&format!(
                "{clause} is not supported for columns: there are PRIMARY KEY, NOT NULL, DEFAULT and CHECK"
            )))
        }
        _ => {
            let next = parser.peek_token();
            parser.expected("PRIMARY KEY, NOT NULL, NULL, DEFAULT, CHECK, a comma or `)`", next).map_err(syntax)
        }
    }
}

fn check_condition(parser: &mut Parser<'_>) -> Result<ast::Expr> {
    parser.expect_token(&Token::LParen).map_err(syntax)?;
    let condition = parser.parse_expr().map_err(syntax)?;
    parser.expect_token(&Token::RParen).map_err(syntax)?;
    Ok(condition)
}

/// Parses `name type constraints…`.
pub(super) fn column(parser: &mut Parser<'_>) -> Result<ParsedColumn> {
    let column_name = name(parser)?;
    let data_type = parser.parse_data_type().map_err(syntax)?;
    let ty = sql_type(&data_type).map_err(|error| error.context(format!("column `{column_name}`")))?;
    let column = NewColumn { name: column_name, ty, nullable: true, default: None };
    let mut parsed = ParsedColumn { column, primary_key: false, checks: Vec::new() };
    let mut null_given = false;
    loop {
        let named = if word(parser, "CONSTRAINT") { Some(name(parser)?) } else { None };
        if words(parser, &["PRIMARY", "KEY"]) {
            (parsed.primary_key, parsed.column.nullable) = (true, false);
        } else if words(parser, &["NOT", "NULL"]) {
            parsed.column.nullable = false;
        } else if word(parser, "NULL") {
            null_given = true;
        } else if word(parser, "DEFAULT") {
            let default = default(parser, ty, &parsed.column.name)?;
            if parsed.column.default.replace(default).is_some() {
                let message = format!("column `{}` has two defaults", parsed.column.name);
                return Err(Error::invalid("duplicate_clause", message));
            }
        } else if word(parser, "CHECK") {
            parsed.checks.push((named, check_condition(parser)?));
        } else if named.is_some() || !ends_column(parser) {
            return refuse_constraint(parser);
        } else {
            break;
        }
    }
    if null_given && !parsed.column.nullable {
        let message = format!("column `{}` cannot be NULL and NOT NULL", parsed.column.name);
        return Err(Error::invalid("contradiction", message));
    }
    Ok(parsed)
}

fn ends_column(parser: &Parser<'_>) -> bool {
    matches!(parser.peek_token_ref().token, Token::Comma | Token::RParen | Token::SemiColon | Token::EOF)
}

fn default(parser: &mut Parser<'_>, ty: Type, column: &Name) -> Result<Default> {
    // A default reaches as far as a prefix expression: what follows is the next constraint.
    let expr = parser.parse_prefix().map_err(syntax)?;
    if let ast::Expr::Function(function) = &expr {
        let generated = match bare_function(function).as_deref() {
            Some("now" | "current_timestamp") => Some(Default::Now),
            Some("current_date") if ty == Type::Date => Some(Default::Now),
            Some("current_time") if ty == Type::Time => Some(Default::Now),
            Some("uuid_v7" | "uuidv7") => Some(Default::UuidV7),
            Some("ulid") => Some(Default::Ulid),
            Some("snowflake_id") => Some(Default::SnowflakeId),
            _ => None,
        };
        return generated.ok_or_else(|| unsupported_default(column, &expr));
    }
    match constant(&expr, &Constants::LITERALS)? {
        Some(value) => value
            .store(ty)
            .map(Default::Literal)
            .map_err(|error| error.context(format!("default of column `{column}`"))),
        None => Err(unsupported_default(column, &expr)),
    }
}

fn unsupported_default(column: &Name, expr: &ast::Expr) -> Error {
    unsupported(&format!(
        "column `{column}`: DEFAULT {expr} is not supported: use a literal, NOW(), UUID_V7(), ULID() or SNOWFLAKE_ID()"
    ))
}

struct NewColumns<'a>(&'a [NewColumn]);

impl Columns for NewColumns<'_> {
    fn column(&self, _: Option<&str>, name: &str) -> Result<(u32, Type)> {
        let found = self.0.iter().zip(0..).find(|(column, _)| column.name.as_str() == name);
        found.map(|(column, at)| (at, read_type(column.ty))).ok_or_else(|| {
            Error::invalid("unknown_column", format!("a CHECK names column `{name}`, which the table does not have"))
        })
    }
}

fn checks(table: &str, body: &Body) -> Result<Vec<(Name, String, Expr)>> {
    let mut checks: Vec<(Name, String, Expr)> = Vec::with_capacity(body.checks.len());
    for (at, (named, condition)) in body.checks.iter().enumerate() {
        let expr = translate(condition, &NewColumns(&body.columns), &Constants::LITERALS)?;
        let Some(expr) = expr else {
            return Err(unsupported(&format!("CHECK ({condition}) is not supported: use {CLOSED_LIST}")));
        };
        let name = match named {
            Some(name) => name.clone(),
            None => generated_name(table, at)?,
        };
        if checks.iter().any(|(known, _, _)| *known == name) {
            return Err(Error::invalid("duplicate_clause", format!("the table has two constraints named `{name}`")));
        }
        checks.push((name, condition.to_string(), expr));
    }
    Ok(checks)
}

fn generated_name(table: &str, at: usize) -> Result<Name> {
    let suffix = format!("_check_{}", at + 1);
    let keep = kalamdb_core::ids::NAME_BYTES_MAX - suffix.len();
    Name::new(format!("{}{suffix}", table.get(..keep.min(table.len())).unwrap_or(table)))
}

/// The value that rows hold which are older than an added column: its default, if that is a literal.
pub(super) fn fill_of(column: &NewColumn) -> Value {
    match &column.default {
        Some(Default::Literal(value)) => value.clone(),
        _ => Value::Null,
    }
}

/// `COLUMN`, which may be left out.
pub(super) fn optional_column_word(parser: &mut Parser<'_>) {
    word(parser, "COLUMN");
}

/// `TO`.
pub(super) fn to_word(parser: &mut Parser<'_>) -> Result<()> {
    expect_word(parser, "TO")
}
