//! INSERT, UPDATE and DELETE: sqlparser's forms narrowed to what takes effect.

use kalamdb_core::{Error, Result};
use sqlparser::ast::{self, Expr, SetExpr, TableFactor, TableObject, TableWithJoins};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::query::{check, check_expr};
use super::words::to_table_name;
use super::{
    Assignment, Delete, Insert, InsertSource, OnConflict, Statement, TableName, Update, column_name, ident, syntax,
    unsupported,
};

/// Parses a statement that begins with INSERT, UPDATE or DELETE.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement> {
    // Not `parse_statement`: it brings the parsers of every other statement, a fifth of the browser's engine.
    let verb = parser.next_token();
    let statement = match &verb.token {
        Token::Word(word) if word.keyword == Keyword::INSERT => parser.parse_insert(verb),
        Token::Word(word) if word.keyword == Keyword::UPDATE => parser.parse_update(verb),
        _ => parser.parse_delete(verb),
    };
    match statement.map_err(syntax)? {
        ast::Statement::Insert(insert) => Ok(Statement::Insert(Box::new(narrow_insert(insert)?))),
        ast::Statement::Update(update) => Ok(Statement::Update(Box::new(narrow_update(update)?))),
        ast::Statement::Delete(delete) => Ok(Statement::Delete(Box::new(narrow_delete(delete)?))),
        _ => Err(unsupported("this form of INSERT is not supported: write INSERT INTO app.notes (…) VALUES (…)")),
    }
}

/// Fails with the first clause that was found.
fn refuse_any(statement: &str, clauses: &[(bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(found, _)| *found) {
        Some((_, clause)) => Err(unsupported(&format!("{clause} is not supported in {statement}"))),
        None => Ok(()),
    }
}

fn narrow_insert(insert: ast::Insert) -> Result<Insert> {
    refuse_any(
        "INSERT",
        &[
            (insert.or.is_some(), "OR REPLACE or OR IGNORE"),
            (insert.ignore, "IGNORE"),
            (insert.replace_into, "REPLACE"),
            (insert.overwrite, "OVERWRITE"),
            (!insert.assignments.is_empty(), "SET"),
            (insert.partitioned.is_some() || !insert.after_columns.is_empty(), "PARTITION"),
            (insert.has_table_keyword, "TABLE"),
            (insert.returning.is_some(), "RETURNING"),
            (insert.output.is_some(), "OUTPUT"),
            (insert.priority.is_some(), "a priority"),
            (insert.insert_alias.is_some() || insert.table_alias.is_some(), "an alias"),
            (insert.settings.is_some() || insert.format_clause.is_some(), "SETTINGS or FORMAT"),
            (insert.multi_table_insert_type.is_some(), "ALL or FIRST"),
            (!insert.optimizer_hints.is_empty(), "an optimizer hint"),
        ],
    )?;
    let TableObject::TableName(name) = &insert.table else {
        return Err(unsupported("INSERT writes to a table: write INSERT INTO app.notes"));
    };
    let table = to_table_name(name)?;
    let columns = insert.columns.iter().map(column_name).collect::<Result<Vec<_>>>()?;
    let on_conflict = match insert.on {
        None => None,
        Some(ast::OnInsert::OnConflict(conflict)) => Some(narrow_conflict(conflict)?),
        Some(_) => return Err(unsupported("ON DUPLICATE KEY is not supported: write ON CONFLICT DO UPDATE SET …")),
    };
    Ok(Insert {
        table,
        columns: (!columns.is_empty()).then_some(columns),
        source: insert_source(insert.source)?,
        on_conflict,
    })
}

fn insert_source(source: Option<Box<ast::Query>>) -> Result<InsertSource> {
    let Some(query) = source else { return Ok(InsertSource::Defaults) };
    let bare =
        query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    match *query {
        ast::Query { body, .. } if bare && matches!(*body, SetExpr::Values(_)) => {
            let SetExpr::Values(values) = *body else { return Ok(InsertSource::Defaults) };
            let rows = values.rows.into_iter().map(|row| row.content.into_iter().map(value).collect());
            Ok(InsertSource::Values(rows.collect::<Result<Vec<_>>>()?))
        }
        query => Ok(InsertSource::Query(Box::new(check(query)?))),
    }
}

/// The expression of a value; `None` for `DEFAULT`.
fn value(expr: Expr) -> Result<Option<Expr>> {
    match &expr {
        Expr::Identifier(name) if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default") => {
            return Ok(None);
        }
        _ => check_expr(&expr)?,
    }
    Ok(Some(expr))
}

