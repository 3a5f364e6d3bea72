//! `kalamdb sql`.

use clap::Args;
use kalamdb_core::{Error, Result, UserId};
use kalamdb_sql::Role;
use serde_json::{Value as Json, json};

use super::{Absent, DataArgs, print_line, table};
use crate::auth::{Authority, Claims, expiry};
use crate::clock::now;
use crate::http::sql::{encode, read_params};
use crate::http_client::Endpoint;
use crate::node::{Node, secret};
use crate::statements;

/// How long a token that the command makes for itself is valid.
const TOKEN_S: u64 = 300;

/// With `--url` the statements go to a running server, with `--token` or one made from the server's secret. Without it
/// they run on the data directory, which no server may have open.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kalamdb sql --as ada -c \"SELECT * FROM app.notes\"
  kalamdb sql --as ops --admin -c \"CREATE NAMESPACE app\"
  kalamdb sql --as ada -c \"SELECT * FROM app.notes WHERE id = \\$1\" --param 7
  kalamdb sql --url http://127.0.0.1:7171 --token \"$TOKEN\" -c \"SHOW TABLES\"")]
pub(super) struct SqlArgs {
    /// The statements, separated by semicolons
    #[arg(short, long, value_name = "SQL")]
    command: String,
    /// Value of $1, $2 … in order: JSON, or else a text
    #[arg(long = "param", value_name = "VALUE")]
    params: Vec<String>,
    /// The user in whose space the statements run
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Allow to create and change tables
    #[arg(long, conflicts_with = "token")]
    admin: bool,
    /// A running server
    #[arg(long, value_name = "URL", env = "KALAMDB_URL")]
    url: Option<String>,
    /// A token for it
    #[arg(long, value_name = "TOKEN", env = "KALAMDB_TOKEN", hide_env_values = true, requires = "url")]
    token: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: SqlArgs) -> Result<()> {
    let is_json = args.json;
    let args = settle(args)?;
    let params: Vec<Json> = args
        .params
        .iter()
        .map(|text| serde_json::from_str(text).unwrap_or_else(|_| Json::from(text.as_str())))
        .collect();
    let answer = match args.url.clone() {
        Some(url) => remote(args, &Endpoint::parse(&url)?, params)?,
        None => local(args, params)?,
    };
    if is_json { print_line(answer) } else { print_line(table::show(&answer)) }
}

/// Says which of server and data directory is meant, and who asks. What stands on the command line goes before what the
/// environment says.
fn settle(mut args: SqlArgs) -> Result<SqlArgs> {
    let is_from_environment = |value: &Option<String>, name| value.is_some() && std::env::var(name).ok() == *value;
    let has_data = args.data.data_dir.is_some() || args.data.secret_file.is_some();
    if is_from_environment(&args.token, "KALAMDB_TOKEN") && (args.user.is_some() || has_data) {
        args.token = None;
    }
    if is_from_environment(&args.url, "KALAMDB_URL") && has_data {
        args.url = None;
    }
    let twice = |what| Error::invalid("conflicting_flags", format!("{what}: give one of them"));
    match (&args.url, &args.token, &args.user) {
        (_, Some(_), Some(_)) => Err(twice("`--token` and `--as` both say who asks")),
        (_, Some(_), None) if has_data => {
            Err(twice("`--token` goes to a server, `--data-dir` and `--secret-file` do not"))
        }
        (Some(_), None, None) => {
            let message = "no user: give `--token`, or `--as USER` with the server's `--data-dir` or `--secret-file`";
            Err(Error::invalid("no_user", message))
        }
        (None, _, None) => Err(Error::invalid("no_user", "no user: give `--as USER`")),
        _ => Ok(args),
    }
}

fn remote(args: SqlArgs, server: &Endpoint, params: Vec<Json>) -> Result<Json> {
    let token = match (args.token, args.user) {
        (Some(token), _) => token,
        (None, Some(user)) => {
            let settings = args.data.settings(None)?;
            if settings.secret.is_none() && settings.secret_file.is_none() && !settings.data_dir.is_dir() {
                let message = "no token: give `--token`, or name the server's `--data-dir` or `--secret-file`";
                return Err(Error::unauthorized("token_missing", message));
            }
            let exp = expiry(now(), TOKEN_S);
            let sub = UserId::new(user)?.as_str().to_owned();
            let claims = Claims { sub, exp, kalamdb_admin: args.admin, kalamdb_declare: false };
            Authority::new(&secret(&settings)?).mint(&claims)?
        }
        (None, None) => return Err(Error::invalid("no_user", "no user: give `--as USER` or `--token`")),
    };
    server.sql(&token, &json!({ "sql": args.command, "params": params }), None)
}

fn local(args: SqlArgs, params: Vec<Json>) -> Result<Json> {
    let user = args.user.ok_or_else(|| Error::invalid("no_user", "no user: give `--as USER`"))?;
    let user = UserId::new(user)?;
    let role = if args.admin { Role::Admin } else { Role::User };
    let params = read_params(params)?;
    super::on_data(args.data, Absent::Refuse(", or a running server with `--url`"), |node: &Node| {
        let space = node.server.space_of(&user, now())?;
        let backend = statements::backend(&node.server, space, &user, role);
        let results = super::block_on(statements::run(backend, &args.command, &params))??;
        Ok(encode(&results))
    })
}
