use std::future;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::{Answer, Payload, Reply};
use super::body::{BrokenOff, Piece, ReplyBody};
use super::complaint::{Complaint, ErrorKind};
use super::connection::{Fate, Link};
use super::dialect::{self, Ids, Said, Target, Vendorship, What};
use super::fault::{Break, ErrorBody, Fault, Hollow, Raw, Status, Step};
use super::ledger::{Ending, Seen, Watch};
use super::mind::{self, Thought, pieces};
use super::reception::give;
use super::script::Traits;
use super::vendor::State;
use super::{form, gemini, openai_chat};
use crate::clock;

/// A request that is read, and how it is to be treated.
pub(super) struct Exchange<'a> {
    state: &'a State,
    head: &'a Parts,
    bytes: Bytes,
    body: Value,
    key: Option<String>,
    ids: Ids,
    sha256: String,
    target: Target,
    /// Why the target cannot be served.
    refused: Option<Complaint>,
}

fn header<'h>(head: &'h Parts, name: &str) -> Option<&'h str> {
    head.headers.get(name)?.to_str().ok()
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        state: &'a State,
        head: &'a Parts,
        key: Option<String>,
        bytes: Bytes,
    ) -> Exchange<'a> {
        let sha256 = Sha256::digest(&bytes);
        let anthropic = head.headers.contains_key("anthropic-version");
        let (target, refused) = match dialect::target(&head.method, &head.uri, anthropic) {
            Ok(target) => (target, None),
            Err((target, complaint)) => (target, Some(complaint)),
        };
        Exchange {
            state,
            head,
            body: match header(head, "content-type") {
                Some(form) if form.starts_with("multipart/") => form::read(form, &bytes),
                _ => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            },
            bytes,
            key,
            ids: Ids::new(sha256.into()),
            sha256: dialect::hex(&sha256),
            target,
            refused,
        }
    }

    fn model(&self) -> Option<&str> {
        let named = self.target.model.as_deref();
        named.or_else(|| self.body["model"].as_str())
    }

    fn vendor(&self) -> Vendorship<'_> {
        Vendorship {
            name: &self.state.setup.name,
        }
    }

    fn note(&self, seen: &mut Seen, step: &Step) {
        seen.received = Some(clock::now());
        seen.body_sha256 = Some(self.sha256.clone());
        seen.body = (self.bytes.len() <= self.state.setup.keep_body).then(|| self.bytes.clone());
        seen.model = self.model().map(str::to_owned);
        seen.step = step.clone();
    }

    pub(super) async fn treat(
        self,
        link: &Arc<Link>,
        watch: Watch,
    ) -> Result<Response<ReplyBody>, BrokenOff> {
        if let Some(complaint) = self.wrong_key() {
            watch.note(|seen| self.note(seen, &Step::answer()));
            return give(self.complain(&complaint), self.headers(), link, Some(watch));
        }
        let step = self.state.script.take(&Traits {
            model: self.model(),
            key: self.key.as_deref(),
            path: self.head.uri.path(),
        });
        watch.note(|seen| self.note(seen, &step));
        let reply = self.reply(&step);
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay).await;
        }
        let opening = step.find(|fault| match fault {
            Fault::Reset | Fault::CloseBeforeHead | Fault::NoAnswer | Fault::Wire(_) => Some(fault),
            _ => None,
        });
        match opening {
            None => give(reply, self.headers(), link, Some(watch)),
            Some(fault) => open_badly(fault, link, watch).await,
        }
    }

    fn headers(&self) -> Vec<(String, String)> {
        let mut headers = self.target.dialect.headers(&self.ids);
        headers.push(("x-demo-vendor".to_owned(), self.state.setup.name.clone()));
        headers
    }

    fn wrong_key(&self) -> Option<Complaint> {
        let keys = &self.state.setup.keys;
        let known = self.key.as_ref().is_some_and(|k| keys.contains(k));
        (!keys.is_empty() && !known).then(|| Complaint::new(ErrorKind::InvalidKey))
    }

    fn complain(&self, complaint: &Complaint) -> Reply {
        let complaint = complaint.clone().about(self.model().unwrap_or_default());
        let dialect = self.target.dialect;
        if complaint.kind == ErrorKind::ContentPolicy
            && complaint.status.is_none()
            && let Some(blocked) = dialect.blocked(&complaint, &self.ids)
        {
            return Reply::stepped(blocked, &Step::answer(), |_| Bytes::new());
        }
        let (status, text) = dialect.error(&complaint, &self.ids);
        Reply::whole(status, "application/json", text)
    }

    /// The reply: what the step puts in place of an answer, else the answer, as far as the step lets it be one.
    fn reply(&self, step: &Step) -> Reply {
        let mut reply = match step.find(|fault| self.replaced(fault)) {
            Some(reply) => reply,
            None => match self.answer(step) {
                Ok(answer) => self.stepped(answer, step),
                Err(complaint) => self.complain(&complaint),
            },
        };
        if step.has(&Fault::CloseAfter) && reply.pieces.last() != Some(&Piece::Seal(Fate::Retire)) {
            reply.pieces.push(Piece::Seal(Fate::Retire));
        }
        reply
    }

    fn replaced(&self, fault: &Fault) -> Option<Reply> {
        match fault {
            Fault::Status(status) => Some(self.status(status)),
            Fault::Error(kind) => Some(self.complain(&Complaint::new(*kind))),
            Fault::Raw(raw) => Some(word_for_word(raw)),
            Fault::Hollow(Hollow::Empty) => {
                Some(Reply::whole(200, "application/json", Bytes::new()))
            }
            Fault::Hollow(Hollow::Html) => Some(Reply::whole(200, "text/html", HTML)),
            Fault::Hollow(Hollow::Error(kind)) => {
                let complaint = Complaint::new(*kind).with_status(200);
                Some(self.complain(&complaint))
            }
            _ => None,
        }
    }

    fn status(&self, wanted: &Status) -> Reply {
        let status = wanted.status;
        let complain = |kind| self.complain(&Complaint::new(kind).with_status(status));
        let mut reply = match &wanted.body {
            ErrorBody::Vendor => complain(ErrorKind::of_status(status)),
            ErrorBody::Kind(kind) => complain(*kind),
            ErrorBody::Html => Reply::whole(status, "text/html", HTML),
            ErrorBody::Empty => Reply::whole(status, "text/plain", Bytes::new()),
            ErrorBody::Garbage => {
                Reply::whole(status, "application/json", &b"\x00\xff{\"err\xc3\x28"[..])
            }
            ErrorBody::Text(text) => Reply::whole(status, "text/plain", text.clone()),
        };
        let headers = wanted.headers.iter().map(|(n, v)| (n.clone(), v.clone()));
        reply.headers.extend(headers);
        reply
    }

    fn answer(&self, step: &Step) -> Result<Answer, Complaint> {
        if let Some(complaint) = &self.refused {
            return Err(complaint.clone());
        }
        match self.target.what {
            What::Models => self.models(),
            What::Side(side) => {
                self.check_model()?;
                openai_chat::side(side, &self.body, &self.ids)
            }
            What::CountTokens => {
                let answer = self
                    .target
                    .dialect
                    .count_tokens(&self.body, &self.vendor())?;
                self.check_model()?;
                Ok(answer)
            }
            What::Embed(embed) => {
                let answer = gemini::embed(embed, &self.body, self.model().unwrap_or_default())?;
                self.check_model()?;
                Ok(answer)
            }
            What::Conversation => self.converse(step),
        }
    }

    fn check_model(&self) -> Result<(), Complaint> {
        let setup = &self.state.setup;
        let serves = |model: &str| {
            let listed = setup.models.iter().any(|m| m == model);
            setup.any_model || model.starts_with("demo") || listed || self.state.script.knows(model)
        };
        match self.model() {
            Some(model) if !serves(model) => Err(Complaint::new(ErrorKind::ModelNotFound)),
            _ => Ok(()),
        }
    }

    fn models(&self) -> Result<Answer, Complaint> {
        let own = [
            "demo-large",
            "demo-small",
            "demo-reasoner",
            "demo-embedding",
        ];
        let own = own.into_iter().map(str::to_owned);
        let names: Vec<String> = own.chain(self.state.setup.models.iter().cloned()).collect();
        let one = self
            .head
            .uri
            .path()
            .split_once("/models/")
            .map(|(_, name)| name);
        let query = self.head.uri.query().unwrap_or_default();
        self.target.dialect.models(&names, one, query)
    }

    fn converse(&self, step: &Step) -> Result<Answer, Complaint> {
        let path = self.head.uri.path();
        if path.ends_with("/messages") && !self.head.headers.contains_key("anthropic-version") {
            return Err(Complaint::invalid(
                "anthropic-version: header is required",
                "",
            ));
        }
        let vendor = self.vendor();
        let mut ask = self.target.dialect.read(&self.body, &vendor)?;
        self.check_model()?;
        if let Some(model) = &self.target.model {
            ask.model.clone_from(model);
        }
        if step.has(&Fault::Hollow(Hollow::Truncated)) {
            ask.stream = false;
        }
        let mut thought = mind::think(&ask, vendor.name);
        for fault in &step.faults {
            bend(&mut thought, fault);
        }
        Ok(self.target.dialect.write(&Said {
            ask: &ask,
            body: &self.body,
            thought: &thought,
            vendor,
            ids: &self.ids,
            usage: !step.has(&Fault::NoUsage),
        }))
    }

    fn stepped(&self, mut answer: Answer, step: &Step) -> Reply {
        if let Payload::Whole(body) = &mut answer.payload {
            let refusal = step.find(|f| match f {
                Fault::Break {
                    how: Break::Error(kind),
                    ..
                } => Some(*kind),
                _ => None,
            });
            if let Some(kind) = refusal {
                return self.complain(&Complaint::new(kind));
            }
            if step.has(&Fault::Hollow(Hollow::Truncated)) {
                body.truncate(body.len() / 2);
            }
        }
        let error = |kind| {
            let complaint = Complaint::new(kind).about(self.model().unwrap_or_default());
            self.target
                .dialect
                .error_event(&complaint, &self.ids)
                .into()
        };
        Reply::stepped(answer, step, error)
    }
}

