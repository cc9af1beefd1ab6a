//! Whole answers on their way to every client.

use tidegate::ir::Format;
use tidegate::wire::convert::{Manner, answer};

use super::ground::{collected, course, is_json};
use super::meaning::{meaning, read};
use super::{relay, shown};

/// Whatever a vendor answers, it is refused, or becomes for every client an answer that can be read; told as a stream it
/// says what it says whole.
pub fn holds(from: Format, body: &[u8], places: &[u16]) {
    relay::a_reply_tells_the_same(from, body, places);
    relay::any_fault_is_told_as_one(from, body);
    for to in Format::ALL {
        let whole = answer(course(from, to), body, Manner::Whole);
        let stream = answer(course(from, to), body, Manner::Stream);
        let (Ok(whole), Ok(stream)) = (&whole, &stream) else {
            assert!(whole.is_err() && stream.is_err(), "{from} -> {to}");
            continue;
        };
        let text = String::from_utf8_lossy(&whole.body);
        assert!(is_json(&whole.body), "{from} -> {to}: {text}");
        shown::is_well_formed(to, &stream.body, true);
        let told = read(to, &whole.body);
        assert!(told.is_some(), "{from} -> {to}: {text}");
        let streamed = collected(to, &stream.body).map(|reply| meaning(&reply));
        let stream = String::from_utf8_lossy(&stream.body);
        assert_eq!(streamed, told, "{from} -> {to}:\n{text}\n{stream}");
    }
}
