//! The bodies of a call, one for each way of asking: made once, shared by all attempts that ask in that way.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Tick;
use crate::config::Setting;
use crate::ir::{Format, Traits};
use crate::live::Vault;
use crate::proxy::arrival::Arrival;
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::proxy::spool::Freight;
use crate::proxy::way::{Way, leads_to_many};
use crate::route::Seat;
use crate::wire::convert::{
    Crossing, Issuer, Manner, Memory, Original, Ready, Target, Unsayable, lower_with,
};
use crate::wire::counting::{lower_count, rename_inner};
use crate::wire::edit::{Cut, cut, may_be_sealed, may_cite_nothing};
use crate::wire::embed;
use crate::wire::same::{Edits, splice};
use crate::wire::scan::scan;
use crate::wire::set::set;

/// A body for one way of asking.
pub struct Made {
    key: Key,
    pub body: Freight,
    /// Below the base URL.
    pub suffix: String,
    pub query: Option<String>,
    /// How it was converted, if it was.
    pub ready: Option<Ready>,
    /// How its answer becomes the client's, where that is no conversation.
    pub vectors: Option<embed::Back>,
}

/// What makes bodies differ.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    format: Format,
    vendor: u64,
    model: Arc<str>,
    /// What the endpoint's configuration decides.
    set: Arc<[Setting]>,
    manner: Manner,
    converts: bool,
    without_state: bool,
    /// How often the answer had broken off; 0 where the vendor is not given the beginning of it.
    partial: u32,
}

/// What differs between two attempts in the same way.
#[derive(Clone, Copy, Default)]
pub struct Variant<'p> {
    /// The vendor has refused the opaque state in the request.
    pub without_state: bool,
    /// The beginning of the answer, to go on with, and how often it had broken off.
    pub partial: Option<(u32, &'p str)>,
}

/// All bodies of a call.
pub struct Bodies<'a> {
    call: &'a Call,
    vault: &'a Vault,
    /// Usage is asked for in a stream although the client did not.
    pub include_usage: bool,
    /// The pool leads to more than one provider: opaque state may come to another than its issuer.
    pub many: bool,
    made: Vec<Arc<Made>>,
}

