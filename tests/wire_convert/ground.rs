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
pub(crate) struct All(pub Issuer);

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

pub(crate) fn issuer(format: Format) -> Issuer {
    Issuer { vendor: 1, format }
}

/// What a vendor can be expected to take that has everything of its format.
pub(crate) fn traits(format: Format) -> Traits {
    let _any = format;
    Traits::default()
}

pub(crate) fn lowered(
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

pub(crate) fn text_of(lowered: &Lowered) -> String {
    String::from_utf8(lowered.body.clone()).unwrap()
}

pub(crate) fn telling() -> Telling {
    Telling {
        seed: "seed".into(),
        now: 1_700_000_000,
        usage: true,
        ..Telling::default()
    }
}

pub(crate) fn course(from: Format, client: Format) -> Course {
    Course {
        from: issuer(from),
        client,
        back: Default::default(),
        telling: telling(),
    }
}

/// What a client of `client` gets for a stream of `from`, cut into chunks.
pub(crate) fn converted(
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
pub(crate) fn collected(from: Format, stream: &[u8]) -> Option<Reply<'static>> {
    let mut transcode = Transcode::whole(course(from, from));
    let mut out = Vec::new();
    transcode
        .push(Bytes::copy_from_slice(stream), &mut out)
        .ok()?;
    transcode.finish(End::Clean, &mut out).ok()?;
    transcode.into_reply()
}