fn narrow_conflict(conflict: ast::OnConflict) -> Result<OnConflict> {
    let target = match conflict.conflict_target {
        None => None,
        Some(ast::ConflictTarget::Columns(columns)) => Some(columns.iter().map(ident).collect()),
        Some(ast::ConflictTarget::OnConstraint(_)) => {
            return Err(unsupported("ON CONFLICT ON CONSTRAINT is not supported: name the columns of the primary key"));
        }
    };
    let (update, filter) = match conflict.action {
        ast::OnConflictAction::DoNothing => (None, None),
        ast::OnConflictAction::DoUpdate(update) => (Some(assignments(update.assignments)?), update.selection),
    };
    filter.as_ref().map_or(Ok(()), check_expr)?;
    Ok(OnConflict { target, update, filter })
}

fn assignments(list: Vec<ast::Assignment>) -> Result<Vec<Assignment>> {
    let mut assignments: Vec<Assignment> = Vec::with_capacity(list.len());
    for assignment in list {
        let ast::AssignmentTarget::ColumnName(name) = &assignment.target else {
            return Err(unsupported("SET (a, b) = … is not supported: assign each column by itself"));
        };
        let column = column_name(name)?;
        if assignments.iter().any(|known| known.column == column) {
            return Err(Error::invalid("duplicate_column", format!("column `{column}` is assigned twice")));
        }
        assignments.push(Assignment { column, value: value(assignment.value)? });
    }
    Ok(assignments)
}

fn narrow_update(update: ast::Update) -> Result<Update> {
    refuse_any(
        "UPDATE",
        &[
            (update.from.is_some(), "FROM"),
            (update.returning.is_some(), "RETURNING"),
            (update.output.is_some(), "OUTPUT"),
            (update.or.is_some(), "OR"),
            (!update.order_by.is_empty(), "ORDER BY"),
            (update.limit.is_some(), "LIMIT"),
            (!update.optimizer_hints.is_empty(), "an optimizer hint"),
        ],
    )?;
    let (table, alias) = single_table("UPDATE", &[update.table])?;
    update.selection.as_ref().map_or(Ok(()), check_expr)?;
    Ok(Update { table, alias, assignments: assignments(update.assignments)?, filter: update.selection })
}

fn narrow_delete(delete: ast::Delete) -> Result<Delete> {
    refuse_any(
        "DELETE",
        &[
            (!delete.tables.is_empty(), "a list of tables"),
            (delete.using.is_some(), "USING"),
            (delete.returning.is_some(), "RETURNING"),
            (delete.output.is_some(), "OUTPUT"),
            (!delete.order_by.is_empty(), "ORDER BY"),
            (delete.limit.is_some(), "LIMIT"),
            (!delete.optimizer_hints.is_empty(), "an optimizer hint"),
        ],
    )?;
    let tables = match delete.from {
        ast::FromTable::WithFromKeyword(tables) => tables,
        // One word less is too little before everything is gone.
        ast::FromTable::WithoutKeyword(_) => {
            return Err(Error::invalid("syntax_error", "DELETE needs FROM: write DELETE FROM …"));
        }
    };
    let (table, alias) = single_table("DELETE", &tables)?;
    delete.selection.as_ref().map_or(Ok(()), check_expr)?;
    Ok(Delete { table, alias, filter: delete.selection })
}

fn single_table(statement: &str, tables: &[TableWithJoins]) -> Result<(TableName, Option<String>)> {
    match tables {
        [TableWithJoins { relation: TableFactor::Table { name, alias, args: None, sample: None, .. }, joins }]
            if joins.is_empty() =>
        {
            if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
                return Err(unsupported(&format!("column names behind the alias are not supported in {statement}")));
            }
            Ok((to_table_name(name)?, alias.as_ref().map(|alias| ident(&alias.name))))
        }
        _ => Err(unsupported(&format!("{statement} writes to one table: use a sub-query in WHERE for others"))),
    }
}
