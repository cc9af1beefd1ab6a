//! A vendor's stream, event by event.
//!
//! What is in an event is picked out here; what it means for the items is `stream_items`' business. An event about an item
//! that has to wait, since the parts of an answer are told one after the other, is kept as it came and read again later.

use std::borrow::Cow;

use crate::ir::{Event, Fault};
use crate::wire::json::{Document, Kind, Value};
use crate::wire::{EventReader, Unheard, error};

use super::reply_read::{start, stop, usage_of};
use super::stream_items::Items;

pub(super) struct StreamReader {
    document: Document,
    state: State,
}

struct State {
    items: Items,
    /// Events about items whose turn has not come.
    waiting: Vec<Vec<u8>>,
    started: bool,
    /// The end was told: nothing more is.
    over: bool,
}

/// The members of an event that say something.
#[derive(Default)]
pub(super) struct Said<'d, 'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) item_id: Cow<'a, str>,
    pub(super) output_index: Option<u64>,
    /// `content_index` or `summary_index`.
    pub(super) index: Option<u64>,
    pub(super) delta: Cow<'a, str>,
    /// The whole that the deltas made: `text`, `arguments`, `input` or `refusal`.
    pub(super) whole: Option<Cow<'a, str>>,
    pub(super) logprobs: Option<Value<'d, 'a>>,
    pub(super) item: Option<Value<'d, 'a>>,
    pub(super) part: Option<Value<'d, 'a>>,
    pub(super) annotation: Option<Value<'d, 'a>>,
    response: Option<Value<'d, 'a>>,
    error: Option<Value<'d, 'a>>,
}

impl<'d, 'a> Said<'d, 'a> {
    fn read(event: Value<'d, 'a>, name: Option<&'a [u8]>) -> Said<'d, 'a> {
        let mut said = Said::default();
        for (key, value) in event.members() {
            match &*key {
                _ if value.is_null() => {}
                "type" => said.kind = value.text().unwrap_or_default(),
                "item_id" => said.item_id = value.text().unwrap_or_default(),
                "output_index" => said.output_index = value.count(),
                "content_index" | "summary_index" => said.index = value.count(),
                "delta" => said.delta = value.text().unwrap_or_default(),
                "text" | "arguments" | "input" | "refusal" => said.whole = value.text(),
                "logprobs" => said.logprobs = Some(value),
                "item" => said.item = Some(value),
                "part" => said.part = Some(value),
                "annotation" => said.annotation = Some(value),
                "response" => said.response = Some(value),
                "error" => said.error = Some(value),
                _ => {}
            }
        }
        if said.kind.is_empty() {
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            said.kind = name.unwrap_or_default().into();
        }
        said
    }
}

impl StreamReader {
    pub(super) fn new(seed: &str) -> StreamReader {
        StreamReader {
            document: Document::default(),
            state: State {
                items: Items::new(seed),
                waiting: Vec::new(),
                started: false,
                over: false,
            },
        }
    }
}

impl EventReader for StreamReader {
    fn read(
        &mut self,
        name: Option<&[u8]>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        if name == Some(b"error") {
            return Err(fault(data));
        }
        // Relays add it; only the completed response ends anything.
        if data.trim_ascii().starts_with(b"[DONE]") {
            return Ok(());
        }
        let event = self.document.read(data).map_err(|_| Unheard::Malformed)?;
        if event.kind() != Kind::Object {
            return Err(Unheard::Malformed);
        }
        self.state.read(&Said::read(event, name), data, tell)?;
        self.state.go_on(tell);
        Ok(())
    }

    fn finish(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        if !self.state.over {
            self.state.settle(None, tell);
        }
    }
}

