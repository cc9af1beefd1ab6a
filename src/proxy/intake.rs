//! From the head to a call that can be tried: who calls, with what body, for which pool.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use pingora::protocols::http::ServerSession;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Limits, Price, ReplyModel};
use crate::ir::Format;
use crate::ledger::{Bodies, brief};
use crate::live::Lane;
use crate::proxy::Proxy;
use crate::proxy::access::{Admitted, Who, presented};
use crate::proxy::arrival::Arrival;
use crate::proxy::body::{self, Body};
use crate::proxy::explain;
use crate::proxy::headers::{Forwarded, query_for_vendor};
use crate::proxy::limits;
use crate::proxy::paths::{CallKind, Named, VendorCall, percent_encoded};
use crate::proxy::refusal::Refusal;
use crate::proxy::routing::{self, Facts, Routed};
use crate::proxy::tab::Tab;
use crate::route::{Draw, Needs, PathKind, Seat};
use crate::wire::Asked;
use crate::wire::convert::{Manner, Original};
use crate::wire::embed;
use crate::wire::multipart::{Field, Form};
use crate::wire::scan::{Scan, Subject, Text, scan};

/// A request that can be tried: the second stage of its walk.
pub struct Call {
    pub format: Format,
    pub kind: CallKind,
    /// As [`VendorCall::suffix`].
    pub suffix: String,
    /// What the path says of model and stream.
    named: Option<Named>,
    /// The client wants a stream.
    pub stream: bool,
    /// The stream comes as one JSON array.
    pub array: bool,
    /// Who is told what of opaque state: one caller never finds another's.
    pub scope: u64,
    /// The body is a form, of this content type; else it is JSON.
    pub form: Option<HeaderValue>,
    /// For the vendor: without the client's `key=`.
    pub query: Option<String>,
    pub forwarded: Forwarded,
    pub body: Body,
    pub scan: Scan,
    pub lane: Arc<Lane>,
    /// The name for endpoints without one of their own.
    name: Arc<str>,
    pub needs: Needs,
    /// What the model costs where its name goes on as it is.
    passed_price: Option<Arc<Price>>,
}

impl Call {
    /// The model that was asked for.
    pub fn model(&self) -> &str {
        let in_body = || self.scan.model.as_ref().map(|model| &*model.value);
        let in_path = self.named.as_ref().map(|named| &*named.model);
        in_path.or_else(in_body).unwrap_or_default()
    }

    /// The name that an endpoint is asked for.
    pub fn sent<'s>(&'s self, seat: &'s Seat) -> &'s Arc<str> {
        seat.sent(&self.name)
    }

    /// What an endpoint costs. `None`: nobody knows.
    pub fn price<'s>(&'s self, seat: &'s Seat) -> Option<&'s Arc<Price>> {
        let passed = self.passed_price.as_ref().filter(|_| seat.passes());
        passed.or(seat.price.as_ref())
    }

    /// Below a vendor's base URL, for its name of the model.
    pub fn suffix_for(&self, model: &str) -> String {
        if self.named.is_none() {
            return self.suffix.clone();
        }
        let model = model.strip_prefix("models/").unwrap_or(model);
        ["/models/", &percent_encoded(model), &self.suffix].concat()
    }

    /// What the client wants.
    pub fn manner(&self) -> Manner {
        if self.stream {
            Manner::Stream
        } else {
            Manner::Whole
        }
    }

    /// The name that the answer is to say for the model; `None`: the vendor's.
    pub fn rename(&self, arrival: &Arrival) -> Option<&str> {
        let requested = arrival.wiring.snapshot.gateway.reply_model == ReplyModel::Requested;
        let says = matches!(self.kind, CallKind::Conversation | CallKind::Completion);
        (requested && says).then(|| self.model())
    }

    /// What the body is scanned as.
    pub fn subject(&self) -> Subject {
        subject(self.kind, self.format)
    }

    /// The request as its converters read it.
    pub fn original(&self) -> Original<'_> {
        Original {
            format: self.format,
            asked: Asked {
                model: self.model(),
                stream: self.stream,
                completion: self.kind == CallKind::Completion,
            },
            body: &self.body.bytes,
        }
    }

    /// The body has members that only our own path knows (`model` and `stream` of S1's Gemini path), so that it cannot go
    /// on as it is.
    pub fn is_ours(&self) -> bool {
        self.format == Format::Gemini && self.named.is_none() && self.kind == CallKind::Conversation
    }
}

