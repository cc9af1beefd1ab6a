use serde_json::{Value, json};
use tidegate::ir::Format;
use tidegate::wire::convert::{Course, Issuer, Manner, Transcode, answer};
use tidegate::wire::relay::Progress;

use super::answers;
use super::bodies::{Text, agent, agent_chat, object, padded};
use super::proxies::{BESIDE, GATEWAY};

/// One kind of request, and the answer it has to get.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) body: String,
    /// What the client must get: the body without its transfer coding.
    pub(super) answer: Vec<u8>,
    /// Requests in a round.
    pub(super) requests: usize,
    /// What the gateway may cost at most, as a multiple of bare Pingora; none = not promised.
    pub(super) promised: Option<f64>,
    /// What the gateway is asked in place of it: the same for an upstream of another format, which only it can ask.
    pub(super) converted: Option<Box<Case>>,
}

/// How an upstream answers: named by the end of the request's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 1 KB of JSON in OpenAI's shape.
    Chat,
    /// 1 KB of JSON in Anthropic's shape.
    Messages,
    /// 50 events in OpenAI's shape, each a write of its own.
    ChatStream,
    /// The same, one a millisecond.
    ChatPaced,
    /// 50 events in Anthropic's shape, each a write of its own.
    MessagesStream,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] = [
        Kind::Chat,
        Kind::Messages,
        Kind::ChatStream,
        Kind::ChatPaced,
        Kind::MessagesStream,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Chat => "chat",
            Kind::Messages => "messages",
            Kind::ChatStream => "chatstream",
            Kind::ChatPaced => "chatpaced",
            Kind::MessagesStream => "messagesstream",
        }
    }

    /// The client's name for the model; the gateway has another one for the upstream.
    pub(super) fn virtual_model(self) -> String {
        format!("virtual-{}", self.name())
    }

    pub(super) fn upstream_model(self) -> String {
        format!("upstream-model-{}", self.name())
    }

    pub(super) fn is_anthropic(self) -> bool {
        matches!(self, Kind::Messages | Kind::MessagesStream)
    }

    fn path(self) -> &'static str {
        match self.is_anthropic() {
            true => "/v1/messages",
            false => "/v1/chat/completions",
        }
    }

    /// The events of a stream, or the whole answer as one part. The usage chunk comes where it is asked for.
    pub(super) fn parts(self, include_usage: bool) -> Vec<String> {
        match self {
            Kind::Chat => vec![padded(&answers::chat(), 1024)],
            Kind::Messages => vec![padded(&answers::messages(), 1024)],
            Kind::ChatStream | Kind::ChatPaced => answers::chat_events(include_usage),
            Kind::MessagesStream => answers::messages_events(),
        }
    }
}

impl Case {
    fn new(name: &'static str, kind: Kind, body: String, requests: usize) -> Case {
        Case {
            name,
            path: kind.path(),
            answer: kind
                .parts(body.contains("include_usage"))
                .concat()
                .into_bytes(),
            body,
            requests,
            promised: None,
            converted: None,
        }
    }

    /// The gateway asks an upstream of `kind`'s format, and says its answer in the client's.
    fn converted(self, kind: Kind) -> Case {
        let own = self.body.as_str();
        let from = own.find("virtual-").unwrap_or(0);
        let to = own[from..].find('"').map_or(from, |length| from + length);
        let body = [&own[..from], &kind.virtual_model(), &own[to..]].concat();
        let answer = told(kind, self.path);
        let other = Case {
            name: self.name,
            path: self.path,
            answer,
            body,
            requests: self.requests,
            promised: None,
            converted: None,
        };
        Case {
            converted: Some(Box::new(other)),
            ..self
        }
    }

    /// What a proxy of that name is asked.
    pub(super) fn of(&self, proxy: &str) -> &Case {
        match &self.converted {
            Some(converted) if [GATEWAY, BESIDE].contains(&proxy) => converted,
            _ => self,
        }
    }