impl State {
    fn read(
        &mut self,
        said: &Said<'_, '_>,
        data: &[u8],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), Unheard> {
        let failed = |value: Option<Value<'_, '_>>| {
            let error = value.and_then(|response| response.member("error"));
            fault(error.map_or("null", Value::raw).as_bytes())
        };
        if &*said.kind == "error" || said.error.is_some_and(says_something) {
            return Err(fault(data));
        }
        if self.over {
            return Ok(());
        }
        match &*said.kind {
            "response.failed" | "response.cancelled" => return Err(failed(said.response)),
            "response.created" | "response.in_progress" | "response.queued" => {
                if let Some(response) = said.response {
                    self.start(response, tell);
                }
            }
            "response.completed" | "response.incomplete" | "response.done" => {
                let error = said.response.and_then(|response| response.member("error"));
                if error.is_some_and(says_something) {
                    return Err(failed(said.response));
                }
                self.end(said, tell);
            }
            kind if Items::knows(kind) => {
                self.begin(tell);
                if self.can_read(said, tell) {
                    self.items.read(said, tell);
                } else {
                    self.waiting.push(data.to_vec());
                }
            }
            // Steps of the vendor's own tools: their items come whole.
            _ => {}
        }
        Ok(())
    }

    /// Whether it is the turn of the event. Behind one that waits it waits too, unless it goes on with the open part.
    fn can_read(&mut self, said: &Said<'_, '_>, tell: &mut dyn FnMut(Event<'_>)) -> bool {
        if self.items.goes_on(said) {
            return true;
        }
        self.items.make_room(tell) && self.waiting.is_empty()
    }

    fn start(&mut self, response: Value<'_, '_>, tell: &mut dyn FnMut(Event<'_>)) {
        let start = start(response);
        let is_known = !start.id.is_empty() || !start.model.is_empty();
        if !self.started && is_known {
            self.started = true;
            tell(Event::Start(start));
        }
        let usage = usage_of(response);
        if self.started && usage.is_known() {
            tell(Event::Usage(usage));
        }
    }

    /// Something is told: nothing comes before the start.
    fn begin(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        if !self.started {
            self.started = true;
            tell(Event::Start(crate::ir::Start::default()));
        }
    }

    fn end(&mut self, said: &Said<'_, '_>, tell: &mut dyn FnMut(Event<'_>)) {
        let response = said.response;
        if let Some(response) = response {
            self.start(response, tell);
        }
        self.begin(tell);
        self.settle(
            response.and_then(|response| response.member("output")),
            tell,
        );
        let calls = self.items.has_calls();
        let stop = match response {
            Some(response) => stop(response, calls),
            None => None,
        };
        // The event says that it is over, whatever the status says.
        let stop = stop.unwrap_or_else(|| crate::ir::Stop::of(usual_reason(&said.kind, calls)));
        tell(Event::Stop { choice: 0, stop });
        if let Some(tier) = response.and_then(|response| response.member_text("service_tier")) {
            tell(Event::Tier(tier));
        }
        tell(Event::End);
        self.over = true;
    }

    /// Reads the events that waited, as far as their turn has come.
    fn go_on(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        while !self.waiting.is_empty() && !self.items.is_open() {
            let mut document = Document::default();
            for data in std::mem::take(&mut self.waiting) {
                let Ok(event) = document.read(&data) else {
                    continue;
                };
                // No event that waits is an error.
                let said = Said::read(event, None);
                if self.can_read(&said, tell) {
                    self.items.read(&said, tell);
                } else {
                    self.waiting.push(data);
                }
            }
        }
    }

    /// Tells all that was held back. `output`: the items as the completed response has them.
    fn settle(&mut self, output: Option<Value<'_, '_>>, tell: &mut dyn FnMut(Event<'_>)) {
        loop {
            self.items.close_open(output, tell);
            if self.waiting.is_empty() {
                break;
            }
            self.go_on(tell);
        }
        if let Some(output) = output {
            self.items.add_missing(output, tell);
        }
    }
}

fn usual_reason(kind: &str, calls: bool) -> crate::ir::StopReason {
    match (kind, calls) {
        ("response.incomplete", _) => crate::ir::StopReason::Other,
        (_, true) => crate::ir::StopReason::ToolUse,
        (_, false) => crate::ir::StopReason::End,
    }
}

fn fault(data: &[u8]) -> Unheard {
    let fault: Fault = error::read(None, data);
    Unheard::Fault(Box::new(fault))
}

/// An empty error is none.
fn says_something(error: Value<'_, '_>) -> bool {
    match error.kind() {
        Kind::Null | Kind::Bool | Kind::Number => false,
        Kind::Text => error.raw().len() > 2,
        Kind::Object => error.members().next().is_some(),
        Kind::List => error.items().next().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Delta, FaultKind, StopReason};
    use crate::wire::openai_responses::tests::*;

    #[test]
    fn an_incomplete_response_says_why() {
        for (reason, expected) in [
            (r#"{"reason":"max_output_tokens"}"#, StopReason::Length),
            (r#"{"reason":"content_filter"}"#, StopReason::ContentFilter),
            ("null", StopReason::Other),
        ] {
            let data = format!(
                r#"{{"type":"response.incomplete","response":{{"id":"r","status":"incomplete","incomplete_details":{reason},"output":[]}}}}"#
            );
            let reply = collected(&told_of(&[data]));
            assert_eq!(reply.choices[0].stop.as_ref().unwrap().reason, expected);
        }
    }

    #[test]
    fn a_cancelled_response_is_no_good_end() {
        let data = r#"{"type":"response.completed","response":{"id":"r","status":"cancelled","output":[]}}"#;
        let reply = collected(&told_of(&[data.to_owned()]));
        let stop = reply.choices[0].stop.clone().unwrap();
        assert_eq!(stop.reason, StopReason::Other);
    }

    #[test]
    fn errors_are_faults_in_every_shape() {
        let fault = |name: Option<&[u8]>, data: &str| {
            let mut reader = StreamReader::new("seed");
            let mut none = |event: Event<'_>| panic!("{event:?}");
            match reader.read(name, data.as_bytes(), &mut none) {
                Err(Unheard::Fault(fault)) => fault.kind,
                other => panic!("{data}: {other:?}"),
            }
        };
        let flat = r#"{"type":"error","code":"rate_limit_exceeded","message":"m"}"#;
        assert_eq!(fault(None, flat), FaultKind::RateLimit);
        assert_eq!(fault(Some(b"error"), flat), FaultKind::RateLimit);
        let bare = r#"{"error":{"code":"insufficient_quota","message":"m"}}"#;
        assert_eq!(fault(None, bare), FaultKind::Billing);
        let failed = r#"{"type":"response.failed","response":{"error":{"code":"context_length_exceeded","message":"m"}}}"#;
        assert_eq!(fault(None, failed), FaultKind::ContextLength);
        let odd = r#"{"type":"response.completed","response":{"error":{"code":"server_error","message":"m"}}}"#;
        assert_eq!(fault(None, odd), FaultKind::Internal);
    }

    #[test]
    fn what_is_no_event_is_malformed_and_what_is_unknown_is_skipped() {
        let mut reader = StreamReader::new("seed");
        let mut none = |event: Event<'_>| panic!("{event:?}");
        for broken in ["{\"type\":", "[]", ""] {
            let found = reader.read(None, broken.as_bytes(), &mut none);
            assert_eq!(found, Err(Unheard::Malformed), "{broken}");
        }
        for silent in [
            "[DONE]",
            r#"{"type":"keepalive","sequence_number":3}"#,
            r#"{"type":"response.web_search_call.searching","item_id":"ws_1","output_index":0}"#,
            r#"{"type":"response.created","response":{}}"#,
        ] {
            reader.read(None, silent.as_bytes(), &mut none).unwrap();
        }
    }

    #[test]
    fn a_stream_that_ends_early_has_no_end_but_loses_nothing() {
        let events = [
            created(),
            added(0, CALL),
            added(1, MESSAGE),
            piece("output_text.delta", 1, r#""content_index":0,"delta":"Hi""#),
        ];
        let events = told_of(&events);
        assert!(!events.contains(&Event::End));
        let said = events.iter().any(
            |event| matches!(event, Event::Delta { delta: Delta::Text(text), .. } if text == "Hi"),
        );
        assert!(said);
    }

    #[test]
    fn nothing_is_told_after_the_end() {
        let mut events = vec![created(), completed(&[MESSAGE])];
        events.push(piece(
            "output_text.delta",
            3,
            r#""content_index":0,"delta":"x""#,
        ));
        events.push(completed(&[MESSAGE]));
        assert_tells(&events, &[MESSAGE]);
    }
}
