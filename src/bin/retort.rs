//! The `retort` command: see `retort --help`.
fn main() {}
