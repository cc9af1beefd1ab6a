//! What many things in one request or answer cost grows with their number, not with its square.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tidegate::ir::Format;
use tidegate::wire::Asked;
use tidegate::wire::convert::{Manner, answer};
use tidegate::wire::relay::End;

use super::laws::ground::{converted, course, lowered};

const FEW: usize = 400;
/// Eight times as many take eight times as long; by a square it would be 64 times.
const MANY: usize = FEW * 8;
const MOST: u32 = 28;

/// What takes no longer than this is no matter.
const NOTHING: Duration = Duration::from_millis(60);

/// What this thread has spent on a processor, so that other work on the machine does not count; where the system does not
/// say that, the time that has passed.
fn spent() -> Duration {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = said.and_then(|said| said.split(' ').next()?.parse().ok());
    let begin = BEGIN.get_or_init(Instant::now);
    nanos.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

fn time(work: &dyn Fn()) -> Duration {
    let start = spent();
    work();
    spent().saturating_sub(start)
}

/// Other work on the machine only makes it longer: the best of several tries counts.
fn grows_evenly(name: &str, few: &dyn Fn(), many: &dyn Fn()) {
    let mut ratio = u128::MAX;
    for _try in 0..3 {
        let many = time(many);
        if many < NOTHING {
            return;
        }
        let few = time(few).min(time(few));
        ratio = ratio.min(many.as_micros() / few.as_micros().max(1));
        if ratio <= u128::from(MOST) {
            return;
        }
    }
    panic!("{name}: {ratio} times the time for 8 times as many");
}

fn list(n: usize, one: impl Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..n).map(one).collect();
    all.join(",")
}

