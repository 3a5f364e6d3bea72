//! One suite of checks for every implementation of [`Store`](super::Store).
