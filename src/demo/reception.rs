use std::sync::Arc;

use bytes::BytesMut;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::answer::Reply;
use super::body::{BrokenOff, Piece, ReplyBody};
use super::complaint::{Complaint, ErrorKind};
use super::connection::{Fate, Link};
use super::dialect::{self, Dialect, Ids};
use super::exchange::Exchange;
use super::fault::{Early, Step, Unread};
use super::ledger::Watch;
use super::script::Traits;
use super::vendor::State;
use super::{control, gemini};

/// One request, from its head to the head of its answer.
pub(super) async fn serve(
    state: Arc<State>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, BrokenOff> {
    if request.uri().path().starts_with("/demo/") {
        let reply = control::answer(&state, request).await;
        return give(reply, Vec::new(), &link, None);
    }
    let watch = state.ledger.open(&request, &link);
    let (head, mut body) = request.into_parts();
    let key = key(&head);
    watch.note(|seen| seen.key.clone_from(&key));
    let mut read = Read::default();
    let mut more = read.some(&mut body, &watch).await?;
    let named = gemini::named_model(head.uri.path());
    let traits = Traits {
        model: named.as_deref().or_else(|| read.guess_model()),
        key: key.as_deref(),
        path: head.uri.path(),
    };
    if let Some(step) = state.script.take_early(&traits) {
        let anthropic = head.headers.contains_key("anthropic-version");
        let target = dialect::target(&head.method, &head.uri, anthropic);
        let dialect = target.unwrap_or_else(|(target, _)| target).dialect;
        return early(&step, dialect, body, &link, watch);
    }
    while more {
        more = read.some(&mut body, &watch).await?;
    }
    let exchange = Exchange::new(&state, &head, key, read.bytes.freeze());
    exchange.treat(&link, watch).await
}

/// The credential, in any vendor's habit.
fn key(head: &Parts) -> Option<String> {
    let header = |name: &str| head.headers.get(name)?.to_str().ok();
    let bearer = header("authorization").and_then(|v| v.strip_prefix("Bearer "));
    let query = head.uri.query().unwrap_or_default().split('&');
    let query = query.filter_map(|p| p.strip_prefix("key=")).next();
    let key = bearer
        .or_else(|| header("x-api-key"))
        .or_else(|| header("x-goog-api-key"))
        .or(query);
    key.map(str::to_owned)
}

/// The body as far as it has come.
#[derive(Default)]
struct Read {
    bytes: BytesMut,
}

impl Read {
    /// Reads some more. False at the end.
    async fn some(&mut self, body: &mut Incoming, watch: &Watch) -> Result<bool, BrokenOff> {
        let Some(frame) = body.frame().await else {
            return Ok(false);
        };
        // The client has gone: there is nobody to answer.
        let frame = frame.map_err(|_| BrokenOff)?;
        if let Ok(data) = frame.into_data() {
            self.bytes.extend_from_slice(&data);
            watch.note(|seen| seen.body_bytes += data.len() as u64);
        }
        Ok(true)
    }

    /// The model's name, by the looks of what has come.
    fn guess_model(&self) -> Option<&str> {
        let text = match std::str::from_utf8(&self.bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(self.bytes.get(..error.valid_up_to())?).ok()?,
        };
        let (_, after) = text.split_once("\"model\"")?;
        let value = after
            .trim_start()
            .strip_prefix(':')?
            .trim_start()
            .strip_prefix('"')?;
        Some(value.split_once('"')?.0)
    }
}

/// Answers before the request is read.
fn early(
    step: &Step,
    dialect: &dyn Dialect,
    mut body: Incoming,
    link: &Arc<Link>,
    watch: Watch,
) -> Result<Response<ReplyBody>, BrokenOff> {
    watch.note(|seen| seen.step = step.clone());
    let (status, then) = match step.early() {
        Some(Early { status, then }) => (*status, *then),
        None => (429, Unread::Drain),
    };
    let complaint = Complaint::new(ErrorKind::of_status(status)).with_status(status);
    let (_, text) = dialect.error(&complaint, &Ids::new([0; 32]));
    let mut reply = Reply::whole(status, "application/json", text);
    reply
        .headers
        .push(("retry-after".to_owned(), "1".to_owned()));
    let parked = Arc::clone(link);
    match then {
        Unread::Close => reply.pieces.push(Piece::Seal(Fate::Retire)),
        Unread::Hold => drop(tokio::spawn(async move {
            parked.closed().await;
            drop(body);
        })),
        Unread::Drain => drop(tokio::spawn(async move {
            while let Some(Ok(_)) = body.frame().await {}
        })),
    }
    give(reply, Vec::new(), link, Some(watch))
}

/// Puts a reply on its way.
pub(super) fn give(
    reply: Reply,
    headers: Vec<(String, String)>,
    link: &Arc<Link>,
    watch: Option<Watch>,
) -> Result<Response<ReplyBody>, BrokenOff> {
    if let Some(watch) = &watch {
        watch.answered(reply.status);
    }
    let mut response = Response::new(ReplyBody::new(reply.pieces, reply.length, link, watch));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::IM_A_TEAPOT);
    for (name, value) in headers.into_iter().chain(reply.headers) {
        append(response.headers_mut(), &name, &value);
    }
    Ok(response)
}

/// A header that HTTP does not allow is left out: scripts may say anything.
fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = http::HeaderName::try_from(name);
    if let (Ok(name), Ok(value)) = (name, http::HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}