    fn promised(self, ratio: f64) -> Case {
        Case {
            promised: Some(ratio),
            ..self
        }
    }
}

/// The upstream's answer as a client of Anthropic's path gets it from a conversion.
fn told(kind: Kind, path: &str) -> Vec<u8> {
    assert_eq!(
        path, "/v1/messages",
        "ids and times are the upstream's there"
    );
    let course = Course {
        from: Issuer {
            vendor: 0,
            format: Format::OpenaiChat,
        },
        client: Format::Anthropic,
        back: Default::default(),
        telling: Default::default(),
    };
    let said = kind.parts(true).concat();
    if kind == Kind::Chat {
        let answer = answer(course, said.as_bytes(), Manner::Whole);
        return answer.map_or_else(|_| Vec::new(), |answer| answer.body);
    }
    let mut out = Vec::new();
    let mut transcode = Transcode::stream(course);
    let whole = transcode.push(said.into(), &mut out).is_ok();
    assert!(whole && transcode.progress() == Progress::Done);
    out.concat()
}

/// What is measured, in the order of the report.
pub(super) fn all() -> Vec<Case> {
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    let stream = |kind| small_chat(kind, &asked);
    let unasked = small_chat(Kind::ChatStream, &json!({"stream": true}));
    vec![
        Case::new(
            "2 KB chat",
            Kind::Chat,
            small_chat(Kind::Chat, &json!({})),
            3_000,
        )
        .promised(1.25),
        Case::new(
            "85 KB agent, messages",
            Kind::Messages,
            agent(85_000),
            1_000,
        )
        .promised(1.4),
        Case::new(
            "1 MB agent, messages",
            Kind::Messages,
            agent(1_000_000),
            125,
        )
        .promised(1.5),
        Case::new("85 KB agent, chat", Kind::Chat, agent_chat(85_000), 1_000).promised(1.4),
        Case::new("1 MB agent, chat", Kind::Chat, agent_chat(1_000_000), 125).promised(1.5),
        Case::new(
            "50 events, chat",
            Kind::ChatStream,
            stream(Kind::ChatStream),
            625,
        )
        .promised(1.25),
        Case::new(
            "50 events, chat, usage not asked",
            Kind::ChatStream,
            unasked,
            625,
        ),
        Case::new(
            "50 events, messages",
            Kind::MessagesStream,
            small_messages(),
            625,
        )
        .promised(1.25),
        Case::new(
            "50 events, messages said by chat",
            Kind::MessagesStream,
            small_messages(),
            625,
        )
        .converted(Kind::ChatStream)
        .promised(1.6),
        Case::new(
            "85 KB agent, messages said by chat",
            Kind::Messages,
            agent(85_000),
            1_000,
        )
        .converted(Kind::Chat),
        Case::new(
            "50 events, chat, 1 ms apart",
            Kind::ChatPaced,
            stream(Kind::ChatPaced),
            250,
        )
        .promised(1.25),
    ]
}

fn small_chat(kind: Kind, more: &Value) -> String {
    let text = Text::new(1).prose(1700);
    let messages = json!([
        {"role": "system", "content": "You are a helpful assistant.\nAnswer briefly."},
        {"role": "user", "content": text}
    ]);
    let mut members = vec![
        ("model", json!(kind.virtual_model())),
        ("messages", messages),
    ];
    let more = more.as_object().cloned().unwrap_or_default();
    members.extend(more.iter().map(|(k, v)| (k.as_str(), v.clone())));
    members.push(("temperature", json!(0.2)));
    padded(&object(&members), 2048)
}

fn small_messages() -> String {
    let text = Text::new(1).prose(1700);
    let members = [
        ("model", json!(Kind::MessagesStream.virtual_model())),
        ("max_tokens", json!(1024)),
        (
            "system",
            json!("You are a helpful assistant.\nAnswer briefly."),
        ),
        ("messages", json!([{"role": "user", "content": text}])),
        ("stream", json!(true)),
    ];
    padded(&object(&members), 2048)
}
