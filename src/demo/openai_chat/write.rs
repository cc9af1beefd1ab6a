use serde_json::Value;

use crate::demo::answer::{Answer, Event, Part};
use crate::demo::dialect::{CREATED, Said, quote};
use crate::demo::mind::{Caching, End, Reasoning, Spent, pieces};

pub(super) fn write(said: &Said<'_>) -> Answer {
    match said.ask.stream {
        true => Answer::stream(stream(said)),
        false => Answer::json(whole(said)),
    }
}

fn finish(said: &Said<'_>) -> &'static str {
    match said.thought.end {
        End::Done | End::Stop(_) | End::Refusal => "stop",
        End::Tools => "tool_calls",
        End::MaxTokens => "length",
    }
}

/// How many answers are wanted: the same one so many times.
fn choices(said: &Said<'_>) -> usize {
    let n = said.body["n"].as_u64().unwrap_or(1).clamp(1, 128);
    usize::try_from(n).unwrap_or(1)
}

fn usage(said: &Said<'_>) -> String {
    let spent = Spent::count(said.ask, said.thought, Caching::Automatic);
    let prompt = spent.input + spent.cache_read;
    let completion = (spent.output + spent.reasoning) * choices(said) as u64;
    format!(
        concat!(
            r#"{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},"#,
            r#""prompt_tokens_details":{{"cached_tokens":{},"audio_tokens":0}},"#,
            r#""completion_tokens_details":{{"reasoning_tokens":{},"audio_tokens":0,"#,
            r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}}"#
        ),
        prompt,
        completion,
        prompt + completion,
        spent.cache_read,
        spent.reasoning * choices(said) as u64,
    )
}

