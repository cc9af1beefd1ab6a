use serde_json::{Value, json};

use super::answers;
use super::bodies::{Text, agent, agent_chat, object, padded};

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
        }
    }

    fn promised(self, ratio: f64) -> Case {
        Case {
            promised: Some(ratio),
            ..self
        }
    }
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
            12_000,
        )
        .promised(1.25),
        Case::new(
            "85 KB agent, messages",
            Kind::Messages,
            agent(85_000),
            4_000,
        )
        .promised(1.4),
        Case::new(
            "1 MB agent, messages",
            Kind::Messages,
            agent(1_000_000),
            500,
        )
        .promised(1.5),
        Case::new("85 KB agent, chat", Kind::Chat, agent_chat(85_000), 4_000).promised(1.4),
        Case::new("1 MB agent, chat", Kind::Chat, agent_chat(1_000_000), 500).promised(1.5),
        Case::new(
            "50 events, chat",
            Kind::ChatStream,
            stream(Kind::ChatStream),
            2_500,
        )
        .promised(1.25),
        Case::new(
            "50 events, chat, usage not asked",
            Kind::ChatStream,
            unasked,
            2_500,
        ),
        Case::new(
            "50 events, messages",
            Kind::MessagesStream,
            small_messages(),
            2_500,
        )
        .promised(1.25),
        Case::new(
            "50 events, chat, 1 ms apart",
            Kind::ChatPaced,
            stream(Kind::ChatPaced),
            1_000,
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
