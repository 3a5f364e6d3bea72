//! Random queries of the closed list, and some a little outside of it.

use kalamdb_core::rules::read_type;
use kalamdb_core::value::Datum;
use kalamdb_core::{Type, Value};

use crate::random::Random;
use crate::tables::{Made, random_value};

/// A query as the direct path gets it and as DataFusion does: with the order completed.
pub struct Case {
    pub direct: String,
    pub oracle: String,
    pub parameters: Vec<Value>,
    /// Whether the order of the rows is part of the result.
    pub ordered: bool,
    /// For each result column whether it is JSON.
    pub json: Vec<bool>,
}

/// Text for the direct path and for DataFusion.
struct Text {
    direct: String,
    oracle: String,
}

impl Text {
    fn same(text: impl Into<String>) -> Text {
        let direct = text.into();
        Text { oracle: direct.clone(), direct }
    }

    fn push(&mut self, other: &Text) {
        self.direct.push_str(&other.direct);
        self.oracle.push_str(&other.oracle);
    }

    fn add(mut self, text: &str) -> Text {
        self.push(&Text::same(text));
        self
    }

    fn then(mut self, other: &Text) -> Text {
        self.push(other);
        self
    }
}

struct Maker<'a> {
    random: &'a mut Random,
    columns: Vec<(String, Type)>,
    key: Vec<String>,
    extreme: bool,
    parameters: Vec<Value>,
}

impl Case {
    pub fn random(made: &Made, random: &mut Random) -> Case {
        let table = made.table();
        let mut columns: Vec<(String, Type)> =
            table.live_columns().map(|column| (column.name.to_string(), read_type(column.ty))).collect();
        columns.push(("_updated".into(), Type::Timestamp));
        columns.push(("_seq".into(), Type::BigInt));
        if random.chance(20) {
            columns.push(("_deleted".into(), Type::Boolean));
        }
        let key =
            table.primary_key.iter().filter_map(|id| table.column(*id)).map(|column| column.name.to_string()).collect();
        let maker = Maker { random, columns, key, extreme: made.extreme, parameters: Vec::new() };
        if maker.random.chance(40) { maker.grouped() } else { maker.rows() }
    }
}