impl<'a> Bodies<'a> {
    pub fn new(call: &'a Call, vault: &'a Vault) -> Bodies<'a> {
        Bodies {
            call,
            vault,
            // Anthropic and Responses streams carry their usage unasked.
            include_usage: call.format == Format::OpenaiChat
                && call.stream
                && !call.scan.stream_options.asked()
                && streams_usage(call),
            many: leads_to_many(call),
            made: Vec::new(),
        }
    }

    /// The body for an endpoint, asked in that way.
    ///
    /// # Errors
    /// [`Unsayable`].
    pub fn for_way(
        &mut self,
        way: &Way<'_>,
        seat: &Seat,
        variant: Variant<'_>,
        arrival: &Arrival,
    ) -> Result<Arc<Made>, Unsayable> {
        let key = Key {
            format: way.line.format,
            vendor: way.line.issuer.vendor,
            model: self.call.sent(seat).clone(),
            set: match self.call.kind {
                CallKind::Conversation | CallKind::Completion => seat.set.clone(),
                CallKind::Count | CallKind::Embeddings | CallKind::Other => Arc::default(),
            },
            manner: way.manner,
            converts: way.converts,
            without_state: variant.without_state,
            partial: variant.partial.map_or(0, |(nth, _)| nth),
        };
        if let Some(made) = self.made.iter().find(|made| made.key == key) {
            return Ok(made.clone());
        }
        let partial = variant.partial.map_or("", |(_, partial)| partial);
        let made = Arc::new(if way.converts {
            self.converted(key, way, (partial, arrival))?
        } else {
            self.spliced(key, &way.line.traits, arrival.at)
        });
        self.made.push(made.clone());
        Ok(made)
    }

    /// The client's own bytes, but for the model's name and what has to go.
    fn spliced(&self, key: Key, traits: &Traits, now: Tick) -> Made {
        if self.call.form.is_some() {
            return self.renamed_form(key);
        }
        let edits = Edits {
            model: Some(&key.model),
            include_usage: self.include_usage,
        };
        let memory = self.vault.memory(self.call.scope, now);
        let issuer = Issuer {
            vendor: key.vendor,
            format: key.format,
        };
        // What nobody remembers was issued before the gateway was there: the vendor will say.
        let is_own = |seal: &str| {
            !key.without_state
                && (!seal.is_empty() || key.format == Format::OpenaiResponses)
                && memory.seal(seal).is_none_or(|note| note.issuer == issuer)
        };
        let sealed = (self.many || key.without_state || self.vault.is_used())
            && self.call.kind == CallKind::Conversation
            && may_be_sealed(&self.call.body.bytes, self.call.format);
        let cites_others = self.call.format == Format::Anthropic
            && self.call.kind != CallKind::Embeddings
            && may_cite_nothing(&self.call.body.bytes);
        let cuts = [
            (sealed, Cut::SealsBut(&is_own)),
            (traits.cuts_cache_control, Cut::CacheMarks),
            (cites_others, Cut::HollowCitations),
        ];
        let mut body = self.call.body.bytes.clone();
        for (_, what) in cuts.into_iter().filter(|(wanted, _)| *wanted) {
            if let Some(pieces) = cut(&body, self.call.format, what) {
                body = pieces.concat().into();
            }
        }
        if self.call.kind == CallKind::Count
            && let Some(renamed) = rename_inner(self.call.format, &body, &key.model)
        {
            body = renamed.into();
        }
        body = with_settings(body, &key.set);
        // The same memory: comparing the bytes would cost as much as sending them.
        let is_same = body.as_ptr() == self.call.body.bytes.as_ptr();
        let again = if is_same {
            None
        } else {
            scan(&body, self.call.subject()).ok()
        };
        let scan = again.as_ref().unwrap_or(&self.call.scan);
        Made {
            body: Freight::Held(match self.call.kind {
                // Gemini repeats the model's name in the body, and in more places than one.
                CallKind::Embeddings if self.call.format == Format::Gemini => {
                    embed::rename(&body, &key.model).unwrap_or_else(|| vec![body])
                }
                _ => splice(&body, scan, edits),
            }),
            suffix: self.call.suffix_for(&key.model),
            query: self.call.query.clone(),
            ready: None,
            vectors: None,
            key,
        }
    }

    /// A form with the vendor's name of the model.
    fn renamed_form(&self, key: Key) -> Made {
        let call = self.call;
        let span = call.scan.model.as_ref().map(|model| model.span.clone());
        let span = span.unwrap_or_default();
        let name = Bytes::copy_from_slice(key.model.as_bytes());
        Made {
            body: match &call.body.spool {
                Some(spool) => Freight::Spooled(spool.spliced(span, name)),
                None => {
                    let whole = &call.body.bytes;
                    Freight::Held(vec![
                        whole.slice(..span.start),
                        name,
                        whole.slice(span.end..),
                    ])
                }
            },
            suffix: call.suffix_for(&key.model),
            query: call.query.clone(),
            ready: None,
            vectors: None,
            key,
        }
    }

    fn converted(
        &self,
        key: Key,
        way: &Way<'_>,
        (partial, arrival): (&str, &Arrival),
    ) -> Result<Made, Unsayable> {
        self.vault.will_be_used();
        let call = self.call;
        let original = call.original();
        let (mut ready, vectors) = match call.kind {
            CallKind::Embeddings => {
                let (ready, back) = embed::lower(original, key.format, &key.model)?;
                (ready, Some(back))
            }
            CallKind::Conversation | CallKind::Completion | CallKind::Count | CallKind::Other => {
                (self.lowered(original, (&key, partial), way, arrival)?, None)
            }
        };
        let body = Bytes::from(std::mem::take(&mut ready.lowered.body));
        let body = with_settings(body, &key.set);
        Ok(Made {
            body: Freight::Held(vec![body]),
            suffix: std::mem::take(&mut ready.lowered.suffix),
            query: ready.lowered.query.map(str::to_owned),
            ready: Some(ready),
            vectors,
            key,
        })
    }

    fn lowered(
        &self,
        original: Original<'_>,
        (key, partial): (&Key, &str),
        way: &Way<'_>,
        arrival: &Arrival,
    ) -> Result<Ready, Unsayable> {
        let call = self.call;
        let traits = way.line.traits.of_model(&key.model);
        let target = Target {
            model: &key.model,
            stream: way.manner == Manner::Stream,
            traits: &traits,
        };
        let memory = self.vault.memory(call.scope, arrival.at);
        let crossing = Crossing {
            from: call.format,
            to: way.line.issuer,
            memory: &memory,
            leave_out: key.without_state,
        };
        if call.kind == CallKind::Count {
            lower_count(original, &target, &crossing)
        } else {
            lower_with(original, partial, &target, &crossing)
        }
    }
}

/// What an endpoint's configuration decides stands over what the client says.
fn with_settings(body: Bytes, settings: &[Setting]) -> Bytes {
    settings.iter().fold(body, |body, setting| {
        set(&body, &setting.path, setting.value.as_deref()).into()
    })
}

/// Paths whose streams know `stream_options`.
fn streams_usage(call: &Call) -> bool {
    matches!(call.kind, CallKind::Conversation | CallKind::Completion)
}
