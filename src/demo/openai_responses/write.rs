use serde_json::Value;

use crate::demo::answer::{Answer, Event, Part};
use crate::demo::dialect::{CREATED, Said, quote};
use crate::demo::mind::{Caching, End, Reasoning, Spent, pieces};

pub(super) fn write(said: &Said<'_>) -> Answer {
    match said.ask.stream {
        true => Answer::stream(stream(said)),
        false => Answer::json(response(said, &items(said), true)),
    }
}

/// What the response object says besides its output.
fn response(said: &Said<'_>, output: &[Item], complete: bool) -> String {
    let cut = said.thought.end == End::MaxTokens;
    let status = match (complete, cut) {
        (false, _) => "in_progress",
        (true, true) => "incomplete",
        (true, false) => "completed",
    };
    let incomplete = match complete && cut {
        true => r#"{"reason":"max_output_tokens"}"#,
        false => "null",
    };
    let asked = |key: &str, default: &str| match &said.body[key] {
        Value::Null => default.to_owned(),
        value => value.to_string(),
    };
    let output: Vec<String> = output.iter().map(Item::done).collect();
    format!(
        concat!(
            r#"{{"id":"{}","object":"response","created_at":{},"status":"{}","background":false,"error":null,"#,
            r#""incomplete_details":{},"instructions":{},"max_output_tokens":{},"model":{},"output":[{}],"#,
            r#""parallel_tool_calls":{},"previous_response_id":null,"reasoning":{},"service_tier":"default","#,
            r#""store":{},"temperature":1.0,"text":{},"tool_choice":{},"tools":{},"top_p":1.0,"#,
            r#""truncation":"disabled","usage":{},"user":null,"metadata":{}}}"#
        ),
        said.ids.make("resp_", 0, 48),
        CREATED,
        status,
        incomplete,
        asked("instructions", "null"),
        asked("max_output_tokens", "null"),
        quote(&said.ask.model),
        output.join(","),
        said.ask.parallel,
        asked("reasoning", r#"{"effort":null,"summary":null}"#),
        asked("store", "true"),
        asked("text", r#"{"format":{"type":"text"}}"#),
        asked("tool_choice", r#""auto""#),
        asked("tools", "[]"),
        if complete && said.usage {
            usage(said)
        } else {
            "null".to_owned()
        },
        asked("metadata", "{}"),
    )
}

fn usage(said: &Said<'_>) -> String {
    let spent = Spent::count(said.ask, said.thought, Caching::Automatic);
    let (input, output) = (
        spent.input + spent.cache_read,
        spent.output + spent.reasoning,
    );
    format!(
        concat!(
            r#"{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{}}},"output_tokens":{},"#,
            r#""output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}"#
        ),
        input,
        spent.cache_read,
        output,
        spent.reasoning,
        input + output,
    )
}

/// An item of the output.
struct Item {
    id: String,
    body: ItemBody,
}

enum ItemBody {
    Reasoning {
        summary: Vec<String>,
        sealed: Option<String>,
    },
    Message {
        pieces: Vec<String>,
        refused: bool,
    },
    Call {
        call_id: String,
        name: String,
        arguments: String,
    },
}

fn items(said: &Said<'_>) -> Vec<Item> {
    let thought = said.thought;
    let mut items = Vec::new();
    if said.ask.reasoning != Reasoning::Off && !thought.thinking.is_empty() {
        let shown = said.ask.reasoning == Reasoning::Shown;
        let wanted = said.body["include"].as_array().into_iter().flatten();
        let sealed = wanted
            .into_iter()
            .any(|i| i == "reasoning.encrypted_content");
        items.push(Item {
            id: said.ids.make("rs_", 0, 48),
            body: ItemBody::Reasoning {
                summary: if shown {
                    thought.thinking.clone()
                } else {
                    Vec::new()
                },
                sealed: sealed.then(|| said.vendor.sign("reasoning")),
            },
        });
    }
    if thought.calls.is_empty() {
        items.push(Item {
            id: said.ids.make("msg_", 0, 48),
            body: ItemBody::Message {
                pieces: thought.text.clone(),
                refused: thought.refused,
            },
        });
    }
    for (i, call) in thought.calls.iter().enumerate() {
        items.push(Item {
            id: said.ids.make("fc_", i, 48),
            body: ItemBody::Call {
                call_id: said.ids.make("call_", i, 24),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            },
        });
    }
    items
}

impl Item {
    fn done(&self) -> String {
        let id = &self.id;
        match &self.body {
            ItemBody::Reasoning { summary, sealed } => {
                let part = match summary.is_empty() {
                    true => String::new(),
                    false => summary_part(&summary.concat()),
                };
                reasoning(id, &part, sealed.as_deref())
            }
            ItemBody::Message { pieces, refused } => {
                let part = content_part(&pieces.concat(), *refused);
                message(id, "completed", &part)
            }
            ItemBody::Call {
                call_id,
                name,
                arguments,
            } => call((id, call_id), "completed", name, arguments),
        }
    }

    fn added(&self) -> String {
        let id = &self.id;
        match &self.body {
            ItemBody::Reasoning { .. } => reasoning(id, "", None),
            ItemBody::Message { .. } => message(id, "in_progress", ""),
            ItemBody::Call { call_id, name, .. } => call((id, call_id), "in_progress", name, ""),
        }
    }
}

fn summary_part(text: &str) -> String {
    format!(r#"{{"type":"summary_text","text":{}}}"#, quote(text))
}

fn content_part(text: &str, refused: bool) -> String {
    match refused {
        true => format!(r#"{{"type":"refusal","refusal":{}}}"#, quote(text)),
        false => format!(
            r#"{{"type":"output_text","annotations":[],"logprobs":[],"text":{}}}"#,
            quote(text)
        ),
    }
}

fn reasoning(id: &str, summary: &str, sealed: Option<&str>) -> String {
    let sealed = sealed.map_or(String::new(), |s| format!(r#","encrypted_content":"{s}""#));
    format!(r#"{{"id":"{id}","type":"reasoning"{sealed},"summary":[{summary}]}}"#)
}

fn message(id: &str, status: &str, part: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"message","status":"{status}","content":[{part}],"role":"assistant"}}"#
    )
}

fn call(ids: (&str, &str), status: &str, name: &str, arguments: &str) -> String {
    let ((id, call_id), name, arguments) = (ids, quote(name), quote(arguments));
    format!(
        r#"{{"id":"{id}","type":"function_call","status":"{status}","arguments":{arguments},"call_id":"{call_id}","name":{name}}}"#
    )
}

/// The events of a stream: the response is created and in progress; every item is added, its parts grow, are done and
/// so is it; the response is completed. Numbered from 0 without a gap.
struct Stream {
    events: Vec<Event>,
}

fn stream(said: &Said<'_>) -> Vec<Event> {
    let mut stream = Stream { events: Vec::new() };
    let items = items(said);
    for name in ["response.created", "response.in_progress"] {
        let response = response(said, &[], false);
        stream.push(Part::Preamble, name, &format!(r#""response":{response}"#));
    }
    for (index, item) in items.iter().enumerate() {
        stream.item(index, item);
    }
    let name = match said.thought.end {
        End::MaxTokens => "response.incomplete",
        _ => "response.completed",
    };
    let response = response(said, &items, true);
    stream.push(Part::Terminal, name, &format!(r#""response":{response}"#));
    stream.events
}

impl Stream {
    fn push(&mut self, part: Part, name: &str, fields: &str) {
        let number = self.events.len();
        let data = format!(r#"{{"type":"{name}",{fields},"sequence_number":{number}}}"#);
        let bytes = format!("event: {name}\ndata: {data}\n\n").into();
        self.events.push(Event { part, bytes });
    }

    fn item(&mut self, index: usize, item: &Item) {
        let at = format!(r#""output_index":{index}"#);
        let part = match item.body {
            ItemBody::Call { .. } => Part::Content,
            _ => Part::Preamble,
        };
        self.push(
            part,
            "response.output_item.added",
            &format!(r#""item":{},{at}"#, item.added()),
        );
        let place = format!(r#""item_id":"{}",{at}"#, item.id);
        match &item.body {
            ItemBody::Reasoning { summary, .. } if summary.is_empty() => {}
            ItemBody::Reasoning { summary, .. } => self.summary(&place, summary),
            ItemBody::Message { pieces, refused } => self.message(&place, pieces, *refused),
            ItemBody::Call {
                name, arguments, ..
            } => self.call(&place, name, arguments),
        }
        self.push(
            Part::Content,
            "response.output_item.done",
            &format!(r#""item":{},{at}"#, item.done()),
        );
    }

    fn summary(&mut self, place: &str, pieces_of: &[String]) {
        let place = format!(r#"{place},"summary_index":0"#);
        let whole = pieces_of.concat();
        let part = |text: &str| format!(r#"{place},"part":{}"#, summary_part(text));
        self.push(
            Part::Preamble,
            "response.reasoning_summary_part.added",
            &part(""),
        );
        for piece in pieces_of {
            let fields = format!(r#"{place},"delta":{}"#, quote(piece));
            self.push(
                Part::Content,
                "response.reasoning_summary_text.delta",
                &fields,
            );
        }
        let fields = format!(r#"{place},"text":{}"#, quote(&whole));
        self.push(
            Part::Content,
            "response.reasoning_summary_text.done",
            &fields,
        );
        self.push(
            Part::Content,
            "response.reasoning_summary_part.done",
            &part(&whole),
        );
    }

    fn message(&mut self, place: &str, pieces_of: &[String], refused: bool) {
        let place = format!(r#"{place},"content_index":0"#);
        let whole = pieces_of.concat();
        let part = |text: &str| format!(r#"{place},"part":{}"#, content_part(text, refused));
        let (kind, field, logprobs) = match refused {
            true => ("response.refusal", "refusal", ""),
            false => ("response.output_text", "text", r#","logprobs":[]"#),
        };
        self.push(Part::Preamble, "response.content_part.added", &part(""));
        for piece in pieces_of {
            let fields = format!(r#"{place},"delta":{}{logprobs}"#, quote(piece));
            self.push(Part::Content, &format!("{kind}.delta"), &fields);
        }
        let fields = format!(r#"{place},"{field}":{}{logprobs}"#, quote(&whole));
        self.push(Part::Content, &format!("{kind}.done"), &fields);
        self.push(Part::Content, "response.content_part.done", &part(&whole));
    }

    fn call(&mut self, place: &str, name: &str, arguments: &str) {
        for piece in pieces(arguments) {
            let fields = format!(r#"{place},"delta":{}"#, quote(&piece));
            self.push(
                Part::Content,
                "response.function_call_arguments.delta",
                &fields,
            );
        }
        let fields = format!(
            r#"{place},"name":{},"arguments":{}"#,
            quote(name),
            quote(arguments)
        );
        self.push(
            Part::Content,
            "response.function_call_arguments.done",
            &fields,
        );
    }
}
