//! `kalamdb sql`.

use clap::Args;
use kalamdb_core::{Error, Result, UserId};
use kalamdb_sql::Role;
use serde_json::{Value as Json, json};

use super::{DataArgs, print_line, table};
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
    #[arg(long = "as", value_name = "USER", required_unless_present = "token")]
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
    super::on_data(args.data, |node: &Node| {
        let space = node.server.space_of(&user, now())?;
        let backend = statements::backend(&node.server, space, &user, role);
        let results = super::block_on(statements::run(backend, &args.command, &params))??;
        Ok(encode(&results))
    })
}
