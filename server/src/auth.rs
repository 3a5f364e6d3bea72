//! Tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256 under one secret.

mod secret;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use kalamdb_core::{Error, Now, Result, UserId};
use kalamdb_sync::server::Identity;
use serde::{Deserialize, Serialize};

pub use secret::{SECRET_BYTES_MIN, SECRET_FILE, Secret};

/// Longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What a token says. Other claims are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// When the token ends, seconds since 1970.
    pub exp: u64,
    /// Whether the bearer may change the catalog.
    #[serde(default)]
    pub kalamdb_admin: bool,
    /// Whether tables that a device of the bearer declares are created.
    #[serde(default)]
    pub kalamdb_declare: bool,
}

/// What a verified token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who it is, as a sync session wants it.
    pub identity: Identity,
    /// Whether DDL is allowed.
    pub is_admin: bool,
}

/// Mints and verifies tokens.
pub struct Authority {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Authority {
    /// An authority for `secret`.
    pub fn new(secret: &Secret) -> Authority {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.leeway = 0;
        validation.validate_nbf = true;
        Authority {
            encoding: EncodingKey::from_secret(secret.bytes()),
            decoding: DecodingKey::from_secret(secret.bytes()),
            validation,
        }
    }

    /// Signs a token.
    ///
    /// # Errors
    /// Kind `internal` if signing fails.
    pub fn mint(&self, claims: &Claims) -> Result<String> {
        encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|error| Error::internal("signing_failed", format!("the token could not be signed: {error}")))
    }

    /// Checks signature, algorithm and end of a token.
    ///
    /// # Errors
    /// Kind `unauthorized`; its code says what is wrong.
    pub fn verify(&self, token: &str) -> Result<Grant> {
        if token.is_empty() {
            return Err(Error::unauthorized("token_missing", "the request carries no token: send a bearer token"));
        }
        if token.len() > TOKEN_BYTES_MAX {
            let message = format!("the token has {} bytes: at most {TOKEN_BYTES_MAX} are allowed", token.len());
            return Err(Error::unauthorized("token_invalid", message));
        }
        let claims =
            decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| refused(error.kind()))?;
        let Claims { sub, exp, kalamdb_admin, kalamdb_declare } = claims.claims;
        let user = UserId::new(sub)
            .map_err(|error| Error::unauthorized("token_invalid", format!("claim `sub`: {}", error.message())))?;
        let expires_ms = exp.saturating_mul(1000);
        let may_declare = kalamdb_admin || kalamdb_declare;
        Ok(Grant { identity: Identity { user, expires_ms, may_declare }, is_admin: kalamdb_admin })
    }
}

fn refused(kind: &ErrorKind) -> Error {
    match kind {
        ErrorKind::ExpiredSignature => Error::unauthorized("token_expired", "the token has expired: get a new one"),
        ErrorKind::ImmatureSignature => Error::unauthorized("token_early", "the token is not valid yet: check clocks"),
        ErrorKind::InvalidSignature => Error::unauthorized(
            "token_signature",
            "the token is not signed with this server's secret: get one from whoever holds it",
        ),
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            Error::unauthorized("token_algorithm", "the token is not signed with HS256, the only algorithm allowed")
        }
        ErrorKind::MissingRequiredClaim(claim) => {
            Error::unauthorized("token_invalid", format!("the token lacks the claim `{claim}`: mint it with one"))
        }
        ErrorKind::InvalidAudience => {
            Error::unauthorized("token_audience", "the token names an audience: it was made for somebody else")
        }
        _ => Error::unauthorized(
            "token_invalid",
            "the token is no JWT or was cut off: copy it whole, or make one with `kalamdb token mint`",
        ),
    }
}

/// The end of a token that is minted at `now` for `ttl_s` seconds.
pub fn expiry(now: Now, ttl_s: u64) -> u64 {
    (now.millis() / 1000).saturating_add(ttl_s)
}

#[cfg(test)]
mod tests;