/// Session ids that clients send as headers: the first of these counts.
const SESSION_HEADERS: [&str; 5] = [
    "x-session-id",
    "x-claude-code-session-id",
    "session_id",
    "session-id",
    "conversation_id",
];

/// Takes a vendor call in.
///
/// # Errors
/// [`Refusal`].
pub async fn take_in(
    proxy: &Proxy,
    session: &mut ServerSession,
    arrival: &Arrival,
    asked: VendorCall,
    tab: &mut Tab,
) -> Result<Call, Refusal> {
    let Admitted { who, by } = admit(session, arrival, tab)?;
    let form = form_type(session, &asked)?;
    let limits = arrival.wiring.snapshot.gateway.limits;
    let read = read_body(proxy, session, limits, (&asked, form.as_ref()));
    let (body, scan) = read.await?;
    tab.record.bytes_in = body.received;
    if let Some(most) = arrival.wiring.snapshot.gateway.log.bodies
        && form.is_none()
    {
        keep_body(session, arrival, (&body.bytes, most), tab);
    }
    let in_path = asked.named.as_ref().map(|named| named.model.as_str());
    let in_body = scan.model.as_ref().map(|model| model.value.as_str());
    let Some(model) = in_path.or(in_body) else {
        return Err(Refusal::NoModel);
    };
    let model = model.strip_prefix("models/").unwrap_or(model);
    let named: Arc<str> = model.into();
    tab.record.asked_model = Some(shown(&named));
    let facts = Facts {
        model,
        client_key: tab.record.client_key.as_deref(),
        format: asked.format,
        stream: asked.stream(&scan),
        scan: &scan,
        headers: &session.req_header().headers,
        body: form.is_none().then_some(&body.bytes[..]),
    };
    let Routed {
        lane,
        name,
        direct,
        route,
    } = routing::route(arrival, &who, &facts)?;
    tab.record.model = Some(arrival.wiring.label(&lane));
    tab.record.route = route;
    let stream = asked.stream(&scan);
    tab.record.stream = stream;
    let mut needs = needs(&asked, &scan, conversation(session, &scan));
    needs.stream = stream;
    if !direct {
        allow_conversion(&mut needs, asked.kind);
    }
    let sent = match name == model {
        true => named,
        false => name.into(),
    };
    let scope = who.name().map_or(0, |name| xxh3_64(name.as_bytes()));
    let call = Call {
        passed_price: limits::price_of_passed(arrival, &lane, &sent),
        stream,
        array: asked.named.as_ref().is_some_and(|named| named.array),
        scope,
        named: asked.named,
        format: asked.format,
        kind: asked.kind,
        suffix: asked.suffix,
        form,
        query: query_for_vendor(arrival.query.as_deref()),
        forwarded: Forwarded::of(&session.req_header().headers, by.as_ref()),
        body,
        scan,
        lane,
        name: sent,
        needs,
    };
    limits::reserve(arrival, &who, &call, tab)?;
    Ok(call)
}

/// A name as records have it.
pub(super) fn shown(name: &Arc<str>) -> Arc<str> {
    match brief(name) {
        Cow::Borrowed(_) => name.clone(),
        Cow::Owned(short) => short.into(),
    }
}

/// Where bodies are kept: a copy of what came, and what must not be kept of it.
fn keep_body(
    session: &ServerSession,
    arrival: &Arrival,
    (body, most): (&[u8], usize),
    tab: &mut Tab,
) {
    let own = presented(arrival.caller(session));
    let secrets = arrival.wiring.secrets.clone();
    tab.keep_bodies(Bodies::of(body, most, secrets, own));
}

fn subject(kind: CallKind, format: Format) -> Subject {
    match kind {
        CallKind::Conversation => Subject::Format(format),
        CallKind::Count | CallKind::Embeddings | CallKind::Completion | CallKind::Other => {
            Subject::Other
        }
    }
}

/// Lets the caller in.
///
/// # Errors
/// [`Refusal::Denied`].
pub fn admit(
    session: &ServerSession,
    arrival: &Arrival,
    tab: &mut Tab,
) -> Result<Admitted, Refusal> {
    let caller = arrival.caller(session);
    let access = &arrival.wiring.access;
    let admitted = match arrival.ours {
        false => access.admit(caller),
        true => match explain::as_key(caller.headers) {
            Some(name) => access.admit_named(&name),
            None => Ok(Who::Admin.into()),
        },
    };
    let admitted = admitted.map_err(Refusal::Denied)?;
    tab.record.client_key = admitted.who.name();
    tab.record.tenant = admitted.who.tenant();
    Ok(admitted)
}

