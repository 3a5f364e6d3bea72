//! `kalamdb serve`.

use std::net::{SocketAddr, ToSocketAddrs};

use std::io::IsTerminal;

use clap::Args;
use kalamdb_core::{Error, Result};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{DataArgs, block_on, print_line};
use crate::auth::{Claims, expiry};
use crate::clock::now;
use crate::http::demo::{DEV_TOKEN_S, DEV_USER};
use crate::http::router_with_demo;
use crate::running::Running;
use crate::settings::{LogFormat, Settings};

/// The user whose token may change the catalog of a development server.
const DEV_ADMIN: &str = "admin";

/// Devices connect to ws://ADDR/v1/sync, SQL goes to http://ADDR/v1/sql. SIGTERM and SIGINT stop the server in order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kalamdb serve --dev
  kalamdb serve --listen 0.0.0.0:7171 --data-dir /var/lib/kalamdb --secret-file /etc/kalamdb.secret
  KALAMDB_LOG_FORMAT=json kalamdb serve --config /etc/kalamdb.toml")]
pub(super) struct ServeArgs {
    /// Print a URL and tokens as lines of JSON, and serve the demo at `/`; only on loopback addresses
    #[arg(long)]
    dev: bool,
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:7171]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: ServeArgs) -> Result<()> {
    let settings = args.data.settings(args.listen)?;
    start_log(&settings)?;
    if args.dev {
        require_loopback(&settings.listen)?;
    }
    block_on(serve(settings, args.dev))?
}

async fn serve(settings: Settings, is_dev: bool) -> Result<()> {
    // Before anything is announced, so that a signal right after it stops the server in order.
    let handler = |kind| {
        signal(kind).map_err(|error| Error::internal("no_signals", format!("signals cannot be handled: {error}")))
    };
    let (mut terminate, mut interrupt) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let running = match is_dev {
        true => Running::start_with(settings, router_with_demo).await?,
        false => Running::start(settings).await?,
    };
    let announced = if is_dev { announce(&running) } else { Ok(()) };
    if announced.is_ok() {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    }
    running.stop().await?;
    tracing::info!("stopped");
    announced
}

/// One line with the URL and one for each token.
fn announce(running: &Running) -> Result<()> {
    let mint = |user: &str, is_admin| {
        let exp = expiry(now(), DEV_TOKEN_S);
        let claims = Claims { sub: user.to_owned(), exp, kalamdb_admin: is_admin, kalamdb_declare: true };
        running.node().authority.mint(&claims)
    };
    print_line(json!({ "ready": running.url() }))?;
    print_line(json!({ "token": mint(DEV_USER, false)?, "user": DEV_USER }))?;
    print_line(json!({ "token": mint(DEV_ADMIN, true)?, "user": DEV_ADMIN, "admin": true }))
}

/// Tokens that are printed must not open a server that others reach.
fn require_loopback(listen: &str) -> Result<()> {
    let addresses: Vec<SocketAddr> = listen.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    // An address that does not resolve is refused with its reason when it is bound.
    if addresses.iter().all(|address| address.ip().is_loopback()) {
        return Ok(());
    }
    let message = format!(
        "`--dev` prints tokens and listens on loopback addresses only, not on `{listen}`: \
         use 127.0.0.1, or leave out `--dev`"
    );
    Err(Error::invalid("dev_not_loopback", message))
}

fn start_log(settings: &Settings) -> Result<()> {
    let wrong = |why: &str| {
        let message = format!(
            "setting `log` is `{}` ({why}): use off, error, warn, info, debug or trace, or a filter such as \
             `info,kalamdb_server=debug`",
            settings.log
        );
        Error::invalid("invalid_setting", message)
    };
    // A bare word that is no level would be taken for the name of a module, and nothing would be logged.
    let words = settings.log.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    if let Some(word) = words.into_iter().find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(wrong(&format!("`{word}` is no level")));
    }
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| wrong(&error.to_string()))?;
    // Standard output belongs to what `--dev` announces.
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal);
    match settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
