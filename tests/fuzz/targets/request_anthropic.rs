#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use tidegate::Kind;
use tidegate::ir::Format;
use tidegate::laws::request;

fuzz_target!(|body: &[u8]| {
    let asked = request::asked(Format::Anthropic, false);
    request::holds(Format::Anthropic, asked, body);
});

fuzz_mutator!(|data: &mut [u8], size: usize, _max: usize, seed: u32| {
    tidegate::mutate(data, size, seed, Kind::Body, 0)
});
