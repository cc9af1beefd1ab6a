#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::laws::scan;

fuzz_target!(|body: &[u8]| {
    scan::holds(body, "a\"nother");
});
