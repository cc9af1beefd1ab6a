#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::ir::Format;
use tidegate::laws::request;

fuzz_target!(|body: &[u8]| {
    let asked = request::asked(Format::Gemini, false);
    request::holds(Format::Gemini, asked, body);
});
