//! How an endpoint is asked: in which of its formats, and for a stream or not.

use crate::clock;
use crate::ir::Format;
use crate::live::Vault;
use crate::proxy::arrival::Arrival;
use crate::proxy::intake::Call;
use crate::proxy::paths::CallKind;
use crate::proxy::wiring::{Line, Vendor};
use crate::route::Seat;
use crate::wire::codec;
use crate::wire::convert::Manner;
use crate::wire::embed;
use crate::wire::provenance::marks;

/// The way from a client's call to an endpoint.
pub struct Way<'a> {
    pub vendor: &'a Vendor,
    pub line: &'a Line,
    /// What the vendor is asked for; the client gets what it asked for.
    pub manner: Manner,
    /// What the vendor is asked: a conversation in place of a completion that it cannot be asked.
    pub kind: CallKind,
    /// The call is not sent as it is.
    pub converts: bool,
}

impl<'a> Way<'a> {
    /// `None` where the endpoint speaks nothing that the call can be said in. `chat_only`: it has no path for completions.
    pub fn of(arrival: &'a Arrival, seat: &Seat, call: &Call, chat_only: bool) -> Option<Way<'a>> {
        let vendor = arrival.wiring.vendor(seat.provider)?;
        let line = line(vendor, call)?;
        let manner = match (call.stream, seat.streaming, seat.non_streaming) {
            _ if call.kind == CallKind::Count => Manner::Whole,
            (true, true, _) | (false, true, false) => Manner::Stream,
            (true, false, _) | (false, _, _) => Manner::Whole,
        };
        let asked = if call.stream {
            Manner::Stream
        } else {
            Manner::Whole
        };
        let differs = line.format != call.format || manner != asked;
        let converts = match call.kind {
            CallKind::Conversation => differs || call.array || call.is_ours(),
            CallKind::Completion => differs || (chat_only && call.needs.convertible),
            CallKind::Embeddings | CallKind::Count => line.format != call.format,
            CallKind::Other => false,
        };
        Some(Way {
            vendor,
            line,
            manner,
            kind: match call.kind {
                CallKind::Completion if converts => CallKind::Conversation,
                kind => kind,
            },
            converts,
        })
    }
}

/// The providers of the pool whose opaque state the call holds: those that are asked, for this call, as the vendor and in
/// the format that issued the latest of it.
pub fn issuers(arrival: &Arrival, call: &Call, vault: &Vault) -> Vec<usize> {
    let goes_on = call.kind == CallKind::Conversation && call.needs.later_turn;
    if !goes_on || !vault.is_used() || !leads_to_many(call) {
        return Vec::new();
    }
    let marks = marks(&call.body.bytes, call.format);
    let issuer = match marks.is_empty() {
        true => None,
        false => vault.issuer(call.scope, &marks, clock::now()),
    };
    let Some(issuer) = issuer else {
        return Vec::new();
    };
    let issued = |provider: &usize| {
        let line = arrival.wiring.vendor(*provider).and_then(|v| line(v, call));
        line.is_some_and(|line| line.issuer == issuer)
    };
    let pool = call.lane.pool();
    let mut providers: Vec<usize> = pool.spots().map(|spot| pool.seat(spot).provider).collect();
    providers.sort_unstable();
    providers.dedup();
    providers.retain(issued);
    providers
}

/// Whether the pool leads to more than one provider: opaque state may come to another than its issuer.
pub fn leads_to_many(call: &Call) -> bool {
    let stages = &call.lane.pool().stages;
    let mut seats = stages.iter().flat_map(|stage| &stage.seats);
    let first = seats.next().map(|seat| seat.provider);
    seats.any(|seat| Some(seat.provider) != first)
}

/// The client's own format where the vendor has it, else the nearest that the call can be said in.
fn line<'a>(vendor: &'a Vendor, call: &Call) -> Option<&'a Line> {
    let others = || match call.kind {
        CallKind::Conversation | CallKind::Completion => {
            let others = likely(call.format);
            others.iter().find_map(|format| vendor.line(*format))
        }
        CallKind::Count => {
            let others = likely(call.format);
            let mut counting = others
                .iter()
                .filter(|format| codec(**format).counting().is_some());
            counting.find_map(|format| vendor.line(*format))
        }
        CallKind::Embeddings => vendor.line(embed::other_format(call.format)?),
        CallKind::Other => None,
    };
    vendor.line(call.format).or_else(others)
}

/// The other formats, that first which keeps most of what this one says.
fn likely(client: Format) -> [Format; 3] {
    use Format::{Anthropic, Gemini, OpenaiChat, OpenaiResponses};
    match client {
        OpenaiChat => [OpenaiResponses, Anthropic, Gemini],
        OpenaiResponses => [Anthropic, OpenaiChat, Gemini],
        Anthropic => [OpenaiResponses, Gemini, OpenaiChat],
        Gemini => [Anthropic, OpenaiResponses, OpenaiChat],
    }
}