const HTML: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1>\
                    </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

/// Ends before there is a head.
async fn open_badly(
    fault: &Fault,
    link: &Arc<Link>,
    mut watch: Watch,
) -> Result<Response<ReplyBody>, BrokenOff> {
    match fault {
        Fault::CloseBeforeHead => {
            watch.end(Ending::Broken);
            Err(BrokenOff)
        }
        Fault::Wire(text) => {
            watch.end(Ending::Broken);
            link.speak_raw(Bytes::from(text.clone()));
            let mut reply = Reply::whole(200, "text/plain", "-");
            reply.length = None;
            reply
                .pieces
                .extend([Piece::Flush, Piece::Seal(Fate::Close)]);
            give(reply, Vec::new(), link, None)
        }
        _ => {
            if *fault == Fault::Reset {
                link.seal(Fate::Reset);
            }
            future::pending().await
        }
    }
}

fn word_for_word(raw: &Raw) -> Reply {
    let mut reply = Reply::whole(raw.status, "application/json", Bytes::new());
    let data = raw
        .chunks
        .iter()
        .flat_map(|c| [Piece::Data(c.clone()), Piece::Flush]);
    reply.pieces = data.collect();
    reply.length = None;
    if raw
        .headers
        .keys()
        .any(|n| n.eq_ignore_ascii_case("content-type"))
    {
        reply.headers.clear();
    }
    reply
        .headers
        .extend(raw.headers.iter().map(|(n, v)| (n.clone(), v.clone())));
    reply
}

/// The faults that concern what is said.
fn bend(thought: &mut Thought, fault: &Fault) {
    let text = match fault {
        Fault::EmptyAnswer => Vec::new(),
        Fault::BigAnswer(bytes) => pieces(&filled(*bytes)),
        Fault::GiganticEvent(bytes) => vec![filled(*bytes)],
        _ => return,
    };
    *thought = Thought {
        text,
        ..Thought::default()
    };
}

fn filled(bytes: usize) -> String {
    "lorem ipsum dolor sit amet "
        .chars()
        .cycle()
        .take(bytes)
        .collect()
}