impl Maker<'_> {
    fn column(&mut self) -> (String, Type) {
        self.random.pick(&self.columns).clone()
    }

    /// Distinct columns.
    fn some_columns(&mut self, count: usize) -> Vec<(String, Type)> {
        let mut found: Vec<(String, Type)> = Vec::new();
        for _ in 0..count {
            let column = self.column();
            if !found.contains(&column) {
                found.push(column);
            }
        }
        found
    }

    fn rows(mut self) -> Case {
        let count = 1 + self.random.below(5);
        let select = self.some_columns(count);
        let list: Vec<String> = select.iter().map(|(name, _)| name.clone()).collect();
        let mut text = Text::same(format!("SELECT {} FROM app.t", list.join(", ")));
        self.add_filter(&mut text);
        let count = self.random.below(4);
        let order = self.some_columns(count).into_iter().map(|(name, _)| name).collect();
        let key = self.key.clone();
        let json = select.iter().map(|(_, ty)| *ty == Type::Json).collect();
        self.finish(text, order, key, json)
    }

    fn grouped(mut self) -> Case {
        let count = self.random.below(3);
        let groups = self.some_columns(count);
        let mut list: Vec<String> = groups.iter().map(|(name, _)| name.clone()).collect();
        let mut json: Vec<bool> = groups.iter().map(|(_, ty)| *ty == Type::Json).collect();
        let names = list.join(", ");
        for _ in 0..1 + self.random.below(3) {
            let (aggregate, is_json) = self.aggregate();
            if !list.contains(&aggregate) {
                list.push(aggregate);
                json.push(is_json);
            }
        }
        let mut text = Text::same(format!("SELECT {} FROM app.t", list.join(", ")));
        self.add_filter(&mut text);
        if !groups.is_empty() {
            text = text.add(&format!(" GROUP BY {names}"));
        }
        let order = if self.random.chance(50) { vec![self.random.pick(&list).clone()] } else { Vec::new() };
        let groups = groups.into_iter().map(|(name, _)| name).collect();
        self.finish(text, order, groups, json)
    }

    fn aggregate(&mut self) -> (String, bool) {
        if self.random.chance(25) {
            return ("count(*)".into(), false);
        }
        let (name, ty) = self.column();
        let is_number =
            matches!(ty, Type::SmallInt | Type::Int | Type::BigInt | Type::Real | Type::Double | Type::Decimal { .. });
        // Sums of such floats depend on the order of the rows.
        let has_mean = is_number && !(self.extreme && ty == Type::BigInt);
        let functions: &[&str] = match (is_number, has_mean) {
            (true, true) => &["count", "sum", "min", "max", "avg"],
            (true, false) => &["count", "sum", "min", "max"],
            _ => &["count", "min", "max"],
        };
        let function = *self.random.pick(functions);
        (format!("{function}({name})"), ty == Type::Json && function != "count")
    }

    fn add_filter(&mut self, text: &mut Text) {
        if self.random.chance(75) {
            let condition = self.condition(3);
            text.push(&Text::same(" WHERE ").then(&condition));
        }
    }

    fn condition(&mut self, depth: usize) -> Text {
        let choice = self.random.below(if depth == 0 { 5 } else { 9 });
        match choice {
            5 | 6 => {
                let word = if self.random.chance(60) { " AND " } else { " OR " };
                let left = self.condition(depth - 1);
                let right = self.condition(depth - 1);
                Text::same("(").then(&left).add(word).then(&right).add(")")
            }
            7 => Text::same("NOT (").then(&self.condition(depth - 1)).add(")"),
            8 => {
                let form = *self.random.pick(&["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE"]);
                Text::same("(").then(&self.condition(depth - 1)).add(&format!(") {form}"))
            }
            _ => self.test(),
        }
    }

    fn test(&mut self) -> Text {
        // Tests of the key make gets and ranges of it.
        let (name, ty) = if self.random.chance(40) {
            let key = self.random.pick(&self.key).clone();
            self.columns.iter().find(|(name, _)| *name == key).cloned().expect("the key is among the columns")
        } else {
            self.column()
        };
        let not = if self.random.chance(25) { "NOT " } else { "" };
        match self.random.below(10) {
            0 => Text::same(format!("{name} IS {not}NULL")),
            1 => {
                let (low, high) = (self.literal(ty), self.literal(ty));
                Text::same(format!("{name} {not}BETWEEN ")).then(&low).add(" AND ").then(&high)
            }
            2 => {
                let mut list = Text::same(format!("{name} {not}IN (")).then(&self.literal(ty));
                for _ in 0..self.random.below(3) {
                    list = list.add(", ").then(&self.literal(ty));
                }
                list.add(")")
            }
            3 if ty == Type::Boolean => Text::same(format!("{not}{name}")),
            _ => {
                let operator = *self.random.pick(&["=", "=", "=", "<>", "<", "<=", ">", ">="]);
                let literal = self.literal(ty);
                if self.random.chance(15) {
                    literal.add(&format!(" {operator} {name}"))
                } else {
                    Text::same(format!("{name} {operator} ")).then(&literal)
                }
            }
        }
    }

    fn literal(&mut self, ty: Type) -> Text {
        if self.random.chance(4) {
            return Text::same("NULL");
        }
        let value = random_value(ty, self.extreme, self.random);
        let is_plain =
            !matches!(value, Datum::Real(v) if !v.is_finite()) && !matches!(value, Datum::Double(v) if !v.is_finite());
        if self.random.chance(30) || !is_plain {
            self.parameters.push(value);
            return Text::same(format!("${}", self.parameters.len()));
        }
        self.written(&value)
    }

    fn written(&mut self, value: &Value) -> Text {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Text::same(match value {
            Datum::Uuid(bytes) => {
                let oracle = format!("X'{}'", hex(bytes));
                return Text { direct: format!("'{value}'"), oracle };
            }
            Datum::Int(v) if self.random.chance(20) => format!("{v}.0"),
            Datum::SmallInt(v) if self.random.chance(20) => format!("{v}.5"),
            Datum::Real(v) => format!("{v:?}"),
            Datum::Double(v) => format!("{v:?}"),
            Datum::Text(text) | Datum::Json(text) => format!("'{}'", text.replace('\'', "''")),
            Datum::Bytes(bytes) => format!("X'{}'", hex(bytes)),
            Datum::Date(_) if self.random.chance(30) => format!("DATE '{value}'"),
            Datum::Timestamp(_) if self.random.chance(30) => {
                format!("TIMESTAMP '{}'", value.to_string().replace('T', " ").replace('Z', ""))
            }
            Datum::Date(_) | Datum::Time(_) | Datum::Timestamp(_) => format!("'{value}'"),
            other => other.to_string(),
        })
    }

    /// Adds ORDER BY, LIMIT and OFFSET; the oracle's order is completed by `complete`.
    fn finish(mut self, mut text: Text, order: Vec<String>, complete: Vec<String>, json: Vec<bool>) -> Case {
        let limit = self.random.chance(40).then(|| self.random.below(12));
        let offset = self.random.chance(20).then(|| self.random.below(6));
        let ordered = !order.is_empty() || limit.is_some() || offset.is_some();
        let mut terms: Vec<String> = Vec::new();
        for name in &order {
            let direction = *self.random.pick(&["", " ASC", " DESC", " DESC"]);
            let nulls = *self.random.pick(&["", "", " NULLS FIRST", " NULLS LAST"]);
            terms.push(format!("{name}{direction}{nulls}"));
        }
        if !terms.is_empty() {
            text.direct.push_str(&format!(" ORDER BY {}", terms.join(", ")));
        }
        if ordered {
            terms.extend(complete.iter().filter(|name| !order.contains(name)).cloned());
            if !terms.is_empty() {
                text.oracle.push_str(&format!(" ORDER BY {}", terms.join(", ")));
            }
        }
        for (word, amount) in [("LIMIT", limit), ("OFFSET", offset)] {
            let Some(amount) = amount else { continue };
            if self.random.chance(20) {
                self.parameters.push(Datum::BigInt(amount as i64));
                text = text.add(&format!(" {word} ${}", self.parameters.len()));
            } else {
                text = text.add(&format!(" {word} {amount}"));
            }
        }
        Case { direct: text.direct, oracle: text.oracle, parameters: self.parameters, ordered, json }
    }
}
