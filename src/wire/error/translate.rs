use crate::ir::{Fault, Format};
use crate::wire::codec;

/// Makes a vendor's fault one for a client. What only the vendor's format means by its words does not go on to another;
/// OpenAI's two formats share theirs.
///
/// `answered`: it was said under a good status, so that there is no status of the vendor's which could survive. Google's
/// errors say their status in the body as well, so that it has to be one of Google's.
pub fn translate(fault: &mut Fault, (vendor, client): (Format, Format), answered: bool) {
    let is_openai = |format| matches!(format, Format::OpenaiChat | Format::OpenaiResponses);
    let is_foreign = client != vendor && !(is_openai(client) && is_openai(vendor));
    if is_foreign {
        fault.type_name = None;
        fault.code = None;
        fault.param = None;
    }
    if is_foreign || answered || client == Format::Gemini {
        fault.status = codec(client).status(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn told(body: &str, status: Option<u16>, way: (Format, Format)) -> (u16, Option<String>) {
        let mut fault = read(status, body.as_bytes());
        translate(&mut fault, way, status.is_none());
        (fault.status, fault.type_name)
    }

    #[test]
    fn an_overloaded_vendor_has_the_status_of_the_clients_format() {
        let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
        let openai = r#"{"error":{"type":"server_error","code":"server_overloaded","message":"overloaded"}}"#;
        for client in Format::ALL {
            let expected = if client == Format::Anthropic {
                529
            } else {
                503
            };
            for (vendor, body) in [(Format::Anthropic, body), (Format::OpenaiChat, openai)] {
                let (status, _) = told(body, None, (vendor, client));
                assert_eq!(status, expected, "{vendor} -> {client}");
            }
        }
    }

    #[test]
    fn an_empty_account_is_said_as_the_clients_vendor_would() {
        let body =
            r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"m"}}"#;
        for (client, expected) in [
            (Format::OpenaiChat, 429),
            (Format::OpenaiResponses, 429),
            (Format::Anthropic, 402),
            (Format::Gemini, 429),
        ] {
            for status in [None, Some(429)] {
                let (told, _) = told(body, status, (Format::OpenaiChat, client));
                assert_eq!(told, expected, "{client} {status:?}");
            }
        }
        // What the vendor said by itself survives.
        let way = (Format::OpenaiChat, Format::OpenaiResponses);
        assert_eq!(told(body, Some(402), way).0, 402);
        let poor = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#;
        let way = (Format::Anthropic, Format::Anthropic);
        let own = Some("invalid_request_error".to_owned());
        assert_eq!(told(poor, None, way), (400, own));
        let way = (Format::Anthropic, Format::OpenaiChat);
        assert_eq!(told(poor, Some(400), way), (429, None));
    }

    #[test]
    fn a_body_that_is_too_large_is_413_where_the_client_knows_that() {
        let body = r#"{"error":{"code":400,"message":"Request payload size exceeds the limit: 20971520 bytes.","status":"INVALID_ARGUMENT"}}"#;
        for (client, expected) in [
            (Format::OpenaiChat, 413),
            (Format::Anthropic, 413),
            (Format::Gemini, 400),
        ] {
            let way = (Format::Gemini, client);
            assert_eq!(told(body, Some(400), way).0, expected, "{client}");
        }
    }
}
