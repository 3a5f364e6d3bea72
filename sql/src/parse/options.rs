//! LOCATION, FLUSH POLICY and WITH (…): checked here, stored by the catalog.

use kalamdb_core::catalog::{FlushPolicy, Location};
use kalamdb_core::{Error, Result};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::words::{expect_word, name, word, words};
use super::{OptionChanges, syntax, unsupported};

/// The variable that every location template names.
const USER_VARIABLE: &str = "${user_id}";
/// All variables of a location template.
const VARIABLES: [&str; 3] = [USER_VARIABLE, "${namespace}", "${table_name}"];
/// Longest location template and storage URL.
pub const LOCATION_BYTES_MAX: usize = 1_024;
/// Longest FLUSH POLICY INTERVAL and retention: ten years.
const DURATION_SECONDS_MAX: u64 = 10 * 366 * 24 * 3600;

/// Reads every clause behind a table's columns, each at most once.
pub(super) fn table_options(parser: &mut Parser<'_>) -> Result<OptionChanges> {
    let mut options = OptionChanges::default();
    loop {
        let again = if word(parser, "LOCATION") {
            options.location.replace(location(parser)?).map(|_| "LOCATION")
        } else if words(parser, &["FLUSH", "POLICY"]) {
            options.flush.replace(flush_policy(parser)?).map(|_| "FLUSH POLICY")
        } else if word(parser, "WITH") {
            with_options(parser, &mut options)?;
            None
        } else {
            return Ok(options);
        };
        if let Some(clause) = again {
            return Err(Error::invalid("duplicate_clause", format!("{clause} is given twice")));
        }
    }
}

/// `SET …` of ALTER TABLE: the same clauses, or options without WITH.
pub(super) fn set_options(parser: &mut Parser<'_>) -> Result<OptionChanges> {
    if parser.peek_token_ref().token == Token::LParen {
        let mut options = OptionChanges::default();
        with_options(parser, &mut options)?;
        return Ok(options);
    }
    let options = table_options(parser)?;
    if options == OptionChanges::default() {
        return Err(unsupported("ALTER TABLE SET takes LOCATION, FLUSH POLICY or (deleted_retention = '7d')"));
    }
    Ok(options)
}

fn location(parser: &mut Parser<'_>) -> Result<Location> {
    if word(parser, "REFERENCE") {
        return name(parser).map(Location::Reference);
    }
    let template = parser.parse_literal_string().map_err(syntax)?;
    check_template(&template)?;
    Ok(Location::Template(template))
}

fn invalid_location(template: &str, why: &str) -> Error {
    let shown: String = template.chars().take(120).collect();
    Error::invalid("invalid_location", format!("location {shown:?} {why}"))
}

fn check_template(template: &str) -> Result<()> {
    check_path(template)?;
    if !template.contains(USER_VARIABLE) {
        return Err(invalid_location(template, "must contain ${user_id}, so that each user's files stand apart"));
    }
    let mut rest = template.to_string();
    for variable in VARIABLES {
        rest = rest.replace(variable, "");
    }
    if rest.contains("${") {
        return Err(invalid_location(
            template,
            "has an unknown variable: use ${user_id}, ${namespace} and ${table_name}",
        ));
    }
    Ok(())
}

/// Refuses what no path of a location may hold.
fn check_path(path: &str) -> Result<()> {
    if path.is_empty() || path.len() > LOCATION_BYTES_MAX {
        let why = format!("has {} bytes: 1 to {LOCATION_BYTES_MAX} are allowed", path.len());
        return Err(invalid_location(path, &why));
    }
    if path.chars().any(char::is_control) || path.split(['/', '\\']).any(|part| part == "..") {
        return Err(invalid_location(path, "must not contain control characters or `..`"));
    }
    Ok(())
}

