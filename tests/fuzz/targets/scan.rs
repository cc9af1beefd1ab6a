#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use tidegate::Kind;
use tidegate::laws::scan;

fuzz_target!(|body: &[u8]| {
    scan::holds(body, "a\"nother");
});

fuzz_mutator!(|data: &mut [u8], size: usize, _max: usize, seed: u32| {
    tidegate::mutate(data, size, seed, Kind::Body, 0)
});
