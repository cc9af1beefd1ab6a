use crate::demo::answer::{Answer, Event, Part};
use crate::demo::dialect::{Said, quote};
use crate::demo::mind::{Caching, End, Reasoning, Spent, pieces};

pub(super) fn write(said: &Said<'_>) -> Answer {
    match said.ask.stream {
        true => Answer::stream(stream(said)),
        false => Answer::json(whole(said)),
    }
}

fn spent(said: &Said<'_>) -> Spent {
    Spent::count(said.ask, said.thought, Caching::Marked)
}

/// `usage` with this many output tokens.
fn usage(said: &Said<'_>, output: u64) -> String {
    let spent = spent(said);
    let written = spent.cache_write;
    format!(
        concat!(
            r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"#,
            r#""cache_creation":{{"ephemeral_5m_input_tokens":{},"ephemeral_1h_input_tokens":0}},"#,
            r#""output_tokens":{},"service_tier":"standard"}}"#
        ),
        spent.input, written, spent.cache_read, written, output,
    )
}

fn output(said: &Said<'_>) -> u64 {
    let spent = spent(said);
    spent.output + spent.reasoning
}

/// `stop_reason` and `stop_sequence`.
fn stop(said: &Said<'_>) -> (&'static str, String) {
    let reason = match &said.thought.end {
        End::Done => "end_turn",
        End::Tools => "tool_use",
        End::MaxTokens => "max_tokens",
        End::Refusal => "refusal",
        End::Stop(sequence) => return ("stop_sequence", quote(sequence)),
    };
    (reason, "null".to_owned())
}

