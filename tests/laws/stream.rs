//! Streams on their way to every client.

use bytes::Bytes;
use tidegate::ir::{Fault, Format};
use tidegate::wire::convert::{Course, Telling, Transcode};
use tidegate::wire::relay::{End, Progress};

use super::ground::{breaks_off, collected, course, cut, place, telling};
use super::{relay, shown};

/// What a client gets, to the last byte.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub out: String,
    pub ended: Result<(), Fault>,
    /// The answer was whole before the transport ended.
    pub done: bool,
}

/// Whatever a vendor streams, and however the bytes are cut: a client gets the same, it is well formed, and it ends well
/// only if the vendor's stream did.
pub fn holds(from: Format, bytes: &[u8], places: &[u16]) {
    for end in [End::Clean, End::Cut] {
        relay::any_split_gives_the_same(from, bytes, places, end);
        relay::whole_is_what_a_client_sees_as_whole(from, bytes, end);
    }
    for to in Format::ALL {
        let whole = told(course(from, to), &[bytes], End::Clean);
        assert_eq!(
            told(course(from, to), &cut(bytes, places), End::Clean),
            whole,
            "{from} -> {to}, cut"
        );
        shown::is_well_formed(to, whole.out.as_bytes(), whole.ended.is_ok());
        if whole.ended.is_ok() {
            let read = collected(to, whole.out.as_bytes());
            let is_told = read.is_some() || breaks_off(to, &whole.out);
            assert!(is_told, "{from} -> {to}: {}", whole.out);
        }
        for at in [
            bytes.len(),
            places.first().map_or(0, |of| place(*of, bytes)),
        ] {
            let broken = told(course(from, to), &[&bytes[..at]], End::Cut);
            shown::is_well_formed(to, broken.out.as_bytes(), broken.ended.is_ok());
            assert_eq!(broken.ended.is_ok(), broken.done, "{from} -> {to} at {at}");
            if broken.done {
                // What follows the end is nobody's.
                assert_eq!(broken.out, whole.out, "{from} -> {to} at {at}");
                assert!(whole.done);
            }
        }
    }
    let telling = Telling {
        array: true,
        ..telling()
    };
    let course = Course {
        telling,
        ..course(from, Format::Gemini)
    };
    let told = told(course, &[bytes], End::Clean);
    let list = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(&told.out);
    assert!(list.is_ok(), "{from} -> array: {}", told.out);
}

/// The stream that a client is told: a fault is written as its end.
pub fn told(course: Course, chunks: &[&[u8]], end: End) -> Told {
    let mut transcode = Transcode::stream(course);
    let mut out = Vec::new();
    let pushed = chunks
        .iter()
        .try_for_each(|chunk| transcode.push(Bytes::copy_from_slice(chunk), &mut out));
    let done = transcode.progress() == Progress::Done;
    let ended = pushed.and_then(|()| transcode.finish(end, &mut out));
    let mut out = out.concat();
    if let Err(fault) = &ended {
        transcode.write_fault(fault, &mut out);
    }
    Told {
        out: String::from_utf8(out).unwrap(),
        ended,
        done,
    }
}
