//! TLS on both sides: ALPN, a CA of one's own, and who is not trusted.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use openssl::ssl::{
    AlpnError, Ssl, SslAcceptor, SslConnector, SslFiletype, SslMethod, SslVerifyMode,
    select_next_proto,
};
use tidegate::demo::Vendor;
use tokio::net::{TcpListener, TcpStream};
use tokio_openssl::SslStream;

use crate::certs::{Authority, Pair};
use crate::forms::{TRANSCRIPTIONS, form, form_request, hash};
use crate::harness::{Answer, Gateway, TestVendor, chat_body, collect, post};

/// With these protocols in its ALPN (wire form).
pub fn acceptor(pair: &Pair, protocols: &'static [u8]) -> Arc<SslAcceptor> {
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_certificate_chain_file(&pair.cert).unwrap();
    acceptor
        .set_private_key_file(&pair.key, SslFiletype::PEM)
        .unwrap();
    acceptor.set_alpn_select_callback(move |_, offered| {
        select_next_proto(protocols, offered).ok_or(AlpnError::NOACK)
    });
    Arc::new(acceptor.build())
}

/// A vendor that speaks TLS.
struct TlsVendor {
    vendor: Vendor,
    port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl TlsVendor {
    async fn start(pair: &Pair, protocols: &'static [u8]) -> TlsVendor {
        let acceptor = acceptor(pair, protocols);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let vendor = Vendor::default();
        let serving = vendor.clone();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, vendor) = (acceptor.clone(), serving.clone());
                tokio::spawn(async move {
                    let mut tls =
                        SslStream::new(Ssl::new(acceptor.context()).unwrap(), stream).unwrap();
                    if Pin::new(&mut tls).accept().await.is_ok() {
                        vendor.serve_connection(tls).await;
                    }
                });
            }
        });
        TlsVendor {
            vendor,
            port,
            server,
        }
    }

    fn provider(&self, tls: &str) -> String {
        format!(
            "  providers:
    - {{ name: a, format: openai_chat, base_url: \"https://localhost:{}/v1\", keys: [ k ]{tls} }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-sonnet, retries: 0 }} ] }}
",
            self.port
        )
    }
}

impl Drop for TlsVendor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn ca(authority: &Authority, more: &str) -> String {
    format!(", tls: {{ ca: \"{}\" }}{more}", authority.pem.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn alpn_decides_the_version_towards_a_vendor_with_a_ca_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "ca");
    let pair = authority.issue(dir.path(), "localhost");
    for (protocols, more, version) in [
        (b"\x02h2\x08http/1.1".as_slice(), "", "HTTP/2.0"),
        (b"\x08http/1.1".as_slice(), "", "HTTP/1.1"),
        (
            b"\x02h2\x08http/1.1".as_slice(),
            ", http: http1",
            "HTTP/1.1",
        ),
        (b"\x02h2".as_slice(), ", http: http2", "HTTP/2.0"),
    ] {
        let vendor = TlsVendor::start(&pair, protocols).await;
        let gateway = Gateway::start(&vendor.provider(&ca(&authority, more))).await;
        for stream in [false, true, false] {
            let answer = gateway.chat("m", stream).await;
            assert_eq!(answer.status, 200, "{}", gateway.stderr());
            assert!(answer.said().contains("hello"), "{}", answer.text());
        }
        let seen = vendor.vendor.requests();
        let versions: Vec<&str> = seen.iter().map(|seen| seen.version.as_str()).collect();
        assert_eq!(versions, [version; 3]);
        let connections: Vec<u64> = seen.iter().map(|seen| seen.connection).collect();
        assert!(
            connections.windows(2).all(|pair| pair[0] == pair[1]),
            "one connection for all: {connections:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_from_a_file_reaches_a_vendor_over_either_version() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "ca");
    let pair = authority.issue(dir.path(), "localhost");
    for protocols in [b"\x02h2".as_slice(), b"\x08http/1.1".as_slice()] {
        let vendor = TlsVendor::start(&pair, protocols).await;
        let gateway = Gateway::start(&vendor.provider(&ca(&authority, ""))).await;
        for size in [1000, 5 << 20] {
            let sent = form_request(TRANSCRIPTIONS, form("m", size, ""));
            let answer = gateway.send(sent).await;
            assert_eq!(answer.status, 200, "{}", gateway.stderr());
            let seen = vendor.vendor.requests();
            let got = seen.last().unwrap().body_sha256.clone();
            assert_eq!(got, Some(hash(&form("demo-sonnet", size, ""))));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_by_a_stranger_or_under_another_name_is_not_asked() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "ca");
    let stranger = Authority::new(dir.path(), "stranger");
    let right = TlsVendor::start(&authority.issue(dir.path(), "localhost"), b"\x08http/1.1").await;
    let named = TlsVendor::start(
        &authority.issue(dir.path(), "vendor.example"),
        b"\x08http/1.1",
    )
    .await;
    let by_name = format!(
        ", tls: {{ ca: \"{}\", server_name: vendor.example }}",
        authority.pem.display()
    );
    for (vendor, tls, status) in [
        (&right, ca(&authority, ""), 200),
        (&right, ca(&stranger, ""), 502),
        (&right, String::new(), 502),
        (&named, ca(&authority, ""), 502),
        (&named, by_name, 200),
    ] {
        let gateway = Gateway::start(&vendor.provider(&tls)).await;
        let answer = gateway.chat("m", false).await;
        assert_eq!(answer.status, status, "{tls}: {}", answer.text());
        if status == 502 {
            let record = gateway.record(answer.id()).await;
            assert_eq!(record["attempts"][0]["outcome"], "tls");
            assert!(
                !answer.text().contains("localhost"),
                "no host of a vendor is shown: {}",
                answer.text()
            );
        }
    }
    assert_eq!(right.vendor.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_providers_at_one_address_share_no_connection_across_their_trust() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "ca");
    let stranger = Authority::new(dir.path(), "stranger");
    let vendor = TlsVendor::start(
        &authority.issue(dir.path(), "localhost"),
        b"\x02h2\x08http/1.1",
    )
    .await;
    let provider = |name: &str, pem: &Path| {
        format!(
            "    - {{ name: {name}, format: openai_chat, base_url: \"https://localhost:{}/v1\", keys: [ k ], tls: {{ ca: \"{}\" }} }}\n",
            vendor.port,
            pem.display()
        )
    };
    let section = format!(
        "  providers:\n{}{}  models:
    - {{ name: trusting, endpoints: [ {{ provider: a, model: demo-sonnet }} ] }}
    - {{ name: wary, endpoints: [ {{ provider: b, model: demo-sonnet, retries: 0 }} ] }}
",
        provider("a", &authority.pem),
        provider("b", &stranger.pem)
    );
    let gateway = Gateway::start(&section).await;
    assert_eq!(gateway.chat("trusting", false).await.status, 200);
    assert_eq!(
        gateway.chat("wary", false).await.status,
        502,
        "the other's connection is not its own"
    );
}

/// One request over TLS, with what ALPN chose.
async fn send_tls(
    gateway: &Gateway,
    authority: &Authority,
    protocols: &[u8],
    stream: bool,
) -> (Vec<u8>, Answer) {
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_ca_file(&authority.pem).unwrap();
    connector.set_verify(SslVerifyMode::PEER);
    connector.set_alpn_protos(protocols).unwrap();
    let ssl = connector
        .build()
        .configure()
        .unwrap()
        .into_ssl("localhost")
        .unwrap();
    let tcp = TcpStream::connect(gateway.addr).await.unwrap();
    let mut tls = SslStream::new(ssl, tcp).unwrap();
    Pin::new(&mut tls).connect().await.unwrap();
    let chosen = tls.ssl().selected_alpn_protocol().unwrap_or(b"").to_vec();
    let mut request: http::Request<Full<Bytes>> =
        post("/v1/chat/completions", &chat_body("m", stream));
    let started = std::time::Instant::now();
    let response = if chosen == b"h2" {
        *request.uri_mut() = "https://localhost/v1/chat/completions".parse().unwrap();
        request.headers_mut().remove("host");
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls))
            .await
            .unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    (chosen, collect(response, started).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_listener_speaks_tls_in_both_versions() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "ca");
    let pair = authority.issue(dir.path(), "localhost");
    let vendor = TestVendor::start().await;
    let tls_addr = crate::harness::dead_addr();
    let plain_addr = crate::harness::dead_addr();
    let section = format!(
        "  listen: [ \"{plain_addr}\", {{ addr: \"{tls_addr}\", tls: {{ cert: \"{}\", key: \"{}\" }} }} ]
  providers:
    - {{ name: a, format: openai_chat, base_url: \"{}\", keys: [ k ] }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-sonnet }} ] }}
",
        pair.cert.display(),
        pair.key.display(),
        vendor.base_url()
    );
    let mut gateway = Gateway::start_at(plain_addr, &section).await;
    gateway.addr = tls_addr;
    for (protocols, chosen) in [
        (b"\x02h2\x08http/1.1".as_slice(), b"h2".as_slice()),
        (b"\x08http/1.1", b"http/1.1"),
    ] {
        for stream in [false, true] {
            let (got, answer) = send_tls(&gateway, &authority, protocols, stream).await;
            assert_eq!(got, chosen);
            assert_eq!(
                (answer.status.as_u16(), answer.clean),
                (200, true),
                "{}",
                answer.text()
            );
            assert!(answer.said().contains("hello"));
        }
    }
}
