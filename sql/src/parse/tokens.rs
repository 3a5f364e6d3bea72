//! Tokens of a text: parameters numbered, chains of operators bounded.

use kalamdb_core::{Error, Result};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::{DIALECT, PARAMS_MAX, syntax};

/// Most operators in a row without a comma or parenthesis between them: planning recurses once for each.
pub const OPERATOR_CHAIN_MAX: usize = 500;

/// The tokens of `sql` with every `?` numbered, and the highest parameter number.
pub(super) fn tokenize(sql: &str) -> Result<(Vec<TokenWithSpan>, usize)> {
    let mut tokens = Tokenizer::new(&DIALECT, sql).tokenize_with_location().map_err(|error| syntax(error.into()))?;
    check_chains(&tokens)?;
    unkey_current_user(&mut tokens);
    let params = number_params(&mut tokens)?;
    Ok((tokens, params))
}

/// sqlparser takes CURRENT_USER without parentheses only; before one it is read as any other function.
fn unkey_current_user(tokens: &mut [TokenWithSpan]) {
    let mut before_parenthesis = false;
    for token in tokens.iter_mut().rev() {
        match &mut token.token {
            Token::Whitespace(_) => continue,
            Token::Word(word) if before_parenthesis && word.keyword == Keyword::CURRENT_USER => {
                word.keyword = Keyword::NoKeyword;
            }
            _ => {}
        }
        before_parenthesis = token.token == Token::LParen;
    }
}

fn number_params(tokens: &mut [TokenWithSpan]) -> Result<usize> {
    let (mut marks, mut highest) = (0, 0);
    for token in tokens {
        let Token::Placeholder(text) = &mut token.token else { continue };
        let number = if text == "?" {
            marks += 1;
            *text = format!("${marks}");
            marks
        } else {
            text.strip_prefix('$').and_then(|number| number.parse().ok()).filter(|number| *number >= 1).ok_or_else(
                || {
                    let message = format!("parameter {text} is not supported: write $1, $2, … or ?");
                    Error::invalid("invalid_parameter", message)
                },
            )?
        };
        if number > PARAMS_MAX {
            let message = format!("parameter {number}: at most {PARAMS_MAX} are allowed, split the statement");
            return Err(Error::quota("too_many_parameters", message));
        }
        highest = highest.max(number);
    }
    if marks > 0 && highest > marks {
        return Err(Error::invalid("invalid_parameter", "? and $1 stand in one text: use one of them"));
    }
    Ok(highest)
}

fn check_chains(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut open: Vec<usize> = vec![0];
    for token in tokens {
        match &token.token {
            Token::LParen => open.push(0),
            Token::RParen if open.len() > 1 => drop(open.pop()),
            Token::Comma | Token::SemiColon => open.last_mut().into_iter().for_each(|count| *count = 0),
            other if is_operator(other) => {
                let Some(count) = open.last_mut() else { continue };
                *count += 1;
                if *count > OPERATOR_CHAIN_MAX {
                    let line = token.span.start.line;
                    let message = format!(
                        "more than {OPERATOR_CHAIN_MAX} operators in a row at line {line}: use IN (…) or split the statement"
                    );
                    return Err(Error::invalid("expression_too_deep", message));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && ["AND", "OR", "NOT", "UNION", "EXCEPT", "INTERSECT", "JOIN", "IS"]
                    .iter()
                    .any(|name| word.value.eq_ignore_ascii_case(name))
        }
        Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::Mod
        | Token::StringConcat
        | Token::DoubleColon => true,
        Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq
        | Token::LBracket
        | Token::Period => true,
        Token::Arrow | Token::LongArrow | Token::Ampersand | Token::Pipe | Token::Caret | Token::Tilde => true,
        _ => false,
    }
}
