//! Translation of a SELECT: its list, groups, order and limit.

use kalamdb_core::Type;
use kalamdb_core::query::{Amount, Field, Function, Nulls, Order, Output, Query, Select, SortDirection};
use sqlparser::ast::{self, Expr as Sql, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem};

use super::condition::{Conditions, row_count};
use super::literal::{Constant, constant};
use super::parameters::Parameters;
use super::scope::{From, Scope, normal, parts};

/// Widest decimals whose sums and means surely fit: DataFusion lets larger sums wrap and computes larger means in
/// 256 bits.
const SUM_PRECISION_MAX: u8 = 28;
const AVG_PRECISION_MAX: u8 = 25;

/// The query that a statement is; none if it is more than core answers.
pub(super) fn translate(scope: &Scope<'_>, query: &ast::Query, parameters: &mut Parameters) -> Option<Query> {
    let select = plain_select(query)?;
    let from = From::read(scope, &select.from)?;
    let mut out = Query::of(from.table.id);
    for item in &select.projection {
        add_item(&from, item, &mut out.select)?;
    }
    if has_duplicates(&out.select) {
        return None;
    }
    out.group_by = groups(&from, &select.group_by, &out.select)?;
    if let Some(condition) = &select.selection {
        out.filter = Some(Conditions { from: &from, parameters }.translate(condition)?);
    }
    if let Some(order_by) = &query.order_by {
        out.order_by = order(&from, order_by, &out.select)?;
    }
    if let Some(limit) = &query.limit_clause {
        (out.limit, out.offset) = window(limit, parameters)?;
    }
    let exact = out.select.iter().map(|select| select.output).chain(out.order_by.iter().map(|order| order.by));
    exact.into_iter().all(|output| is_exact(&from, output, !out.group_by.is_empty())).then_some(out)
}

/// The SELECT of a statement without any clause that core does not know.
fn plain_select(query: &ast::Query) -> Option<&ast::Select> {
    let ast::Query {
        with: None,
        body,
        order_by: _,
        limit_clause: _,
        fetch: None,
        locks,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators,
    } = query
    else {
        return None;
    };
    let ast::SetExpr::Select(select) = body.as_ref() else { return None };
    let ast::Select {
        select_token: _,
        optimizer_hints,
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: _,
        projection: _,
        exclude: None,
        into: None,
        from: _,
        lateral_views,
        prewhere: None,
        selection: _,
        connect_by,
        group_by: _,
        cluster_by,
        distribute_by,
        sort_by,
        having: None,
        named_window,
        qualify: None,
        window_before_qualify: _,
        value_table_mode: None,
        flavor: ast::SelectFlavor::Standard,
    } = select.as_ref()
    else {
        return None;
    };
    let is_plain = locks.is_empty()
        && pipe_operators.is_empty()
        && optimizer_hints.is_empty()
        && lateral_views.is_empty()
        && connect_by.is_empty()
        && [cluster_by, distribute_by].iter().all(|list| list.is_empty())
        && sort_by.is_empty()
        && named_window.is_empty();
    is_plain.then_some(select.as_ref())
}

fn add_item(from: &From<'_>, item: &SelectItem, into: &mut Vec<Select>) -> Option<()> {
    match item {
        SelectItem::UnnamedExpr(expr) => {
            let output = output(from, expr)?;
            into.push(Select { name: name(from, output), output });
        }
        SelectItem::ExprWithAlias { expr, alias } => {
            into.push(Select { name: normal(alias), output: output(from, expr)? });
        }
        SelectItem::Wildcard(options) if is_bare(options) => add_all(from, into),
        SelectItem::QualifiedWildcard(ast::SelectItemQualifiedWildcardKind::ObjectName(table), options)
            if is_bare(options) && from.is_called(&parts(table)?) =>
        {
            add_all(from, into);
        }
        _ => return None,
    }
    Some(())
}

fn is_bare(options: &ast::WildcardAdditionalOptions) -> bool {
    let plain = ast::WildcardAdditionalOptions { wildcard_token: options.wildcard_token.clone(), ..Default::default() };
    *options == plain
}

fn add_all(from: &From<'_>, into: &mut Vec<Select>) {
    let columns = from.table.live_columns().map(|column| Field::Column(column.id));
    into.extend(
        columns
            .chain(from.wildcard.iter().copied())
            .map(|field| Select { name: field.name(&from.table).to_string(), output: Output::Field(field) }),
    );
}

fn has_duplicates(select: &[Select]) -> bool {
    let mut names: Vec<&str> = select.iter().map(|select| select.name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair.first() == pair.last())
}

