#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::ir::Format;
use tidegate::laws::{ground, stream};

// Two bytes that say where it is cut, then the stream.
fuzz_target!(|input: &[u8]| {
    if let Some((places, bytes)) = ground::places(input) {
        stream::holds(Format::Gemini, bytes, &places);
    }
});
