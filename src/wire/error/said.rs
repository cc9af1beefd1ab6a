use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::super::sse::fields;

/// Relays put the error of whom they asked, as text, into their own: `error.metadata.raw.error` and a list around it. Deeper
/// than this nobody goes.
const MAX_NESTING: u8 = 7;

/// What an error body says, before anybody has judged or scrubbed it.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) type_name: Option<String>,
    pub(super) code: Option<String>,
    pub(super) param: Option<String>,
    /// A number among its words that is an HTTP error status.
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<Duration>,
    /// Everything that may name the kind, the most telling first.
    pub(super) words: Vec<String>,
}

impl Said {
    pub(super) fn read(body: &[u8]) -> Said {
        let mut said = Said::default();
        // Who asked for a stream may get the error as its only event, also under an error status.
        let data = fields(body.trim_ascii_start())
            .data
            .unwrap_or(Cow::Borrowed(body));
        match serde_json::from_slice::<Value>(&data) {
            Ok(value) => said.value(&value, MAX_NESTING),
            Err(_) => said.text(&prose(&data), MAX_NESTING),
        }
        said
    }

    /// Takes over what `value` says. Called for the outer object first: it may name what the inner one does not.
    fn value(&mut self, value: &Value, nesting: u8) {
        let Some(deeper) = nesting.checked_sub(1) else {
            return;
        };
        match value {
            Value::String(text) => self.text(text, deeper),
            Value::Array(items) => self.list(items, deeper),
            Value::Object(_) => {
                self.object(value, deeper);
                for key in ["error", "errors", "detail", "metadata", "raw"] {
                    if let Some(inner) = value.get(key) {
                        self.value(inner, deeper);
                    }
                }
            }
            _ => {}
        }
    }

    /// A message; or the error in JSON that it ends in, which says it better than what stands before.
    fn text(&mut self, text: &str, nesting: u8) {
        self.message = prose(text.as_bytes());
        let json = text.find('{').and_then(|at| text.get(at..));
        if let Some(Ok(inner)) = json.map(serde_json::from_str::<Value>) {
            self.value(&inner, nesting);
        }
    }

    /// Several errors: of validation ones all are told, of others the first.
    fn list(&mut self, items: &[Value], nesting: u8) {
        let places: Vec<String> = items.iter().filter_map(place).collect();
        if !places.is_empty() {
            self.message = places.join("; ");
        } else if let Some(first) = items.first() {
            self.value(first, nesting);
        }
    }

    fn object(&mut self, value: &Value, nesting: u8) {
        let string = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(text) = ["message", "msg", "error_message", "error_msg"]
            .into_iter()
            .find_map(string)
        {
            self.text(&text, nesting);
        }
        let code = value.get("code").or_else(|| value.get("error_code"));
        let named_code = string("code").filter(|code| code.parse::<u16>().is_err());
        let inner_code = value.get("innererror").and_then(|inner| inner.get("code"));
        let inner_code = inner_code.and_then(Value::as_str).map(str::to_owned);
        let kind = string("type")
            .filter(|kind| kind != "error")
            .or_else(|| string("error_type"));
        let reasons = value
            .get("details")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let reasons =
            reasons.filter_map(|detail| detail.get("reason")?.as_str().map(str::to_owned));
        let words = [
            inner_code,
            named_code.clone(),
            kind.clone(),
            string("status"),
        ];
        self.words
            .splice(0..0, words.into_iter().flatten().chain(reasons));
        self.code = string("code").or(self.code.take());
        self.type_name = kind.or(self.type_name.take());
        self.param = string("param").or(self.param.take());
        self.status = [code, value.get("status_code"), value.get("status")]
            .into_iter()
            .find_map(|number| http_status(number?))
            .or(self.status);
        self.retry_after = retry_after(value).or(self.retry_after);
    }
}

/// FastAPI's validation errors: `{"loc": ["body", "messages", 0], "msg": "…"}`.
fn place(item: &Value) -> Option<String> {
    let message = item.get("msg")?.as_str()?;
    let steps = item.get("loc")?.as_array()?.iter();
    let steps = steps.map(|step| {
        step.as_str()
            .map_or_else(|| step.to_string(), str::to_owned)
    });
    let path: Vec<String> = steps.skip_while(|step| step == "body").collect();
    Some(format!("{}: {message}", path.join(".")))
}

fn http_status(number: &Value) -> Option<u16> {
    let number = match number {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    u16::try_from(number)
        .ok()
        .filter(|status| (400..600).contains(status))
}

/// `google.rpc.RetryInfo` among the details, or a number of seconds.
fn retry_after(value: &Value) -> Option<Duration> {
    let details = value
        .get("details")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut delays = details.filter_map(|detail| delay(detail.get("retryDelay")?));
    let seconds = match delays.next() {
        Some(seconds) => seconds,
        None => value.get("retry_after")?.as_f64()?,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// `google.protobuf.Duration` in seconds: `"34.4s"` as JSON writes it, `{"seconds": 34, "nanos": 400000000}` as its members.
fn delay(value: &Value) -> Option<f64> {
    if let Value::String(text) = value {
        return text.strip_suffix('s')?.parse().ok();
    }
    // 64-bit numbers are texts in JSON of protobuf.
    let number = |name| match value.get(name)? {
        Value::String(text) => text.parse().ok(),
        number => number.as_f64(),
    };
    let (seconds, nanos): (Option<f64>, Option<f64>) = (number("seconds"), number("nanos"));
    (seconds.is_some() || nanos.is_some())
        .then(|| seconds.unwrap_or(0.0) + nanos.unwrap_or(0.0) / 1e9)
}

/// The wait in "Please try again in 1m30.5s", which vendors write where they send no header.
pub(super) fn wait_in(message: &str) -> Option<Duration> {
    let (_, mut rest) = message.split_once("ry again in ")?;
    let mut wait = None;
    loop {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let after = after.trim_start();
        let unit_end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (Ok(number), Some(scale)) = (number.parse::<f64>(), seconds_of(unit)) else {
            return wait;
        };
        wait = Some(wait.unwrap_or_default() + Duration::try_from_secs_f64(number * scale).ok()?);
        if !after.starts_with(|c: char| c.is_ascii_digit()) {
            return wait;
        }
        rest = after;
    }
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "milliseconds" => 0.001,
        "s" | "second" | "seconds" => 1.0,
        "m" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => return None,
    })
}

/// A message out of bytes that are no JSON: text as it is, but nothing out of a page, or of JSON that is cut off.
fn prose(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with(['<', '{', '[']) {
        return String::new();
    }
    text.to_owned()
}
