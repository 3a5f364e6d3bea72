//! `kalamdb token`.

use clap::{Args, Subcommand};
use kalamdb_core::{Error, Result, UserId};

use super::{DataArgs, print_line};
use crate::auth::{Authority, Claims, expiry};
use crate::clock::now;
use crate::node::secret;

/// Tokens are JSON Web Tokens signed with HS256 under the server's secret. Any other program that has the secret may
/// make them too: `sub` is the user, `exp` the end in seconds since 1970.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Print a token
    Mint(MintArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kalamdb token mint --user ada
  kalamdb token mint --user ops --admin --ttl 10m --secret-file /etc/kalamdb.secret
  curl -H \"Authorization: Bearer $(kalamdb token mint --user ada)\" …")]
struct MintArgs {
    /// The user that the token speaks for
    #[arg(long, value_name = "USER")]
    user: String,
    /// Allow to create and change tables
    #[arg(long)]
    admin: bool,
    /// Allow devices of the user to create the tables that they declare
    #[arg(long)]
    declare: bool,
    /// How long the token is valid: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_ttl)]
    ttl: u64,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: TokenArgs) -> Result<()> {
    let TokenCommand::Mint(args) = args.command;
    let settings = args.data.settings(None)?;
    if settings.secret.is_none() && settings.secret_file.is_none() && !settings.data_dir.is_dir() {
        let message = format!(
            "data directory `{}` does not exist: name the server's with `--data-dir`, or its secret with `--secret-file`",
            settings.data_dir.display()
        );
        return Err(Error::invalid("no_data_dir", message));
    }
    let authority = Authority::new(&secret(&settings)?);
    let claims = Claims {
        sub: UserId::new(args.user)?.as_str().to_owned(),
        exp: expiry(now(), args.ttl),
        kalamdb_admin: args.admin,
        kalamdb_declare: args.declare,
    };
    print_line(authority.mint(&claims)?)
}

/// Seconds in `90s`, `15m`, `1h` or `30d`.
fn parse_ttl(text: &str) -> Result<u64, String> {
    const ADVICE: &str = "give a number with s, m, h or d, for example 1h";
    let unit_at = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(unit_at).ok_or(ADVICE)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(ADVICE.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| ADVICE)?;
    number.checked_mul(seconds).filter(|ttl| *ttl > 0).ok_or_else(|| ADVICE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_ttl;

    #[test]
    fn times_are_numbers_with_a_unit() {
        assert_eq!(
            [parse_ttl("90s"), parse_ttl("15m"), parse_ttl("1h"), parse_ttl("2d")],
            [Ok(90), Ok(900), Ok(3600), Ok(172_800)]
        );
        for bad in ["", "h", "1", "1w", "-1h", "0h", "1.5h", "99999999999999999999d", "1é"] {
            assert!(parse_ttl(bad).is_err(), "{bad}");
        }
    }
}
