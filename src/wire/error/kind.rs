use crate::ir::FaultKind;

/// The status that a fault of this kind has where no vendor gave one.
pub fn status_of(kind: FaultKind) -> u16 {
    match kind {
        FaultKind::InvalidRequest | FaultKind::ContextLength | FaultKind::ContentPolicy => 400,
        FaultKind::Authentication => 401,
        FaultKind::Billing => 402,
        FaultKind::Permission => 403,
        FaultKind::NotFound => 404,
        FaultKind::MethodNotAllowed => 405,
        FaultKind::TooLarge => 413,
        FaultKind::UnsupportedMedia => 415,
        FaultKind::RateLimit => 429,
        FaultKind::Internal => 502,
        FaultKind::Overloaded => 503,
        FaultKind::Timeout => 504,
    }
}

/// What kind of fault this is: by a word that names it, else by what the message says, else by the status, else by a word
/// that only tells whose fault it is.
///
/// `words` are the error's type, code, status name and reasons. Only messages of faults that the status leaves open are
/// looked at: a 429 that speaks of tokens is a rate limit.
pub(super) fn find(status: Option<u16>, words: &[String], message: &str) -> FaultKind {
    let words: Vec<String> = words.iter().map(|word| bare(word)).collect();
    if let Some(kind) = words.iter().find_map(|word| look_up(PRECISE, word)) {
        return kind;
    }
    let vague = words.iter().find_map(|word| look_up(VAGUE, word));
    let kind = status.map(of_status).or(vague);
    match kind {
        None
        | Some(
            FaultKind::InvalidRequest
            | FaultKind::Internal
            | FaultKind::TooLarge
            | FaultKind::Permission,
        ) => {}
        Some(kind) => return kind,
    }
    // Of a failure without a status only the message can say which.
    let so_far = kind.filter(|kind| status.is_some() || *kind != FaultKind::Internal);
    of_message(&message.to_lowercase(), so_far)
        .or(kind)
        .unwrap_or(FaultKind::Internal)
}

fn of_status(status: u16) -> FaultKind {
    match status {
        401 => FaultKind::Authentication,
        402 => FaultKind::Billing,
        403 => FaultKind::Permission,
        404 | 410 => FaultKind::NotFound,
        405 => FaultKind::MethodNotAllowed,
        408 | 504 | 524 => FaultKind::Timeout,
        413 => FaultKind::TooLarge,
        415 => FaultKind::UnsupportedMedia,
        429 => FaultKind::RateLimit,
        503 | 529 => FaultKind::Overloaded,
        400..=499 => FaultKind::InvalidRequest,
        _ => FaultKind::Internal,
    }
}

fn of_message(message: &str, so_far: Option<FaultKind>) -> Option<FaultKind> {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    if says(CONTEXT) {
        Some(FaultKind::ContextLength)
    } else if says(POLICY) {
        Some(FaultKind::ContentPolicy)
    } else if says(BILLING) {
        Some(FaultKind::Billing)
    } else if says(CREDENTIAL) {
        Some(FaultKind::Authentication)
    } else if says(MODEL)
        || (message.starts_with("model ") && says(&["not found", "is not supported"]))
    {
        Some(FaultKind::NotFound)
    } else if says(TOO_LARGE) {
        Some(FaultKind::TooLarge)
    } else if says(&["location is not supported"]) {
        Some(FaultKind::Permission)
    } else if so_far.is_some() {
        // The status has said the rest.
        None
    } else if says(&["overloaded", "at capacity"]) {
        Some(FaultKind::Overloaded)
    } else if says(&["rate limit", "too many requests"]) {
        Some(FaultKind::RateLimit)
    } else if says(&["timed out", "timeout"]) {
        Some(FaultKind::Timeout)
    } else {
        None
    }
}

