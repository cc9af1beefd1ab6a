//! Token counts: asked of a vendor where one can be asked, else counted here.
//!
//! A count is advice, and clients ask for it often: where no vendor gives one, ours is worth more to them than an error. It
//! is marked (`x-tidegate-count: estimate`). An error that is the client's own reaches it: a body that is no request, what a
//! vendor of its own format says of it, a credential of its own that is refused.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::ir::{Fault, FaultKind};
use crate::proxy::attempt::about;
use crate::proxy::exchange::Miss;
use crate::proxy::intake::Call;
use crate::proxy::reply::Page;
use crate::proxy::way::Way;
use crate::route::Why;
use crate::wire::convert::Unsayable;
use crate::wire::counting;
use crate::wire::tokens::Tokenizers;

/// Larger bodies are counted off the reactor. What is hardest to count takes 2 ms in so many bytes, prose 0.2 ms.
const AT_ONCE: usize = 8 << 10;
/// Counts that run at a time off the reactor: they take a whole core each, which the reactor's threads want too.
const MOST_RUNNING: usize = 2;

/// Counts tokens here. Shared by all requests.
pub struct Counter {
    tokenizers: Arc<Tokenizers>,
    running: Arc<Semaphore>,
}

impl Default for Counter {
    fn default() -> Counter {
        Counter {
            tokenizers: Arc::default(),
            running: Arc::new(Semaphore::new(MOST_RUNNING)),
        }
    }
}

impl Counter {
    /// The answer to a counting request, as a vendor of that model would count it.
    ///
    /// # Errors
    /// The client's fault: the body is no request of its format.
    pub async fn page(&self, call: &Call, model: &Arc<str>) -> Result<Page, Fault> {
        let counted = self.count(call, model).await;
        let total = counted.map_err(|unsayable| about(&unsayable.path, &unsayable.to_string()))?;
        Ok(Page::json(200, counting::tell(call.format, total)))
    }

    async fn count(&self, call: &Call, model: &Arc<str>) -> Result<u64, Unsayable> {
        let small = call.body.bytes.len() <= AT_ONCE;
        if small && self.tokenizers.is_ready_for(model) {
            return counting::count(call.original(), model, &self.tokenizers);
        }
        let Ok(turn) = self.running.clone().acquire_owned().await else {
            return Ok(call.scan.estimated_tokens);
        };
        let (format, asked) = (call.format, call.model().to_owned());
        let (bytes, model) = (call.body.bytes.clone(), model.clone());
        let tokenizers = self.tokenizers.clone();
        let counted = spawn_blocking(move || {
            let _turn = turn;
            let original = counting::original(format, &asked, &bytes);
            counting::count(original, &model, &tokenizers)
        });
        // A count that breaks is no reason to give none.
        counted.await.unwrap_or(Ok(call.scan.estimated_tokens))
    }
}

/// What the attempts have shown of who could count.
#[derive(Default)]
pub struct Tried {
    /// The model that was to be asked first: it would have answered.
    first: Option<Arc<str>>,
    /// The last endpoint has no format that has a path for it.
    no_way: bool,
    /// The last endpoint was asked in another format than the client's.
    converted: bool,
}

impl Tried {
    /// An endpoint is about to be asked, in that way.
    pub fn note(&mut self, model: &Arc<str>, way: Option<&Way<'_>>) {
        self.first.get_or_insert_with(|| model.clone());
        self.no_way = way.is_none();
        self.converted = way.is_some_and(|way| way.converts);
    }

    /// Whether there is nobody to ask at the last endpoint.
    pub fn cannot_count(&self, miss: &Miss) -> bool {
        self.no_way || has_no_path(miss)
    }

    /// Whether our own count is of more use than the error that the attempts have ended with.
    pub fn may_count(&self, why: Why, best: Option<&Fault>) -> bool {
        match (why, best) {
            // Nor would a conversation find anybody.
            (Why::Incapable(_), _) => false,
            // What a vendor says of a request that was not the client's own is not the client's affair.
            (Why::Answer, Some(fault)) => self.converted && is_about_request(fault),
            _ => true,
        }
    }

    /// The model whose tokens are counted.
    pub fn model(&self, call: &Call) -> Arc<str> {
        let pool = call.lane.pool();
        let first = || Some(call.sent(pool.seat(pool.spots().next()?)).clone());
        self.first.clone().or_else(first).unwrap_or_default()
    }
}

/// Whether a vendor has said that it has no path to count at, and not that something is wrong with this request.
fn has_no_path(miss: &Miss) -> bool {
    const WORDS: [&str; 7] = [
        "invalid url",
        "unknown url",
        "unknown endpoint",
        "not implemented",
        "count_tokens",
        "counttokens",
        "input_tokens endpoint",
    ];
    let Some(status) = miss.status else {
        return false;
    };
    let said = miss.fault.message.to_ascii_lowercase();
    matches!(status, 404 | 405 | 501)
        || matches!(
            miss.fault.kind,
            FaultKind::NotFound | FaultKind::MethodNotAllowed
        )
        || WORDS.iter().any(|word| said.contains(word))
}

/// Whether a fault is about what was asked, and not about who asks or how the vendor is.
fn is_about_request(fault: &Fault) -> bool {
    match fault.kind {
        FaultKind::InvalidRequest
        | FaultKind::NotFound
        | FaultKind::MethodNotAllowed
        | FaultKind::TooLarge
        | FaultKind::UnsupportedMedia
        | FaultKind::ContextLength
        | FaultKind::ContentPolicy => true,
        FaultKind::Authentication
        | FaultKind::Billing
        | FaultKind::Permission
        | FaultKind::RateLimit
        | FaultKind::Timeout
        | FaultKind::Overloaded
        | FaultKind::Internal => false,
    }
}
