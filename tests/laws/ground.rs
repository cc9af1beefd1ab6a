//! What the laws are tested with: targets without quirks, a memory without memories.

use bytes::Bytes;
use tidegate::ir::{Format, Reply, Traits};
use tidegate::wire::Asked;
use tidegate::wire::convert::{
    CallNote, Course, Crossing, Issuer, Lowered, Memory, Original, Ready, SealNote, Target,
    Telling, Transcode, Unsayable, lower,
};
use tidegate::wire::relay::End;

/// A memory in which everything was issued by one.
pub struct All(pub Issuer);

impl Memory for All {
    fn seal(&self, seal: &str) -> Option<SealNote> {
        Some(SealNote {
            issuer: self.0,
            seal: seal.to_owned(),
            redacted: false,
            item: None,
        })
    }

    fn call(&self, _id: &str) -> Option<CallNote> {
        None
    }
}

pub fn issuer(format: Format) -> Issuer {
    Issuer { vendor: 1, format }
}

/// What a vendor can be expected to take that has everything of its format.
pub fn traits(format: Format) -> Traits {
    let _any = format;
    Traits::default()
}

pub fn lowered(
    from: Format,
    to: Format,
    asked: Asked<'_>,
    body: &[u8],
) -> Result<Ready, Unsayable> {
    let traits = traits(to);
    let memory = All(issuer(to));
    let original = Original {
        format: from,
        asked,
        body,
    };
    let target = Target {
        model: "upstream-model",
        stream: asked.stream,
        traits: &traits,
    };
    let crossing = Crossing {
        from,
        to: issuer(to),
        memory: &memory,
        leave_out: false,
    };
    lower(original, &target, &crossing)
}

pub fn text_of(lowered: &Lowered) -> String {
    String::from_utf8(lowered.body.clone()).unwrap()
}

pub fn telling() -> Telling {
    Telling {
        seed: "seed".into(),
        now: 1_700_000_000,
        usage: true,
        ..Telling::default()
    }
}

pub fn course(from: Format, client: Format) -> Course {
    Course {
        from: issuer(from),
        client,
        back: Default::default(),
        telling: telling(),
    }
}

/// The bytes in parts, cut at these of 65536 places.
pub fn cut<'b>(bytes: &'b [u8], places: &[u16]) -> Vec<&'b [u8]> {
    let mut ends: Vec<usize> = places.iter().map(|of| place(*of, bytes)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort_unstable();
    ends.windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

/// One of 65536 places in the bytes.
pub fn place(of: u16, bytes: &[u8]) -> usize {
    (usize::from(of) * (bytes.len() + 1)) >> 16
}

/// Where an input of the fuzzer wants the rest of itself to be cut.
pub fn places(input: &[u8]) -> Option<([u16; 2], &[u8])> {
    let (places, rest) = input.split_first_chunk::<2>()?;
    Some((places.map(|of| u16::from(of) << 8 | 0x80), rest))
}

/// Whether it is a JSON text, to somebody who looks at nothing but that.
pub fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<&serde_json::value::RawValue>(text).is_ok()
}

/// What a client of `client` gets for a stream of `from`, cut into chunks.
pub fn converted(
    from: Format,
    client: Format,
    chunks: &[&[u8]],
    end: End,
) -> (Vec<u8>, Result<(), tidegate::ir::Fault>) {
    let mut transcode = Transcode::stream(course(from, client));
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(fault) = transcode.push(Bytes::copy_from_slice(chunk), &mut out) {
            return (out.concat(), Err(fault));
        }
    }
    let ended = transcode.finish(end, &mut out);
    (out.concat(), ended)
}

/// What a stream makes, collected.
pub fn collected(from: Format, stream: &[u8]) -> Option<Reply<'static>> {
    let mut transcode = Transcode::whole(course(from, from));
    let mut out = Vec::new();
    transcode
        .push(Bytes::copy_from_slice(stream), &mut out)
        .ok()?;
    transcode.finish(End::Clean, &mut out).ok()?;
    transcode.into_reply()
}

/// Whether an answer tells that the model broke off before it said anything that can be told: some formats have words for
/// that, which who reads them next takes as a fault.
pub fn breaks_off(format: Format, told: &str) -> bool {
    let words: &[&str] = match format {
        Format::Gemini => &[
            "\"finishReason\":\"MALFORMED_FUNCTION_CALL\"",
            "\"finishReason\":\"UNEXPECTED_TOOL_CALL\"",
            "\"finishReason\":\"TOO_MANY_TOOL_CALLS\"",
            "\"finishReason\":\"LANGUAGE\"",
            "\"finishReason\":\"NO_IMAGE\"",
            "\"finishReason\":\"IMAGE_OTHER\"",
            "\"finishReason\":\"OTHER\"",
        ],
        Format::OpenaiResponses => &["\"status\":\"incomplete\""],
        Format::OpenaiChat | Format::Anthropic => &[],
    };
    words.iter().any(|word| told.contains(word))
}
