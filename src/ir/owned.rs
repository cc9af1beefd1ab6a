//! Parts that outlive the document that they were read from.

use std::borrow::Cow;

use super::part::{
    Arguments, Body, CacheMark, Call, Citation, Document, Foreign, Media, Outcome, Part, Source,
    Text, Thinking,
};
use super::reply::{Start, Stop};
use super::text::{Json, Said, Str};

fn own(text: Str<'_>) -> Str<'static> {
    Cow::Owned(text.into_owned())
}

fn own_maybe(text: Option<Str<'_>>) -> Option<Str<'static>> {
    text.map(own)
}

fn own_said(said: Option<Said<Str<'_>>>) -> Option<Said<Str<'static>>> {
    said.map(|said| Said::new(said.at, own(said.value)))
}

impl Part<'_> {
    pub fn into_owned(self) -> Part<'static> {
        Part {
            at: self.at,
            body: self.body.into_owned(),
            cache: self.cache.map(CacheMark::into_owned),
            seal: own_said(self.seal),
        }
    }
}

impl Body<'_> {
    pub fn into_owned(self) -> Body<'static> {
        match self {
            Body::Text(text) => Body::Text(Text {
                text: own(text.text),
                citations: text
                    .citations
                    .into_iter()
                    .map(Citation::into_owned)
                    .collect(),
            }),
            Body::Refusal(text) => Body::Refusal(own(text)),
            Body::Image(media) => Body::Image(media.into_owned()),
            Body::Audio(media) => Body::Audio(media.into_owned()),
            Body::Video(media) => Body::Video(media.into_owned()),
            Body::Document(document) => Body::Document(Document {
                source: document.source.into_owned(),
                title: own_said(document.title),
                context: own_said(document.context),
                cite: document.cite,
            }),
            Body::Thinking(thinking) => Body::Thinking(thinking.into_owned()),
            Body::Call(call) => Body::Call(call.into_owned()),
            Body::Outcome(outcome) => Body::Outcome(outcome.into_owned()),
            Body::Foreign(foreign) => Body::Foreign(Foreign {
                format: foreign.format,
                kind: own(foreign.kind),
                json: foreign.json.into_owned(),
            }),
        }
    }
}

impl Citation<'_> {
    pub fn into_owned(self) -> Citation<'static> {
        Citation {
            at: self.at,
            url: own_maybe(self.url),
            title: own_maybe(self.title),
            quote: own_maybe(self.quote),
            span: self.span,
            origin: self
                .origin
                .map(|(format, json)| (format, Json::into_owned(json))),
        }
    }
}

impl Media<'_> {
    pub fn into_owned(self) -> Media<'static> {
        Media {
            source: self.source.into_owned(),
            detail: own_said(self.detail),
            transcript: own_maybe(self.transcript),
            id: own_maybe(self.id),
            origin: self
                .origin
                .map(|(format, json)| (format, json.into_owned())),
        }
    }
}

impl Source<'_> {
    pub fn into_owned(self) -> Source<'static> {
        match self {
            Source::Inline { mime, base64 } => Source::Inline {
                mime: own(mime),
                base64: own(base64),
            },
            Source::Url { url, mime } => Source::Url {
                url: own(url),
                mime: own_maybe(mime),
            },
            Source::File { id, mime, format } => Source::File {
                id: own(id),
                mime: own_maybe(mime),
                format,
            },
            Source::Text { text } => Source::Text { text: own(text) },
            Source::Parts { parts } => Source::Parts {
                parts: parts.into_iter().map(Part::into_owned).collect(),
            },
            Source::Earlier { id, format } => Source::Earlier {
                id: own(id),
                format,
            },
        }
    }
}

impl Thinking<'_> {
    pub fn into_owned(self) -> Thinking<'static> {
        Thinking {
            text: own(self.text),
            summaries: self.summaries.into_iter().map(own).collect(),
            seal: own_said(self.seal),
            redacted: self.redacted,
            id: own_maybe(self.id),
        }
    }
}

impl Call<'_> {
    pub fn into_owned(self) -> Call<'static> {
        Call {
            id: own(self.id),
            name: own(self.name),
            namespace: own_said(self.namespace),
            arguments: match self.arguments {
                Arguments::Json(text) => Arguments::Json(own(text)),
                Arguments::Free(text) => Arguments::Free(own(text)),
            },
            arguments_at: self.arguments_at,
            item: own_maybe(self.item),
        }
    }
}

impl Outcome<'_> {
    pub fn into_owned(self) -> Outcome<'static> {
        Outcome {
            call: own(self.call),
            name: own_maybe(self.name),
            parts: self.parts.into_iter().map(Part::into_owned).collect(),
            object: self.object.map(Json::into_owned),
            failed: self.failed,
            free: self.free,
        }
    }
}

impl CacheMark<'_> {
    pub fn into_owned(self) -> CacheMark<'static> {
        CacheMark {
            at: self.at,
            ttl: own_maybe(self.ttl),
        }
    }
}

impl Start<'_> {
    pub fn into_owned(self) -> Start<'static> {
        Start {
            id: own(self.id),
            model: own(self.model),
            created: self.created,
        }
    }
}

impl Stop<'_> {
    pub fn into_owned(self) -> Stop<'static> {
        Stop {
            reason: self.reason,
            sequence: own_maybe(self.sequence),
            words: own_maybe(self.words),
        }
    }
}
