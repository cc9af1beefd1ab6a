//! What comes of a feature on one way.

use bytes::Bytes;
use tidegate::ir::{Body, Format, Part, Said, Thinking, Traits};
use tidegate::wire::Asked;
use tidegate::wire::convert::{
    CallNote, Course, Crossing, Issuer, Manner, Memory, Original, SealNote, Target, Telling,
    answer, lower,
};
use tidegate::wire::same::{Edits, splice};
use tidegate::wire::scan::{Subject, scan};

use super::features::{self, Feature, Seen};

/// What came of a feature. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Refused,
    Dropped,
    /// Dropped, and the answer is the same.
    Idle,
    Nearly,
    Carried,
}

impl Fate {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Fate::Refused => "✗",
            Fate::Dropped => "–",
            Fate::Idle => "·",
            Fate::Nearly => "≈",
            Fate::Carried => "✓",
        }
    }
}

/// Remembers the one seal and the one call that the features have.
struct Remembers {
    whose: Option<Issuer>,
    target: Issuer,
}

impl Memory for Remembers {
    fn seal(&self, seal: &str) -> Option<SealNote> {
        Some(SealNote {
            issuer: self.whose?,
            seal: seal.to_owned(),
            redacted: false,
            item: None,
        })
    }

    fn call(&self, _id: &str) -> Option<CallNote> {
        let issuer = self.whose.filter(|whose| *whose == self.target)?;
        let said = || Some(Said::new(Default::default(), "SEAL".into()));
        let thinking = Thinking {
            text: "WHY".into(),
            seal: said(),
            ..Thinking::default()
        };
        let is_calls = matches!(issuer.format, Format::OpenaiChat | Format::Gemini);
        Some(CallNote {
            issuer,
            before: match is_calls {
                true => Vec::new(),
                false => vec![Part::new(Default::default(), Body::Thinking(thinking))],
            },
            seal: is_calls.then(|| "SEAL".to_owned()),
        })
    }
}

/// The fate of a request's feature at a vendor with these traits.
pub(crate) fn request(
    feature: &Feature,
    (from, to): (Format, Format),
    traits: &Traits,
) -> Result<Fate, String> {
    let issuer = |vendor| Issuer { vendor, format: to };
    let memory = Remembers {
        whose: match feature.memory {
            features::Memory::Nobodys => None,
            features::Memory::Targets => Some(issuer(1)),
            features::Memory::Anothers => Some(issuer(2)),
        },
        target: issuer(1),
    };
    let body = feature.says[&from].to_string();
    let original = Original {
        format: from,
        asked: Asked {
            model: if from == Format::Gemini { "m" } else { "" },
            ..Asked::default()
        },
        body: body.as_bytes(),
    };
    let target = Target {
        model: "upstream-model",
        stream: false,
        traits,
    };
    let crossing = Crossing {
        from,
        to: issuer(1),
        memory: &memory,
        leave_out: false,
    };
    let Ok(ready) = lower(original, &target, &crossing) else {
        return Ok(Fate::Refused);
    };
    let body = String::from_utf8(ready.lowered.body).unwrap();
    let idle = ready.lacking.is_empty();
    fate(feature, to, &body, &ready.dropped)
        .map(|fate| match fate {
            Fate::Dropped if idle => Fate::Idle,
            fate => fate,
        })
        .map_err(|wrong| format!("`{}` from {from} to {to}: {wrong}", feature.name))
}

/// What a vendor of the client's own format is sent, and what it should be sent: every byte but the model's name.
pub(crate) fn untouched(feature: &Feature, format: Format) -> (String, String) {
    let body = feature.says[&format].to_string();
    let edits = Edits {
        model: Some("upstream-model"),
        ..Edits::default()
    };
    let scan = scan(body.as_bytes(), Subject::Format(format)).unwrap();
    let sent = splice(&Bytes::from(body.clone()), &scan, edits).concat();
    let wanted = body.replace(r#""model":"m""#, r#""model":"upstream-model""#);
    (String::from_utf8(sent).unwrap(), wanted)
}

/// The fate of an answer's feature, in whichever manner it is told.
pub(crate) fn reply(feature: &Feature, (from, to): (Format, Format)) -> Result<Fate, String> {
    let told = |manner| {
        let course = Course {
            from: Issuer {
                vendor: 1,
                format: from,
            },
            client: to,
            back: Default::default(),
            telling: Telling {
                seed: "seed".into(),
                now: 1_700_000_000,
                usage: true,
                ..Telling::default()
            },
        };
        let body = feature.says[&from].to_string();
        let answer = answer(course, body.as_bytes(), manner).unwrap();
        let body = String::from_utf8(answer.body).unwrap();
        let way = format!("`{}` from {from} to {to}, {manner:?}", feature.name);
        fate(feature, to, &body, &answer.dropped).map_err(|wrong| format!("{way}: {wrong}"))
    };
    let (whole, stream) = (told(Manner::Whole)?, told(Manner::Stream)?);
    if whole != stream {
        let name = &feature.name;
        return Err(format!(
            "`{name}` from {from} to {to}: whole {whole:?}, as a stream {stream:?}"
        ));
    }
    Ok(whole)
}

fn fate(feature: &Feature, to: Format, body: &str, dropped: &[String]) -> Result<Fate, String> {
    match (feature.seen(to, body), dropped.is_empty()) {
        (Seen::Whole, true) => Ok(Fate::Carried),
        (Seen::Whole, false) | (Seen::Nearly, _) => Ok(Fate::Nearly),
        (Seen::Not, false) => Ok(Fate::Dropped),
        (Seen::Not, true) => Err(format!("lost without a word in {body}")),
    }
}
