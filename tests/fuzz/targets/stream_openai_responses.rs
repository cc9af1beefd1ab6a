#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use tidegate::Kind;
use tidegate::ir::Format;
use tidegate::laws::{ground, stream};

// Two bytes that say where it is cut, then the stream.
fuzz_target!(|input: &[u8]| {
    if let Some((places, bytes)) = ground::places(input) {
        stream::holds(Format::OpenaiResponses, bytes, &places);
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, _max: usize, seed: u32| {
    tidegate::mutate(data, size, seed, Kind::Stream, 2)
});
