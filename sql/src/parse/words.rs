//! Words and names as the hand-written part of the parser reads them.

use kalamdb_core::{Name, Result};
use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{TableName, syntax, unsupported};

/// The next token as an upper-case word, if it is one.
pub(super) fn peek_word(parser: &Parser<'_>) -> Option<String> {
    match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// Takes the next token if it is this word.
pub(super) fn word(parser: &mut Parser<'_>, wanted: &str) -> bool {
    let found = match &parser.peek_token_ref().token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    if found {
        parser.advance_token();
    }
    found
}

/// Takes the next tokens if they are these words, or none of them.
pub(super) fn words(parser: &mut Parser<'_>, wanted: &[&str]) -> bool {
    let all = wanted.iter().enumerate().all(|(at, wanted)| match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
        _ => false,
    });
    if all {
        wanted.iter().for_each(|_| parser.advance_token());
    }
    all
}

/// Takes this word or fails.
pub(super) fn expect_word(parser: &mut Parser<'_>, wanted: &str) -> Result<()> {
    if word(parser, wanted) {
        return Ok(());
    }
    let next = parser.peek_token();
    parser.expected(wanted, next).map_err(syntax)
}

/// An identifier as the catalog spells it: folded to lower case unless it is quoted.
pub fn ident(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

/// A name that is to be stored.
pub(super) fn name(parser: &mut Parser<'_>) -> Result<Name> {
    Name::new(ident(&parser.parse_identifier().map_err(syntax)?))
}

/// Names in parentheses.
pub(super) fn name_list(parser: &mut Parser<'_>) -> Result<Vec<Name>> {
    parser.expect_token(&Token::LParen).map_err(syntax)?;
    let mut names = vec![name(parser)?];
    while parser.consume_token(&Token::Comma) {
        names.push(name(parser)?);
    }
    parser.expect_token(&Token::RParen).map_err(syntax)?;
    Ok(names)
}

/// `namespace.table`.
pub(super) fn table_name(parser: &mut Parser<'_>) -> Result<TableName> {
    to_table_name(&parser.parse_object_name(false).map_err(syntax)?)
}

/// `namespace.table` of an already parsed name.
pub(super) fn to_table_name(name: &ObjectName) -> Result<TableName> {
    let parts: Vec<Option<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
    match parts.as_slice() {
        [Some(namespace), Some(table)] => Ok(TableName { namespace: ident(namespace), table: ident(table) }),
        [Some(_)] => Err(unsupported(&format!("table `{name}` needs its namespace: write it as in app.{name}"))),
        _ => Err(unsupported(&format!("table name `{name}` is not of the form namespace.table"))),
    }
}

/// The column that a name in an INSERT or SET list means: `column`, or `table.column`.
///
/// # Errors
/// Kind `invalid` if it has another form.
pub fn column_name(name: &ObjectName) -> Result<String> {
    match name.0.last().and_then(|part| part.as_ident()) {
        Some(last) => Ok(ident(last)),
        None => Err(unsupported(&format!("`{name}` is not the name of a column"))),
    }
}