/// The body, and what it says.
async fn read_body(
    proxy: &Proxy,
    session: &mut ServerSession,
    limits: Limits,
    (asked, form): (&VendorCall, Option<&HeaderValue>),
) -> Result<(Body, Scan), Refusal> {
    if let Some(content_type) = form {
        let form = Form::of(content_type.as_bytes()).map_err(|e| Refusal::Body(e.into()))?;
        let reading = body::read_form(session, form, limits, proxy.held());
        let read = Box::pin(reading).await;
        let (body, found) = read.map_err(Refusal::Body)?;
        let scan = Scan {
            model: found
                .model
                .filter(|field| !field.value.is_empty())
                .map(|Field { span, value }| Text { span, value }),
            stream: found.stream,
            ..Scan::nothing()
        };
        return Ok((body, scan));
    }
    let body = body::read(session, limits, proxy.held()).await;
    let body = body.map_err(Refusal::Body)?;
    let scan = scan(&body.bytes, subject(asked.kind, asked.format)).map_err(Refusal::Scan)?;
    Ok((body, scan))
}

/// The content type, if it is that of a form and the path may take one. Else it is JSON, or nothing is said about it.
fn form_type(session: &ServerSession, asked: &VendorCall) -> Result<Option<HeaderValue>, Refusal> {
    let Some(value) = session.req_header().headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    if value == "application/json" {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let json = essence.is_empty()
        || essence == "application/json"
        || essence == "text/json"
        || essence.ends_with("+json");
    let takes_forms = asked.kind == CallKind::Other && asked.format == Format::OpenaiChat;
    match &*essence {
        _ if json => Ok(None),
        "multipart/form-data" if takes_forms => Ok(Some(value.clone())),
        _ => Err(Refusal::MediaType(essence.chars().take(80).collect())),
    }
}

fn needs(asked: &VendorCall, scan: &Scan, conversation: Option<u64>) -> Needs {
    Needs {
        path: match asked.kind {
            CallKind::Conversation => PathKind::Chat,
            CallKind::Count | CallKind::Embeddings | CallKind::Completion | CallKind::Other => {
                PathKind::Other
            }
        },
        stream: scan.stream,
        tools: scan.tools,
        images: scan.images,
        prefill: scan.prefill,
        // What is too long to be answered can be counted.
        estimated_tokens: match asked.kind {
            CallKind::Count => 0,
            CallKind::Conversation
            | CallKind::Embeddings
            | CallKind::Completion
            | CallKind::Other => scan.estimated_tokens,
        },
        conversation,
        later_turn: scan.assistant_turn,
        draw: draw(asked.kind, scan),
        ..Needs::of(asked.format)
    }
}

/// What the call takes of an endpoint's quota. To be counted is free, and what is no text has no output to speak of.
fn draw(kind: CallKind, scan: &Scan) -> Option<Draw> {
    let output = match kind {
        CallKind::Count => return None,
        CallKind::Conversation | CallKind::Completion => scan.max_tokens,
        CallKind::Embeddings | CallKind::Other => Some(0),
    };
    Some(Draw {
        input: scan.estimated_tokens,
        output,
    })
}

/// Who can serve the call beside endpoints of its own format.
fn allow_conversion(needs: &mut Needs, kind: CallKind) {
    match kind {
        CallKind::Conversation | CallKind::Completion | CallKind::Count => {
            needs.convertible = true;
        }
        CallKind::Embeddings => needs.also = embed::other_format(needs.format),
        CallKind::Other => {}
    }
}

/// What a conversation's turns have in common: the session that the client names, else how the conversation began.
fn conversation(session: &ServerSession, scan: &Scan) -> Option<u64> {
    let mut named: Option<(usize, &[u8])> = None;
    for (name, value) in &session.req_header().headers {
        let rank = SESSION_HEADERS
            .iter()
            .position(|known| *known == name.as_str());
        if let Some(rank) = rank
            && named.is_none_or(|(known, _)| rank < known)
        {
            named = Some((rank, value.as_bytes()));
        }
    }
    let named = named.map(|(_, id)| id);
    let named = named.or_else(|| scan.session.as_deref().map(str::as_bytes));
    named.map(xxh3_64).or(scan.prefix_hash)
}