/// Spellings differ in case and joints only: `RATE_LIMIT_EXCEEDED`, `RateLimitExceeded`, `rate-limit-exceeded`.
fn bare(word: &str) -> String {
    let letters = word.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

fn look_up(table: &[(FaultKind, &[&str])], word: &str) -> Option<FaultKind> {
    let (kind, _) = table.iter().find(|(_, words)| words.contains(&word))?;
    Some(*kind)
}

/// Words that say more than the status does. Sources: the error pages and SDKs of OpenAI, Anthropic and Google, and what
/// compatible vendors (Azure, vLLM, llama.cpp, DeepSeek, Mistral, Groq, OpenRouter, Moonshot, Zhipu, DashScope, new-api)
/// answer with.
const PRECISE: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::ContextLength,
        &[
            "contextlengthexceeded",
            "contextwindowexceeded",
            "contextwindowexceedederror",
            "contextlengtherror",
            "exceedcontextsizeerror",
            "modelcontextwindowexceeded",
            "prompttoolong",
        ],
    ),
    (
        FaultKind::ContentPolicy,
        &[
            "contentfilter",
            "contentpolicyviolation",
            "contentpolicyviolationerror",
            "contentmoderation",
            "responsibleaipolicyviolation",
            "datainspectionfailed",
            "moderationblocked",
            "prohibitedcontent",
            "safety",
            "biopolicy",
            "imagecontentpolicyviolation",
            "invalidprompt",
        ],
    ),
    (
        FaultKind::Billing,
        &[
            "insufficientquota",
            "insufficientuserquota",
            "insufficientbalance",
            "insufficientcredits",
            "billingerror",
            "billinghardlimitreached",
            "billingnotactive",
            "exceededcurrentquotaerror",
            "preconsumetokenquotafailed",
            "paymentrequired",
            "arrearage",
            "accountoverdueerror",
        ],
    ),
    (
        FaultKind::Authentication,
        &[
            "invalidapikey",
            "incorrectapikey",
            "missingapikey",
            "apikeyinvalid",
            "apikeyexpired",
            "authenticationerror",
            "invalidauthentication",
            "invalidauthenticationerror",
            "unauthenticated",
            "unauthorized",
        ],
    ),
    (
        FaultKind::NotFound,
        &[
            "modelnotfound",
            "modelnotexist",
            "modelnotavailable",
            "modelnotsupported",
            "modeldecommissioned",
            "invalidmodel",
            "unknownmodel",
            "unsupportedmodel",
            "deploymentnotfound",
            "notfounderror",
            "notfound",
        ],
    ),
    (
        FaultKind::Permission,
        &[
            "permissionerror",
            "permissiondenied",
            "forbidden",
            "requestforbidden",
            "servicedisabled",
            "unsupportedcountryregionterritory",
        ],
    ),
    (
        FaultKind::TooLarge,
        &[
            "requesttoolarge",
            "requestentitytoolarge",
            "payloadtoolarge",
        ],
    ),
    (
        FaultKind::RateLimit,
        &[
            "ratelimit",
            "ratelimitexceeded",
            "ratelimiterror",
            "ratelimitreached",
            "ratelimitreachederror",
            "toomanyrequests",
            "resourceexhausted",
            "throttling",
            "throttlingratequota",
        ],
    ),
    (
        FaultKind::Overloaded,
        &[
            "overloaded",
            "overloadederror",
            "engineoverloaded",
            "engineoverloadederror",
            "modeloverloaded",
            "serveroverloaded",
            "serverbusy",
            "serviceunavailable",
            "unavailable",
            "slowdown",
            "insufficientsystemresource",
        ],
    ),
    (
        FaultKind::Timeout,
        &[
            "timeout",
            "timeouterror",
            "requesttimeout",
            "gatewaytimeout",
            "deadlineexceeded",
        ],
    ),
];

/// Words that say whose fault it is and no more: asked only where there is no status.
const VAGUE: &[(FaultKind, &[&str])] = &[
    (
        FaultKind::InvalidRequest,
        &[
            "invalidrequesterror",
            "invalidrequest",
            "invalidargument",
            "invalidparameter",
            "badrequest",
            "badrequesterror",
            "failedprecondition",
            "outofrange",
            "validationerror",
            "unprocessableentity",
        ],
    ),
    (
        FaultKind::Internal,
        &[
            "servererror",
            "apierror",
            "internal",
            "internalerror",
            "internalservererror",
            "networkerror",
        ],
    ),
];

const CONTEXT: &[&str] = &[
    "maximum context length",
    "maximum prompt length",
    "maximum model length",
    "maximum number of tokens",
    "prompt is too long",
    "input is too long",
    "prompt too long",
    "context limit",
    "context window",
    "context size",
    "context length",
    "too large for model with",
    "exceeded model token limit",
    "range of input length",
    "reduce the length of the messages",
    "`inputs` tokens + `max_new_tokens`",
];

const TOO_LARGE: &[&str] = &[
    "payload size exceeds the limit",
    "request exceeds the maximum size",
    "request body is too large",
    "request entity too large",
];

const POLICY: &[&str] = &[
    "content management policy",
    "content filtering policy",
    "content policy",
    "usage policy",
    "safety system",
    "was flagged",
    "inappropriate content",
];

const BILLING: &[&str] = &[
    "credit balance is too low",
    "insufficient balance",
    "insufficient credits",
    "requires more credits",
    "billing hard limit",
];

const CREDENTIAL: &[&str] = &[
    "api key not valid",
    "api key expired",
    "invalid api key",
    "incorrect api key",
    "no auth credentials",
];

const MODEL: &[&str] = &[
    "model not exist",
    "model not found",
    "no such model",
    "unknown model",
    "invalid model",
    "is not a valid model",
    "model does not exist",
    "does not exist or you do not have access",
    "try pulling it first",
];