fn head(said: &Said<'_>, object: &str) -> String {
    let id = said.ids.make("chatcmpl-", 0, 29);
    let model = quote(&said.ask.model);
    format!(r#""id":"{id}","object":"{object}","created":{CREATED},"model":{model}"#)
}

fn tail(said: &Said<'_>) -> String {
    format!(
        r#""service_tier":"default","system_fingerprint":"fp_{}""#,
        said.vendor.name
    )
}

fn call_id(said: &Said<'_>, number: usize) -> String {
    said.ids.make("call_", number, 24)
}

/// `null`, or what is asked for: every piece with its (invented) probability.
fn logprobs(said: &Said<'_>, pieces: &[String]) -> String {
    if said.body["logprobs"] != true {
        return "null".to_owned();
    }
    let entry = |piece: &String| {
        let bytes = Value::from(piece.as_bytes()).to_string();
        let token = quote(piece);
        format!(r#"{{"token":{token},"logprob":-0.01,"bytes":{bytes},"top_logprobs":[]}}"#)
    };
    let entries: Vec<String> = pieces.iter().map(entry).collect();
    format!(r#"{{"content":[{}],"refusal":null}}"#, entries.join(","))
}

fn whole(said: &Said<'_>) -> String {
    let message = message(said);
    let (finish, logprobs) = (finish(said), logprobs(said, &said.thought.text));
    let choice = |i: usize| {
        format!(
            r#"{{"index":{i},"message":{message},"logprobs":{logprobs},"finish_reason":"{finish}"}}"#
        )
    };
    let choices: Vec<String> = (0..choices(said)).map(choice).collect();
    let usage = match said.usage {
        true => format!(r#""usage":{},"#, usage(said)),
        false => String::new(),
    };
    let (head, tail) = (head(said, "chat.completion"), tail(said));
    format!(
        "{{{head},\"choices\":[{}],{usage}{tail}}}\n",
        choices.join(",")
    )
}

fn message(said: &Said<'_>) -> String {
    let thought = said.thought;
    let text = match thought.calls.is_empty() {
        true => quote(&thought.text()),
        false => "null".to_owned(),
    };
    let (content, refusal) = match thought.refused {
        true => ("null".to_owned(), text),
        false => (text, "null".to_owned()),
    };
    let mut message =
        format!(r#"{{"role":"assistant","content":{content},"refusal":{refusal},"annotations":[]"#);
    if said.ask.reasoning == Reasoning::Shown {
        message.push_str(&format!(
            r#","reasoning_content":{}"#,
            quote(&thought.thinking())
        ));
    }
    if !thought.calls.is_empty() {
        let calls = thought.calls.iter().enumerate().map(|(i, call)| {
            let (id, name, arguments) = (call_id(said, i), quote(&call.name), quote(&call.arguments));
            format!(r#"{{"id":"{id}","type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#)
        });
        message.push_str(&format!(
            r#","tool_calls":[{}]"#,
            calls.collect::<Vec<_>>().join(",")
        ));
    }
    message + "}"
}

/// The events of a stream, in OpenAI's order: roles, content, finish reason, usage if asked for, `[DONE]`.
struct Stream<'a> {
    said: &'a Said<'a>,
    events: Vec<Event>,
    include_usage: bool,
}

fn stream(said: &Said<'_>) -> Vec<Event> {
    let mut stream = Stream {
        said,
        events: Vec::new(),
        include_usage: said.usage && said.body["stream_options"]["include_usage"] == true,
    };
    for choice in 0..choices(said) {
        stream.choice(choice);
    }
    if stream.include_usage {
        let usage = usage(said);
        stream.chunk(Part::Finish, "[]", &usage);
    }
    stream.push(Part::Terminal, "[DONE]");
    stream.events
}

impl Stream<'_> {
    fn push(&mut self, part: Part, data: &str) {
        let bytes = format!("data: {data}\n\n").into();
        self.events.push(Event { part, bytes });
    }

    fn chunk(&mut self, part: Part, choices: &str, usage: &str) {
        let (head, tail) = (head(self.said, "chat.completion.chunk"), tail(self.said));
        let usage = match self.include_usage {
            true => format!(r#","usage":{usage}"#),
            false => String::new(),
        };
        self.push(
            part,
            &format!(r#"{{{head},{tail},"choices":{choices}{usage}}}"#),
        );
    }

    fn delta(&mut self, part: Part, choice: usize, delta: &str, finish: Option<&str>) {
        let finish = finish.map_or("null".to_owned(), quote);
        let choices = format!(
            r#"[{{"index":{choice},"delta":{delta},"logprobs":null,"finish_reason":{finish}}}]"#
        );
        self.chunk(part, &choices, "null");
    }

    fn choice(&mut self, choice: usize) {
        let thought = self.said.thought;
        let content = if thought.calls.is_empty() && !thought.refused {
            r#""""#
        } else {
            "null"
        };
        let role = format!(r#"{{"role":"assistant","content":{content},"refusal":null}}"#);
        self.delta(Part::Preamble, choice, &role, None);
        if self.said.ask.reasoning == Reasoning::Shown {
            for piece in &thought.thinking {
                let delta = format!(r#"{{"reasoning_content":{}}}"#, quote(piece));
                self.delta(Part::Content, choice, &delta, None);
            }
        }
        let field = if thought.refused {
            "refusal"
        } else {
            "content"
        };
        for piece in &thought.text {
            self.text(choice, field, piece);
        }
        for number in 0..thought.calls.len() {
            self.call(choice, number);
        }
        self.delta(Part::Finish, choice, "{}", Some(finish(self.said)));
    }

    fn text(&mut self, choice: usize, field: &str, piece: &String) {
        let logprobs = logprobs(self.said, std::slice::from_ref(piece));
        let delta = format!(r#"{{"{field}":{}}}"#, quote(piece));
        let choices = format!(
            r#"[{{"index":{choice},"delta":{delta},"logprobs":{logprobs},"finish_reason":null}}]"#
        );
        self.chunk(Part::Content, &choices, "null");
    }

    fn call(&mut self, choice: usize, number: usize) {
        let Some(call) = self.said.thought.calls.get(number) else {
            return;
        };
        let (id, name) = (call_id(self.said, number), quote(&call.name));
        let start = format!(
            r#"{{"tool_calls":[{{"index":{number},"id":"{id}","type":"function","function":{{"name":{name},"arguments":""}}}}]}}"#
        );
        self.delta(Part::Content, choice, &start, None);
        for piece in pieces(&call.arguments) {
            let arguments = quote(&piece);
            let delta = format!(
                r#"{{"tool_calls":[{{"index":{number},"function":{{"arguments":{arguments}}}}}]}}"#
            );
            self.delta(Part::Content, choice, &delta, None);
        }
    }
}
