//! The README's tables of what survives a conversion, and the one of efforts, derived from the code.
//!
//! Every feature of `requests.txt`, `settings.txt` and `answers.txt` is said in every format that has a word for it and
//! converted to every other; what came of it is a sign in the table. What is neither there nor told as dropped fails the
//! test. With `INSTA_UPDATE=always` the tables are written into the README; otherwise they must stand there.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed; the README is where the environment says"
)]

#[path = "wire_table/convert.rs"]
mod convert;
#[path = "wire_table/features.rs"]
mod features;
#[path = "wire_table/readme.rs"]
mod readme;
#[path = "wire_table/table.rs"]
mod table;

use features::{Kind, features};

#[test]
fn the_readme_says_what_survives_of_requests() {
    let texts = [
        include_str!("wire_table/requests.txt"),
        include_str!("wire_table/settings.txt"),
    ];
    let features: Vec<_> = texts
        .iter()
        .flat_map(|text| features(text, Kind::Request))
        .collect();
    readme::must_have("requests", &table::of(&features, Kind::Request));
}

#[test]
fn the_readme_says_what_survives_of_answers() {
    let features = features(include_str!("wire_table/answers.txt"), Kind::Answer);
    readme::must_have("answers", &table::of(&features, Kind::Answer));
}

#[test]
fn the_readme_says_which_efforts_are_which_budgets_and_levels() {
    readme::must_have("efforts", &table::efforts());
}
