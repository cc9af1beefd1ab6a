use crate::ir::Fault;

/// Longest message that is told, in characters. Real ones are a sentence or three.
const MAX_CHARS: usize = 2000;
/// What is looked at of an overlong text, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// A message without keys, addresses, account ids, pages, stack traces and control characters, cut to a sensible length.
///
/// `secrets` are removed wherever they stand, also within words: the key that was used, the vendor's host. Ids of objects
/// that the client knows from the conversation (`toolu_…`, `rs_…`) stay, since the message is about them.
pub fn scrub(message: &str, secrets: &[&str]) -> String {
    let mut text = message
        .get(..floor(message, MAX_BYTES))
        .unwrap_or_default()
        .to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[hidden]");
    }
    let text = text.get(..page_start(&text)).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut masks = Masks::default();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control() || c == '\u{FFFD}') {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        masks.word(word, &mut out);
    }
    if let Some((end, _)) = out.char_indices().nth(MAX_CHARS) {
        out.truncate(end);
        out.push('…');
    }
    out
}

/// [`scrub`]s everything in the fault that came from a vendor.
pub fn scrub_fault(fault: &mut Fault, secrets: &[&str]) {
    fault.message = scrub(&fault.message, secrets);
    for name in [&mut fault.type_name, &mut fault.code, &mut fault.param] {
        name.take_if(|name| scrub(name, secrets) != *name);
    }
}

/// Where an HTML page or a stack trace begins: from there on the text is nobody's message.
fn page_start(text: &str) -> usize {
    let lower = text.to_ascii_lowercase();
    let marks = [
        "<!doctype",
        "<html",
        "<head",
        "<body",
        "<?xml",
        "traceback (most recent call last)",
        "\n    at ",
    ];
    let starts = marks.iter().filter_map(|mark| lower.find(mark));
    starts.min().unwrap_or(text.len())
}

fn floor(text: &str, max: usize) -> usize {
    (0..=max.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Masks words one by one; `Bearer` and its like announce that the next one is a secret.
#[derive(Default)]
struct Masks {
    secret_next: bool,
    /// The last part was the name of a secret, but has not said that its value follows.
    named: bool,
}

impl Masks {
    /// Writes one word, each part of it between quotes, brackets and the like judged on its own.
    fn word(&mut self, word: &str, out: &mut String) {
        if let Some(at) = word.find("://") {
            let scheme = word.get(..at).unwrap_or_default();
            let scheme_start = scheme
                .rfind(|c: char| !c.is_ascii_alphanumeric())
                .map_or(0, |i| i + 1);
            let address_end = word
                .get(at..)
                .and_then(|rest| rest.find(is_quote))
                .map_or(word.len(), |end| at + end);
            out.push_str(word.get(..scheme_start).unwrap_or_default());
            out.push_str("[url]");
            out.push_str(word.get(address_end..).unwrap_or_default());
            return;
        }
        for part in word.split_inclusive(is_joint) {
            let bare = part.trim_end_matches(is_joint);
            self.part(bare, out);
            out.push_str(part.get(bare.len()..).unwrap_or_default());
            if !bare.is_empty() {
                let is_colon = bare == ":" && self.named;
                self.named = names_secret(bare);
                self.secret_next = is_colon || announces(bare, part);
            }
        }
    }

    fn part(&mut self, part: &str, out: &mut String) {
        let word = part.trim_end_matches('.');
        let mask = if word.is_empty() {
            None
        } else if self.secret_next || is_key(word) {
            Some("[key]")
        } else if is_account(word) {
            Some("[id]")
        } else if is_address(word) {
            Some("[host]")
        } else {
            None
        };
        out.push_str(mask.unwrap_or(word));
        out.push_str(part.get(word.len()..).unwrap_or_default());
    }
}

/// What may stand around or between the parts of a word. Neither dots, dashes, colons nor stars: they stand within.
fn is_joint(c: char) -> bool {
    is_quote(c) || "(),;=&?!<>{}|".contains(c)
}

fn is_quote(c: char) -> bool {
    "\"'`“”‘’".contains(c)
}

/// Whether what comes next is a secret: `Bearer x`, `x-api-key: x`, `api_key=x`.
fn announces(word: &str, with_joint: &str) -> bool {
    let is_given = word.ends_with(':') || with_joint.ends_with('=');
    word.eq_ignore_ascii_case("bearer") || is_given && names_secret(word)
}

fn names_secret(word: &str) -> bool {
    const NAMES: &[&str] = &[
        "api-key",
        "api_key",
        "apikey",
        "token",
        "access_token",
        "secret",
        "password",
        "key",
    ];
    let name = word.trim_end_matches(':').to_ascii_lowercase();
    let name = name.trim_start_matches("x-").trim_start_matches("goog-");
    NAMES.contains(&name)
}

fn is_key(word: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "sk-", "sk_", "pk-", "rk-", "aiza", "gsk_", "xai-", "pplx-", "hf_", "r8_", "nvapi-", "fw_",
        "tgp_", "csk-", "ghp_", "akia", "ya29.", "eyj", "sess-", "bearer",
    ];
    let (_, word) = word.rsplit_once(':').unwrap_or(("", word));
    let lower = word.to_ascii_lowercase();
    let has_prefix = PREFIXES
        .iter()
        .any(|prefix| lower.len() >= prefix.len() + 6 && lower.starts_with(prefix));
    has_prefix
        || word.contains("***")
        || is_uuid(word)
        || (!is_object_id(&lower) && has_random_run(word))
}

/// Ids of what the client has sent or got, and so may know.
fn is_object_id(word: &str) -> bool {
    const PREFIXES: &[&str] = &[
        "toolu_",
        "srvtoolu_",
        "tooluse_",
        "call_",
        "rs_",
        "msg_",
        "fc_",
        "ctc_",
        "ws_",
        "ig_",
        "resp_",
        "req_",
        "file-",
        "file_",
        "vs_",
        "batch_",
        "mcp_",
        "chatcmpl-",
        "gen-",
        "cntr_",
    ];
    PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}

/// Letters and digits mixed without a joint, longer than any part of a model's name.
fn has_random_run(word: &str) -> bool {
    word.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        let digits = run.chars().filter(char::is_ascii_digit).count();
        run.len() >= 24 && digits >= 3 && run.len() - digits >= 3
    })
}

