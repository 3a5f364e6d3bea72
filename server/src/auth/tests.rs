use super::*;

fn authority() -> Authority {
    Authority::new(&Secret::new(&"s".repeat(SECRET_BYTES_MIN), "the test").expect("long enough"))
}

fn claims(exp: u64) -> Claims {
    Claims { sub: "ada".to_owned(), exp, kalamdb_admin: false, kalamdb_declare: true }
}

fn code(token: &str) -> String {
    authority().verify(token).expect_err("a bad token").code().to_owned()
}

const FAR: u64 = 4_000_000_000;

#[test]
fn a_minted_token_says_what_it_was_minted_with() {
    let token = authority().mint(&claims(FAR)).expect("it signs");
    let grant = authority().verify(&token).expect("it verifies");
    assert_eq!(grant.identity.user.as_str(), "ada");
    assert_eq!(grant.identity.expires_ms, FAR * 1000);
    assert!(grant.identity.may_declare && !grant.is_admin);
}

#[test]
fn bad_tokens_are_told_apart() {
    assert_eq!(code(""), "token_missing");
    assert_eq!(code("what is this"), "token_invalid");
    assert_eq!(code(&"x".repeat(TOKEN_BYTES_MAX + 1)), "token_invalid");
    assert_eq!(code(&authority().mint(&claims(1_000)).expect("it signs")), "token_expired");
    let other = Authority::new(&Secret::new(&"o".repeat(SECRET_BYTES_MIN), "the test").expect("long enough"));
    assert_eq!(code(&other.mint(&claims(FAR)).expect("it signs")), "token_signature");
    let key = EncodingKey::from_secret(&[b's'; SECRET_BYTES_MIN]);
    let hs512 = encode(&Header::new(Algorithm::HS512), &claims(FAR), &key).expect("it signs");
    assert_eq!(code(&hs512), "token_algorithm");
    // {"alg":"none","typ":"JWT"} . {"sub":"ada","exp":4000000000} .
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhZGEiLCJleHAiOjQwMDAwMDAwMDB9.";
    assert!(["token_algorithm", "token_invalid"].contains(&code(none).as_str()));
}

#[test]
fn a_token_without_end_or_user_is_refused() {
    let key = EncodingKey::from_secret(&[b's'; SECRET_BYTES_MIN]);
    let sign = |claims| encode(&Header::new(Algorithm::HS256), &claims, &key).expect("it signs");
    assert_eq!(code(&sign(serde_json::json!({ "sub": "ada" }))), "token_invalid");
    assert_eq!(code(&sign(serde_json::json!({ "exp": FAR }))), "token_invalid");
    assert_eq!(code(&sign(serde_json::json!({ "exp": FAR, "sub": "" }))), "token_invalid");
}

#[test]
fn short_secrets_are_refused_and_made_ones_are_kept() {
    assert_eq!(Secret::new("short", "the test").expect_err("too short").code(), "secret_too_short");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(SECRET_FILE);
    let made = Secret::read_or_make(&path).expect("it is made");
    assert_eq!(Secret::read_or_make(&path), Ok(made.clone()));
    assert_eq!(format!("{made:?}"), "Secret(***)");
    assert_eq!(Secret::read(&folder.path().join("none")).expect_err("missing").code(), "secret_unreadable");
}
