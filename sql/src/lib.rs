//! SQL over KalamDB user tables.

pub mod direct;