/// A field or an aggregate of one.
fn output(from: &From<'_>, expr: &Sql) -> Option<Output> {
    let Sql::Function(call) = expr else { return from.field(expr).map(Output::Field) };
    let ast::Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group,
    } = call
    else {
        return None;
    };
    let [FunctionArg::Unnamed(argument)] = list.args.as_slice() else { return None };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() || !within_group.is_empty() {
        return None;
    }
    let function = match parts(name)?.as_slice() {
        [name] => function(name)?,
        _ => return None,
    };
    match argument {
        FunctionArgExpr::Wildcard if function == Function::Count => Some(Output::CountRows),
        FunctionArgExpr::Expr(expr) => from.field(expr).map(|field| Output::Aggregate(function, field)),
        _ => None,
    }
}

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "count" => Function::Count,
        "sum" => Function::Sum,
        "min" => Function::Min,
        "max" => Function::Max,
        "avg" => Function::Avg,
        _ => return None,
    })
}

/// The name that DataFusion gives a column without AS.
fn name(from: &From<'_>, output: Output) -> String {
    let (function, field) = match output {
        Output::Field(field) => return field.name(&from.table).to_string(),
        Output::CountRows => return "count(*)".to_string(),
        Output::Aggregate(function, field) => (function, field),
    };
    let function = match function {
        Function::Count => "count",
        Function::Sum => "sum",
        Function::Min => "min",
        Function::Max => "max",
        Function::Avg => "avg",
    };
    format!("{function}({})", from.qualified(field))
}

/// Whether core's result of an output is DataFusion's for all data.
fn is_exact(from: &From<'_>, output: Output, grouped: bool) -> bool {
    let Output::Aggregate(function, field) = output else { return true };
    match (function, field.ty(&from.table)) {
        (_, Err(_)) => false,
        // DataFusion's result for groups with NaN or infinity depends on the order of the rows.
        (Function::Min | Function::Max, Ok(Type::Real | Type::Double)) => !grouped,
        (Function::Sum, Ok(Type::Decimal { precision, .. })) => precision <= SUM_PRECISION_MAX,
        (Function::Avg, Ok(Type::Decimal { precision, .. })) => precision <= AVG_PRECISION_MAX,
        (_, Ok(_)) => true,
    }
}

/// The place of a select item that a number names.
fn ordinal(expr: &Sql, select: &[Select]) -> Option<Output> {
    let Some(Constant::Value(value)) = constant(expr) else { return None };
    let place = usize::try_from(row_count(&value)?).ok()?.checked_sub(1)?;
    select.get(place).map(|select| select.output)
}

fn groups(from: &From<'_>, group_by: &ast::GroupByExpr, select: &[Select]) -> Option<Vec<Field>> {
    let ast::GroupByExpr::Expressions(exprs, modifiers) = group_by else { return None };
    if !modifiers.is_empty() {
        return None;
    }
    let group = |expr: &Sql| match from.field(expr) {
        Some(field) => Some(field),
        None => match ordinal(expr, select)? {
            Output::Field(field) => Some(field),
            _ => None,
        },
    };
    exprs.iter().map(group).collect()
}

fn order(from: &From<'_>, order_by: &ast::OrderBy, select: &[Select]) -> Option<Vec<Order>> {
    let ast::OrderBy { kind: ast::OrderByKind::Expressions(terms), interpolate: None } = order_by else { return None };
    let term = |term: &ast::OrderByExpr| {
        let ast::OrderByExpr { expr, options, with_fill: None } = term else { return None };
        let by = order_output(from, expr, select)?;
        let ascending = options.asc.unwrap_or(true);
        let direction = if ascending { SortDirection::Ascending } else { SortDirection::Descending };
        let nulls = if options.nulls_first.unwrap_or(!ascending) { Nulls::First } else { Nulls::Last };
        Some(Order { by, direction, nulls })
    };
    terms.iter().map(term).collect()
}

/// A name in ORDER BY is that of a result column before it is that of a table's column.
fn order_output(from: &From<'_>, expr: &Sql, select: &[Select]) -> Option<Output> {
    if let Sql::Identifier(ident) = expr {
        let ident = normal(ident);
        if let Some(found) = select.iter().find(|select| select.name == ident) {
            return Some(found.output);
        }
    }
    if let Sql::Value(_) = expr {
        return ordinal(expr, select);
    }
    output(from, expr)
}

type Window = (Option<Amount>, Option<Amount>);

fn window(clause: &ast::LimitClause, parameters: &mut Parameters) -> Option<Window> {
    let (limit, offset) = match clause {
        ast::LimitClause::LimitOffset { limit, offset, limit_by } if limit_by.is_empty() => {
            (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
        }
        ast::LimitClause::OffsetCommaLimit { offset, limit } => (Some(limit), Some(offset)),
        ast::LimitClause::LimitOffset { .. } => return None,
    };
    let mut amount = |expr: Option<&Sql>| -> Option<Option<Amount>> {
        let Some(expr) = expr else { return Some(None) };
        Some(Some(match constant(expr)? {
            Constant::Value(value) => Amount::Rows(row_count(&value)?),
            Constant::Placeholder(placeholder) => Amount::Parameter(parameters.rows_slot(&placeholder)?),
        }))
    };
    Some((amount(limit)?, amount(offset)?))
}
