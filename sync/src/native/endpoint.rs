//! The address of a server.

use std::fmt;
use std::str::FromStr;

use kalamdb_core::{Error, Result};
use tokio_tungstenite::tungstenite::http::Uri;

/// The path that servers listen on; an address without a path gets it.
const PATH: &str = "/v1/sync";
const PORT: u16 = 80;

/// A checked address such as `ws://127.0.0.1:7171/v1/sync`.
///
/// ```
/// use kalamdb_sync::native::Endpoint;
/// let endpoint: Endpoint = "ws://localhost:7171".parse()?;
/// assert_eq!(endpoint.to_string(), "ws://localhost:7171/v1/sync");
/// assert_eq!("wss://example.org".parse::<Endpoint>().unwrap_err().code(), "no_tls");
/// # Ok::<(), kalamdb_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    host: String,
    port: u16,
}

impl Endpoint {
    pub(super) fn uri(&self) -> Uri {
        self.uri.clone()
    }

    /// Host and port to connect to.
    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Checks an address.
    ///
    /// # Errors
    /// Kind `invalid` if it is no `ws://` or `http://` address (the same server). Addresses with `wss://` and
    /// `https://` are refused: this build has no TLS.
    fn from_str(url: &str) -> Result<Endpoint> {
        let wrong = |why: &str| {
            let shown: String = url.chars().take(200).collect();
            Error::invalid("invalid_url", format!("server address {shown:?} {why}: use ws://HOST:PORT"))
        };
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("does not parse ({error})")))?;
        match uri.scheme_str() {
            Some("ws" | "http") => {}
            Some("wss" | "https") => {
                let message = "TLS is not available in this build: use ws:// or http:// through a tunnel or a local proxy that adds TLS";
                return Err(Error::invalid("no_tls", message));
            }
            _ => return Err(wrong("has neither scheme ws nor http")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user name: the token is given apart from the address"));
        }
        if uri.query().is_some() {
            return Err(wrong("has a query: the token is given apart from the address"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            None if authority.as_str() == authority.host() => PORT,
            Some(_) | None => return Err(wrong("has a port that is none")),
        };
        let path = if uri.path() == "/" || uri.path().is_empty() { PATH } else { uri.path() };
        let full = format!("ws://{authority}{path}");
        let uri = full.parse().map_err(|error| wrong(&format!("does not parse ({error})")))?;
        Ok(Endpoint { uri, host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed() {
        let shown = |url: &str| url.parse::<Endpoint>().map(|endpoint| endpoint.to_string());
        assert_eq!(shown("ws://h"), Ok("ws://h/v1/sync".to_string()));
        assert_eq!(shown("ws://h:81/proxy/sync"), Ok("ws://h:81/proxy/sync".to_string()));
        assert_eq!(shown("http://h:7171"), Ok("ws://h:7171/v1/sync".to_string()));
        let six: Endpoint = "ws://[::1]:9".parse().expect("an address of version 6");
        assert_eq!(six.address(), ("::1", 9));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "localhost:80",
            "ftp://h",
            "ws://",
            "ws:///x",
            "ws://u:p@h",
            "ws://h?token=1",
            "ws://h:0",
            "ws://h:99999",
        ] {
            let error = url.parse::<Endpoint>().expect_err(url);
            assert_eq!(error.code(), "invalid_url", "{url}: {error}");
        }
    }
}