/// The URL of a storage location.
pub(super) fn check_storage_url(url: &str) -> Result<()> {
    check_path(url)?;
    if url.contains("${") {
        return Err(invalid_location(url, "is a storage location: variables stand in the LOCATION of tables"));
    }
    let known =
        ["file:///", "s3://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if known { Ok(()) } else { Err(invalid_location(url, "must begin with file:/// or s3:// and name a place there")) }
}

fn flush_policy(parser: &mut Parser<'_>) -> Result<FlushPolicy> {
    let mut policy = FlushPolicy::default();
    loop {
        let again = if word(parser, "ROWS") {
            let rows = parser.parse_literal_uint().map_err(syntax)?;
            if rows == 0 {
                return Err(Error::invalid("invalid_flush_policy", "FLUSH POLICY ROWS needs 1 row or more"));
            }
            policy.rows.replace(rows).is_some()
        } else if word(parser, "INTERVAL") {
            let seconds = duration(&parser.parse_literal_string().map_err(syntax)?)?;
            policy.interval_seconds.replace(seconds).is_some()
        } else if policy == FlushPolicy::default() {
            let next = parser.peek_token();
            return parser.expected("ROWS or INTERVAL behind FLUSH POLICY", next).map_err(syntax);
        } else {
            return Ok(policy);
        };
        if again {
            return Err(Error::invalid("duplicate_clause", "FLUSH POLICY names ROWS or INTERVAL twice"));
        }
    }
}

/// Reads `(name = 'value', …)`.
pub(super) fn option_list(parser: &mut Parser<'_>) -> Result<Vec<(String, String)>> {
    parser.expect_token(&Token::LParen).map_err(syntax)?;
    let mut options: Vec<(String, String)> = Vec::new();
    loop {
        let option = super::ident(&parser.parse_identifier().map_err(syntax)?);
        parser.expect_token(&Token::Eq).map_err(syntax)?;
        let value = parser.parse_literal_string().map_err(syntax)?;
        if options.iter().any(|(known, _)| *known == option) {
            return Err(Error::invalid("duplicate_clause", format!("option `{option}` is given twice")));
        }
        options.push((option, value));
        if !parser.consume_token(&Token::Comma) {
            break;
        }
    }
    parser.expect_token(&Token::RParen).map_err(syntax)?;
    Ok(options)
}

fn with_options(parser: &mut Parser<'_>, changes: &mut OptionChanges) -> Result<()> {
    for (option, value) in option_list(parser)? {
        if option != "deleted_retention" {
            return Err(unsupported(&format!("table option `{option}` is not supported: there is deleted_retention")));
        }
        let seconds = if value.eq_ignore_ascii_case("off") { None } else { Some(duration(&value)?) };
        if changes.deleted_retention_seconds.replace(seconds).is_some() {
            return Err(Error::invalid("duplicate_clause", "deleted_retention is given twice"));
        }
    }
    Ok(())
}

/// `endpoint` and `region` of a storage location.
pub(super) fn storage_options(parser: &mut Parser<'_>) -> Result<Vec<(String, String)>> {
    if !word(parser, "WITH") {
        return Ok(Vec::new());
    }
    let options = option_list(parser)?;
    match options.iter().find(|(option, _)| !matches!(option.as_str(), "endpoint" | "region")) {
        None => Ok(options),
        Some((option, _)) => {
            let message =
                format!("option `{option}` of a storage location is not supported: there are endpoint and region");
            Err(unsupported(&message))
        }
    }
}

/// `URL 's3://bucket/prefix'`.
pub(super) fn storage_url(parser: &mut Parser<'_>) -> Result<String> {
    expect_word(parser, "URL")?;
    let url = parser.parse_literal_string().map_err(syntax)?;
    check_storage_url(&url)?;
    Ok(url)
}

/// Seconds of a duration such as `7d`, `90 minutes` or `1 hour 30 min`.
///
/// # Errors
/// Kind `invalid` if it is none, is zero or longer than ten years.
pub(super) fn duration(text: &str) -> Result<u64> {
    let invalid = || {
        let shown: String = text.chars().take(60).collect();
        let message =
            format!("duration {shown:?} is not valid: write '30s', '5 minutes', '12h' or '7d', at most ten years");
        Error::invalid("invalid_duration", message)
    };
    let mut total: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 24 * 3600,
            "w" | "week" | "weeks" => 7 * 24 * 3600,
            _ => return Err(invalid()),
        };
        let number: u64 = number.parse().map_err(|_| invalid())?;
        total = number.checked_mul(seconds).and_then(|more| total.checked_add(more)).ok_or_else(invalid)?;
        rest = tail.trim_start();
    }
    if (1..=DURATION_SECONDS_MAX).contains(&total) { Ok(total) } else { Err(invalid()) }
}
