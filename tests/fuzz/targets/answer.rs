#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use tidegate::Kind;
use tidegate::ir::Format;
use tidegate::laws::{answer, ground};

// A byte that says the format, two that say where it is cut, then the answer.
fuzz_target!(|input: &[u8]| {
    if let Some((format, rest)) = input.split_first()
        && let Some((places, body)) = ground::places(rest)
    {
        let format = Format::ALL[usize::from(*format) % Format::ALL.len()];
        answer::holds(format, body, &places);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, _max: usize, seed: u32| {
    tidegate::mutate(data, size, seed, Kind::Body, 3)
});