fn head(said: &Said<'_>) -> String {
    let id = said.ids.make("msg_01", 0, 22);
    let model = quote(&said.ask.model);
    format!(r#""id":"{id}","type":"message","role":"assistant","model":{model}"#)
}

/// Whether the client sees the text of the thinking, or only its signature.
fn thinking_text(said: &Said<'_>) -> Vec<String> {
    match said.body["thinking"]["display"] == "omitted" {
        true => Vec::new(),
        false => said.thought.thinking.clone(),
    }
}

fn shows_thinking(said: &Said<'_>) -> bool {
    said.ask.reasoning == Reasoning::Shown && !said.thought.thinking.is_empty()
}

fn whole(said: &Said<'_>) -> String {
    let thought = said.thought;
    let mut blocks = Vec::new();
    if shows_thinking(said) {
        blocks.push(thinking_block(said));
    }
    if !thought.text.is_empty() {
        blocks.push(format!(
            r#"{{"type":"text","text":{}}}"#,
            quote(&thought.text())
        ));
    }
    for (i, call) in thought.calls.iter().enumerate() {
        let (id, name) = (said.ids.make("toolu_01", i, 22), quote(&call.name));
        let input = &call.arguments;
        blocks.push(format!(
            r#"{{"type":"tool_use","id":"{id}","name":{name},"input":{input}}}"#
        ));
    }
    let (reason, sequence) = stop(said);
    let usage = match said.usage {
        true => format!(r#","usage":{}"#, usage(said, output(said))),
        false => String::new(),
    };
    format!(
        r#"{{{},"content":[{}],"stop_reason":"{reason}","stop_sequence":{sequence}{usage}}}"#,
        head(said),
        blocks.join(","),
    )
}

fn thinking_block(said: &Said<'_>) -> String {
    if said.thought.redacted {
        let data = said.vendor.sign("redacted");
        return format!(r#"{{"type":"redacted_thinking","data":"{data}"}}"#);
    }
    let text = thinking_text(said).concat();
    let signature = said.vendor.sign(&text);
    format!(
        r#"{{"type":"thinking","thinking":{},"signature":"{signature}"}}"#,
        quote(&text)
    )
}

/// The events of a stream, in Anthropic's order: `message_start`, for every block its start, deltas and stop, then
/// `message_delta` and `message_stop`; a ping behind the first start.
struct Stream<'a> {
    said: &'a Said<'a>,
    events: Vec<Event>,
    block: usize,
}

fn stream(said: &Said<'_>) -> Vec<Event> {
    let mut stream = Stream {
        said,
        events: Vec::new(),
        block: 0,
    };
    stream.start();
    if shows_thinking(said) {
        stream.thinking();
    }
    if !said.thought.text.is_empty() {
        let deltas = said.thought.text.iter();
        let deltas = deltas.map(|p| format!(r#"{{"type":"text_delta","text":{}}}"#, quote(p)));
        stream.block(r#"{"type":"text","text":""}"#, deltas.collect());
    }
    for number in 0..said.thought.calls.len() {
        stream.call(number);
    }
    stream.finish();
    stream.events
}

impl Stream<'_> {
    /// `fields` is what stands in the event's object behind its type.
    fn push(&mut self, part: Part, name: &str, fields: &str) {
        let comma = if fields.is_empty() { "" } else { "," };
        // The real vendor pads its events with white space of no meaning.
        let padding = " ".repeat(self.events.len() % 7);
        let bytes =
            format!("event: {name}\ndata: {{\"type\":\"{name}\"{comma}{fields}{padding}}}\n\n")
                .into();
        self.events.push(Event { part, bytes });
    }

    fn start(&mut self) {
        let usage = match self.said.usage {
            true => format!(r#","usage":{}"#, usage(self.said, 1)),
            false => String::new(),
        };
        let message = format!(
            r#""message":{{{},"content":[],"stop_reason":null,"stop_sequence":null{usage}}}"#,
            head(self.said)
        );
        self.push(Part::Preamble, "message_start", &message);
    }

    /// A block from start to stop. Its start is content only where it says something, as a call's does.
    fn block(&mut self, start: &str, deltas: Vec<String>) {
        let index = self.block;
        let says = start.contains("tool_use") || start.contains("redacted");
        let part = if says { Part::Content } else { Part::Preamble };
        self.push(
            part,
            "content_block_start",
            &format!(r#""index":{index},"content_block":{start}"#),
        );
        if index == 0 {
            let bytes = "event: ping\ndata: {\"type\": \"ping\"}\n\n".into();
            self.events.push(Event {
                part: Part::Preamble,
                bytes,
            });
        }
        for delta in deltas {
            let fields = format!(r#""index":{index},"delta":{delta}"#);
            self.push(Part::Content, "content_block_delta", &fields);
        }
        self.push(
            Part::Content,
            "content_block_stop",
            &format!(r#""index":{index}"#),
        );
        self.block += 1;
    }

    fn thinking(&mut self) {
        if self.said.thought.redacted {
            return self.block(&thinking_block(self.said), Vec::new());
        }
        let pieces = thinking_text(self.said);
        let signature = self.said.vendor.sign(&pieces.concat());
        let delta =
            |piece: &String| format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, quote(piece));
        let mut deltas: Vec<String> = pieces.iter().map(delta).collect();
        deltas.push(format!(
            r#"{{"type":"signature_delta","signature":"{signature}"}}"#
        ));
        self.block(
            r#"{"type":"thinking","thinking":"","signature":""}"#,
            deltas,
        );
    }

    fn call(&mut self, number: usize) {
        let Some(call) = self.said.thought.calls.get(number) else {
            return;
        };
        let (id, name) = (
            self.said.ids.make("toolu_01", number, 22),
            quote(&call.name),
        );
        let start = format!(r#"{{"type":"tool_use","id":"{id}","name":{name},"input":{{}}}}"#);
        // No arguments come as nothing at all.
        let arguments = if call.arguments == "{}" {
            Vec::new()
        } else {
            pieces(&call.arguments)
        };
        let parts = std::iter::once(String::new()).chain(arguments);
        let delta = |part: String| {
            format!(
                r#"{{"type":"input_json_delta","partial_json":{}}}"#,
                quote(&part)
            )
        };
        self.block(&start, parts.map(delta).collect());
    }

    fn finish(&mut self) {
        let (reason, sequence) = stop(self.said);
        let usage = match self.said.usage {
            true => format!(r#","usage":{{"output_tokens":{}}}"#, output(self.said)),
            false => String::new(),
        };
        let delta =
            format!(r#""delta":{{"stop_reason":"{reason}","stop_sequence":{sequence}}}{usage}"#);
        self.push(Part::Finish, "message_delta", &delta);
        self.push(Part::Terminal, "message_stop", "");
    }
}
