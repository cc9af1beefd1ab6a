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

use features::{Feature, Kind, features};

fn requests() -> Vec<Feature> {
    let texts = [
        include_str!("wire_table/requests.txt"),
        include_str!("wire_table/settings.txt"),
    ];
    let all = texts.iter().map(|text| features(text, Kind::Request));
    all.flatten().collect()
}

#[test]
fn the_readme_says_what_survives_of_requests() {
    readme::must_have("requests", &table::of(&requests(), Kind::Request));
}

#[test]
fn a_vendor_of_the_clients_own_format_gets_every_byte_but_the_models_name() {
    for feature in requests() {
        for format in feature.says.keys() {
            let (sent, wanted) = convert::untouched(&feature, *format);
            assert_eq!(sent, wanted, "{}", feature.name);
        }
    }
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