fn is_uuid(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let is_hex = |part: &str| part.chars().all(|c| c.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| is_hex(part))
}

/// Organisations, projects and accounts at the vendor, and mail addresses.
fn is_account(word: &str) -> bool {
    let is_id = |prefix: &str| {
        word.strip_prefix(prefix)
            .is_some_and(|id| id.len() >= 8 && id.chars().any(|c| c.is_ascii_digit()))
    };
    let is_mail = word
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    ["org-", "proj_", "user-", "acct_", "wrkspc_"]
        .into_iter()
        .any(is_id)
        || is_mail
}

/// An IP address or a host name, with or without port and path.
fn is_address(word: &str) -> bool {
    let word = word.trim_matches(':');
    let host = word.split('/').next().unwrap_or_default();
    if host.parse::<std::net::IpAddr>().is_ok()
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::Ipv6Addr>()
            .is_ok()
    {
        return true;
    }
    if host.starts_with('[') && host.contains("]:") {
        return true;
    }
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => host,
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok() || is_host_name(host)
}

/// Dotted labels of which the last is a top-level domain that vendors and clusters use. Not just any: paths into a request
/// (`messages.0.content`) have dots too.
fn is_host_name(word: &str) -> bool {
    const TOP: &[&str] = &[
        "com",
        "net",
        "org",
        "io",
        "ai",
        "dev",
        "app",
        "cloud",
        "co",
        "cn",
        "eu",
        "de",
        "uk",
        "us",
        "fr",
        "jp",
        "kr",
        "ru",
        "internal",
        "local",
        "localdomain",
        "localhost",
        "lan",
        "corp",
        "cluster",
        "svc",
        "tech",
        "xyz",
        "run",
        "sh",
        "gov",
        "edu",
        "site",
        "online",
        "info",
    ];
    let lower = word.to_ascii_lowercase();
    let Some((rest, top)) = lower.rsplit_once('.') else {
        return false;
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    TOP.contains(&top) && rest.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FaultKind;

    fn clean(message: &str) -> String {
        scrub(message, &[])
    }

    #[test]
    fn keys_are_removed_in_every_dress() {
        for (message, told) in [
            (
                "Incorrect API key provided: sk-abc***********xyz9.",
                "Incorrect API key provided: [key].",
            ),
            (
                "key sk-proj-AbCdEf123456_7890 is wrong",
                "key [key] is wrong",
            ),
            (
                "Authorization: Bearer abc.def-ghi was refused",
                "Authorization: Bearer [key] was refused",
            ),
            ("(Bearer tok123)", "(Bearer [key])"),
            ("x-api-key: hunter2 is bad", "x-api-key: [key] is bad"),
            ("GET /v1?key=hunter2&alt=sse", "GET /v1?key=[key]&alt=sse"),
            (
                "API key 'AIzaSyA1234567890abcdefghijk' expired",
                "API key '[key]' expired",
            ),
            (
                "token 3fa85f64-5717-4562-b3fc-2c963f66afa6 is unknown",
                "token [key] is unknown",
            ),
            ("hash 9f86d081884c7d659a2feaa0c55ad015", "hash [key]"),
            ("{\"key\":\"gsk_abcdef123456\"}", "{\"key\":\"[key]\"}"),
            (
                "{\"api_key\": \"hunter2\", \"n\": 1}",
                "{\"api_key\": \"[key]\", \"n\": 1}",
            ),
            ("jwt eyJhbGciOiJIUzI1NiJ9.e30.abc", "jwt [key]"),
        ] {
            assert_eq!(clean(message), told);
        }
    }

    #[test]
    fn addresses_are_removed() {
        for (message, told) in [
            (
                "see https://platform.example.com/account?x=1 for more",
                "see [url] for more",
            ),
            (
                "fetch('http://10.0.0.1:8000/x') failed",
                "fetch('[url]') failed",
            ),
            (
                "dial tcp 10.1.2.3:443: connection refused",
                "dial tcp [host] connection refused",
            ),
            (
                "lookup api.vendor.com on [::1]:53",
                "lookup [host] on [host]",
            ),
            (
                "host vllm-0.vllm.default.svc.cluster.local:8000 is down",
                "host [host] is down",
            ),
            ("localhost:11434 said no", "[host] said no"),
            ("write to help@vendor.com.", "write to [id]."),
            (
                "in organization org-AbC123def456 on tokens",
                "in organization [id] on tokens",
            ),
        ] {
            assert_eq!(clean(message), told);
        }
    }

    #[test]
    fn what_the_client_can_use_stays() {
        for message in [
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 0, but got -1 instead.",
            "The model `gpt-4o-mini-audio-preview-2024-12-17` does not exist",
            "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 is not supported",
            "messages.0.content.1.image_url: Field required; e.g. a string",
            "tool_use ids were found without tool_result blocks: toolu_01A09q90qw90lq917835lq9",
            "Item 'rs_68c42de022c881948db7ed1cc2529f2e0202c9ad459e0d23' of type 'reasoning'",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "claude-3.5-sonnet, gpt-4.1 and qwen2.5:72b at 12:30",
            "请求过大,请减少输入",
        ] {
            assert_eq!(clean(message), message);
        }
    }

    #[test]
    fn pages_and_traces_are_cut_off() {
        assert_eq!(clean("<!DOCTYPE html><html><body>secret</body></html>"), "");
        assert_eq!(clean("upstream said: <html><p>x</p>"), "upstream said:");
        assert_eq!(
            clean("boom\nTraceback (most recent call last):\n  File \"/srv/x.py\""),
            "boom"
        );
        assert_eq!(
            clean("TypeError: x\n    at f (/srv/app.js:1:2)"),
            "TypeError: x"
        );
    }

    #[test]
    fn control_characters_and_line_ends_become_single_spaces() {
        assert_eq!(clean("a\r\n\tb\0c\u{1b}[31md  e"), "a b c [31md e");
        assert_eq!(clean(&String::from_utf8_lossy(b"a\xff\xfeb")), "a b");
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let long = clean(&"ü ".repeat(1 << 20));
        assert_eq!(long.chars().count(), MAX_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn given_secrets_are_removed_wherever_they_stand() {
        assert_eq!(
            scrub("the key<my-own-key>ends", &["my-own-key", ""]),
            "the key<[hidden]>ends"
        );
        let mut fault = Fault::new(FaultKind::Internal, 500, "no route to backend-7");
        fault.code = Some("backend-7".to_owned());
        fault.type_name = Some("server_error".to_owned());
        scrub_fault(&mut fault, &["backend-7"]);
        assert_eq!(fault.message, "no route to [hidden]");
        assert_eq!(
            (fault.code, fault.type_name.as_deref()),
            (None, Some("server_error"))
        );
    }

    #[test]
    fn scrubbing_twice_changes_nothing() {
        for message in [
            "Bearer abc",
            "see https://a.b/c",
            "key=1",
            "x-api-key: a",
            "at 10.0.0.1:80, org-12345678",
        ] {
            assert_eq!(clean(&clean(message)), clean(message));
        }
    }
}