type Shape = (&'static str, Format, fn(usize) -> String);

const CHAT_CALL: fn(usize) -> String = |n| {
    format!(r#"{{"id":"c{n}","type":"function","function":{{"name":"f{n}","arguments":"{{}}"}}}}"#)
};

const REQUESTS: [Shape; 14] = [
    ("unknown keys", Format::OpenaiChat, |n| {
        let keys = list(n, |n| format!(r#""k{n}":1"#));
        format!(r#"{{"messages":[{{"role":"user","content":"hi",{keys}}}],{keys}}}"#)
    }),
    ("stops", Format::OpenaiChat, |n| {
        let stops = list(n, |n| format!(r#""s{n}""#));
        format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],"stop":[{stops}]}}"#)
    }),
    ("calls and outcomes", Format::OpenaiChat, |n| {
        let calls = list(n, CHAT_CALL);
        let outcomes = list(n, |n| {
            format!(r#"{{"role":"tool","tool_call_id":"c{n}","content":"r"}}"#)
        });
        format!(
            r#"{{"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","tool_calls":[{calls}]}},{outcomes}]}}"#
        )
    }),
    (
        "outcomes by name, the last first",
        Format::OpenaiChat,
        |n| {
            let calls = list(n, CHAT_CALL);
            let last = n;
            let outcomes = list(n, |n| {
                format!(
                    r#"{{"role":"function","name":"f{}","content":"r"}}"#,
                    last - 1 - n
                )
            });
            format!(
                r#"{{"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","tool_calls":[{calls}]}},{outcomes}]}}"#
            )
        },
    ),
    ("outcomes of nothing", Format::OpenaiChat, |n| {
        let outcomes = list(n, |n| {
            format!(r#"{{"role":"tool","tool_call_id":"c{n}","content":"r"}}"#)
        });
        format!(r#"{{"messages":[{outcomes}]}}"#)
    }),
    ("tools, and all of them allowed", Format::OpenaiChat, |n| {
        let tools = list(n, |n| {
            format!(r#"{{"type":"function","function":{{"name":"f {n}","parameters":{{}}}}}}"#)
        });
        let names = list(n, |n| {
            format!(r#"{{"type":"function","function":{{"name":"f {n}"}}}}"#)
        });
        format!(
            r#"{{"messages":[{{"role":"user","content":"hi"}}],"tools":[{tools}],"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{names}]}}}}}}"#
        )
    }),
    ("properties of a schema", Format::OpenaiChat, |n| {
        let properties = list(n, |n| format!(r#""p{n}":{{"type":["string","null"]}}"#));
        let schema = format!(r#"{{"type":"object","properties":{{{properties}}}}}"#);
        format!(
            r#"{{"messages":[{{"role":"user","content":"hi"}}],"tools":[{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}],"response_format":{{"type":"json_schema","json_schema":{{"name":"x","schema":{schema}}}}}}}"#
        )
    }),
    ("turns", Format::OpenaiChat, |n| {
        let turns = list(n, |n| match n % 3 {
            0 => r#"{"role":"user","content":"hi"}"#.to_owned(),
            1 => r#"{"role":"assistant","content":"hi"}"#.to_owned(),
            _ => r#"{"role":"system","content":"hi"}"#.to_owned(),
        });
        format!(r#"{{"messages":[{turns}]}}"#)
    }),
    ("cache marks", Format::Anthropic, |n| {
        let blocks = list(n, |_| {
            r#"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#.to_owned()
        });
        format!(r#"{{"max_tokens":99,"messages":[{{"role":"user","content":[{blocks}]}}]}}"#)
    }),
    ("thinking", Format::Anthropic, |n| {
        let blocks = list(n, |n| {
            format!(r#"{{"type":"thinking","thinking":"x","signature":"s{n}"}}"#)
        });
        format!(
            r#"{{"max_tokens":99,"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":[{blocks}]}},{{"role":"user","content":"hi"}}]}}"#
        )
    }),
    ("calls, then outcomes", Format::OpenaiResponses, |n| {
        let calls = list(n, |n| {
            format!(r#"{{"type":"function_call","call_id":"c{n}","name":"f","arguments":"{{}}"}}"#)
        });
        let outcomes = list(n, |n| {
            format!(r#"{{"type":"function_call_output","call_id":"c{n}","output":"r"}}"#)
        });
        format!(r#"{{"input":[{calls},{outcomes}]}}"#)
    }),
    ("work of the client", Format::OpenaiResponses, |n| {
        let work = list(n, |n| {
            format!(
                r#"{{"type":"shell_call","call_id":"c{n}","action":{{}}}},{{"type":"shell_call_output","call_id":"c{n}","output":[]}}"#
            )
        });
        format!(r#"{{"input":[{work}]}}"#)
    }),
    ("responses by name, the last first", Format::Gemini, |n| {
        let calls = list(n, |n| {
            format!(r#"{{"functionCall":{{"name":"f{n}","args":{{}}}}}}"#)
        });
        let last = n;
        let outcomes = list(n, |n| {
            format!(
                r#"{{"functionResponse":{{"name":"f{}","response":{{}}}}}}"#,
                last - 1 - n
            )
        });
        format!(
            r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}},{{"role":"model","parts":[{calls}]}},{{"role":"user","parts":[{outcomes}]}}]}}"#
        )
    }),
    ("pieces", Format::Gemini, |n| {
        let pieces = list(n, |n| {
            format!(
                r#"{{"role":"model","parts":[{{"text":"x","thought":{}}}]}}"#,
                n % 2 == 0
            )
        });
        format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"hi"}}]}},{pieces}]}}"#)
    }),
];

#[test]
fn requests_of_many_things() {
    for (name, from, make) in REQUESTS {
        let [few, many] = [FEW, MANY].map(make);
        for to in Format::ALL.into_iter().filter(|to| *to != from) {
            let asked = Asked::default();
            let lower = |body: &str| drop(lowered(from, to, asked, body.as_bytes()));
            let name = format!("{name}, {from} to {to}");
            grows_evenly(&name, &|| lower(&few), &|| lower(&many));
        }
    }
}

fn chat(message: &str) -> String {
    format!(
        r#"{{"id":"x","model":"m","choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":"stop"}}]}}"#
    )
}

fn gemini(candidate: &str) -> String {
    format!(
        r#"{{"candidates":[{{{candidate},"finishReason":"STOP"}}],"modelVersion":"m","responseId":"x"}}"#
    )
}

const ANSWERS: [Shape; 11] = [
    ("calls", Format::OpenaiChat, |n| {
        chat(&format!(
            r#""content":"x","tool_calls":[{}]"#,
            list(n, CHAT_CALL)
        ))
    }),
    ("annotations", Format::OpenaiChat, |n| {
        let one = |n| {
            format!(
                r#"{{"type":"url_citation","url_citation":{{"url":"u{n}","title":"t","start_index":{n},"end_index":{}}}}}"#,
                n + 1
            )
        };
        chat(&format!(
            r#""content":"{}","annotations":[{}]"#,
            "é".repeat(n + 1),
            list(n, one)
        ))
    }),
    ("choices", Format::OpenaiChat, |n| {
        let one = |n| {
            format!(
                r#"{{"index":{n},"message":{{"role":"assistant","content":"x"}},"finish_reason":"stop"}}"#
            )
        };
        format!(r#"{{"id":"x","model":"m","choices":[{}]}}"#, list(n, one))
    }),
    ("pieces of reasoning", Format::OpenaiChat, |n| {
        let one = |n| format!(r#"{{"type":"reasoning.text","text":"x","index":{n}}}"#);
        chat(&format!(
            r#""content":"x","reasoning_details":[{}]"#,
            list(n, one)
        ))
    }),
    ("items", Format::OpenaiResponses, |n| {
        let one = |n| {
            format!(
                r#"{{"type":"message","id":"m{n}","status":"completed","role":"assistant","content":[{{"type":"output_text","text":"x","annotations":[]}}]}},{{"type":"function_call","id":"f{n}","call_id":"c{n}","name":"f","arguments":"{{}}","status":"completed"}}"#
            )
        };
        format!(
            r#"{{"id":"resp_1","object":"response","model":"m","status":"completed","output":[{}]}}"#,
            list(n, one)
        )
    }),
    ("blocks with sources", Format::Anthropic, |n| {
        let one = |n| {
            format!(
                r#"{{"type":"text","text":"x","citations":[{{"type":"web_search_result_location","url":"u{n}","title":"t","cited_text":"q","encrypted_index":"e"}}]}},{{"type":"tool_use","id":"c{n}","name":"f","input":{{}}}}"#
            )
        };
        format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{}],"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1}}}}"#,
            list(n, one)
        )
    }),
    ("sources of one text", Format::Anthropic, |n| {
        let one = |n| {
            format!(
                r#"{{"type":"web_search_result_location","url":"u{n}","title":"t","cited_text":"q","encrypted_index":"e"}}"#
            )
        };
        format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{{"type":"text","text":"{}","citations":[{}]}}],"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1}}}}"#,
            "é".repeat(n * 4),
            list(n, one)
        )
    }),
    ("calls", Format::Gemini, |n| {
        let one = |n| format!(r#"{{"functionCall":{{"name":"f{n}","args":{{}}}}}}"#);
        gemini(&format!(
            r#""content":{{"parts":[{{"text":"x"}},{}]}}"#,
            list(n, one)
        ))
    }),
    ("texts with sources", Format::Gemini, |n| {
        let one = |n| format!(r#"{{"text":"é{n} "}},{{"text":"x","thought":true}}"#);
        let chunk = |n| format!(r#"{{"web":{{"uri":"u{n}"}}}}"#);
        let support = |n| {
            format!(
                r#"{{"segment":{{"startIndex":9999999,"endIndex":9999999,"text":"é{n} "}},"groundingChunkIndices":[{n}]}}"#
            )
        };
        gemini(&format!(
            r#""content":{{"parts":[{}]}},"groundingMetadata":{{"groundingChunks":[{}],"groundingSupports":[{}]}}"#,
            list(n, one),
            list(n, chunk),
            list(n, support)
        ))
    }),
    ("sources of one text", Format::Gemini, |n| {
        let chunk = |n| format!(r#"{{"web":{{"uri":"u{n}"}}}}"#);
        let support = |n| {
            format!(
                r#"{{"segment":{{"startIndex":{},"endIndex":{}}},"groundingChunkIndices":[{n}]}}"#,
                n * 2,
                n * 2 + 2
            )
        };
        gemini(&format!(
            r#""content":{{"parts":[{{"text":"{}"}}]}},"groundingMetadata":{{"groundingChunks":[{}],"groundingSupports":[{}]}}"#,
            "é".repeat(n),
            list(n, chunk),
            list(n, support)
        ))
    }),
    ("candidates", Format::Gemini, |n| {
        let one = |n| {
            format!(
                r#"{{"index":{n},"content":{{"parts":[{{"text":"x"}}]}},"finishReason":"STOP"}}"#
            )
        };
        format!(
            r#"{{"candidates":[{}],"modelVersion":"m","responseId":"x"}}"#,
            list(n, one)
        )
    }),
];

#[test]
fn answers_of_many_things() {
    for (name, from, make) in ANSWERS {
        let bodies = [FEW, MANY].map(make);
        let streams = bodies.each_ref().map(|body| {
            let told = answer(course(from, from), body.as_bytes(), Manner::Stream);
            told.unwrap().body
        });
        for to in Format::ALL {
            let tell = |body: &str, manner| {
                assert!(answer(course(from, to), body.as_bytes(), manner).is_ok());
            };
            let pass = |stream: &[u8]| {
                let (_, ended) = converted(from, to, &[stream], End::Clean);
                assert!(ended.is_ok());
            };
            let [few, many] = &bodies;
            for manner in [Manner::Whole, Manner::Stream] {
                let name = format!("{name}, {from} to {to}, {manner:?}");
                grows_evenly(&name, &|| tell(few, manner), &|| tell(many, manner));
            }
            let [few, many] = &streams;
            let name = format!("{name}, {from} to {to}, as a stream");
            grows_evenly(&name, &|| pass(few), &|| pass(many));
        }
    }
}
