//! The bodies of a call, one for each way of asking: made once, shared by all attempts that ask in that way.

use std::sync::Arc;

use bytes::Bytes;

use crate::ir::{Format, Traits};
use crate::live::Vault;
use crate::proxy::arrival::Arrival;
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::proxy::way::Way;
use crate::wire::convert::{Crossing, Manner, Ready, Target, Unsayable, lower};
use crate::wire::counting::{lower_count, rename_inner};
use crate::wire::edit::{Cut, cut};
use crate::wire::same::{Edits, splice};
use crate::wire::scan::scan;

/// A body for one way of asking.
pub struct Made {
    key: Key,
    pub body: Vec<Bytes>,
    /// Below the base URL.
    pub suffix: String,
    pub query: Option<String>,
    /// How it was converted, if it was.
    pub ready: Option<Ready>,
}

/// What makes bodies differ.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    format: Format,
    vendor: u64,
    model: Arc<str>,
    manner: Manner,
    converts: bool,
    without_state: bool,
}

/// All bodies of a call.
pub struct Bodies<'a> {
    call: &'a Call,
    vault: &'a Vault,
    /// Usage is asked for in a stream although the client did not.
    pub include_usage: bool,
    made: Vec<Made>,
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
            made: Vec::new(),
        }
    }

    /// The body for an endpoint's model, asked in that way. `without_state`: the vendor has refused the opaque state in it.
    ///
    /// # Errors
    /// [`Unsayable`].
    pub fn for_way(
        &mut self,
        way: &Way<'_>,
        model: &Arc<str>,
        without_state: bool,
        arrival: &Arrival,
    ) -> Result<&Made, Unsayable> {
        let key = Key {
            format: way.line.format,
            vendor: way.line.issuer.vendor,
            model: model.clone(),
            manner: way.manner,
            converts: way.converts,
            without_state,
        };
        let known = self.made.iter().position(|made| made.key == key);
        let at = match known {
            Some(at) => at,
            None => {
                let made = if way.converts {
                    self.converted(key, way, arrival)?
                } else {
                    self.spliced(key, &way.line.traits)
                };
                self.made.push(made);
                self.made.len() - 1
            }
        };
        self.made.get(at).ok_or_else(|| Unsayable {
            path: String::new(),
            why: String::new(),
        })
    }

    /// The client's own bytes, but for the model's name and what has to go.
    fn spliced(&self, key: Key, traits: &Traits) -> Made {
        let edits = Edits {
            model: Some(&key.model),
            include_usage: self.include_usage,
        };
        let cuts = [
            (key.without_state, Cut::OpaqueState),
            (traits.cuts_cache_control, Cut::CacheMarks),
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
        // The same memory: comparing the bytes would cost as much as sending them.
        let is_same = body.as_ptr() == self.call.body.bytes.as_ptr();
        let again = if is_same {
            None
        } else {
            scan(&body, self.call.subject()).ok()
        };
        Made {
            body: splice(&body, again.as_ref().unwrap_or(&self.call.scan), edits),
            suffix: self.call.suffix_for(&key.model),
            query: self.call.query.clone(),
            ready: None,
            key,
        }
    }

    fn converted(&self, key: Key, way: &Way<'_>, arrival: &Arrival) -> Result<Made, Unsayable> {
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
        let mut ready = match call.kind {
            CallKind::Count => lower_count(call.original(), &target, &crossing)?,
            CallKind::Conversation | CallKind::Other => lower(call.original(), &target, &crossing)?,
        };
        let body = Bytes::from(std::mem::take(&mut ready.lowered.body));
        Ok(Made {
            body: vec![body],
            suffix: std::mem::take(&mut ready.lowered.suffix),
            query: ready.lowered.query.map(str::to_owned),
            ready: Some(ready),
            key,
        })
    }
}

/// Paths whose streams know `stream_options`.
fn streams_usage(call: &Call) -> bool {
    call.kind == CallKind::Conversation || call.suffix == "/completions"
}
