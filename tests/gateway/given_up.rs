//! Calls that are given up before the vendor has begun to answer: it hears of it at once, and what it takes all the same
//! counts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use openssl::ssl::{Ssl, SslAcceptor};
use tidegate::demo::{Fault, Match, Step};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_openssl::SslStream;

use crate::certs::Authority;
use crate::harness::{Gateway, TestVendor, chat_body, post, try_send, until};
use crate::tls::acceptor;

/// The client leaves after that long.
const LEAVES: Duration = Duration::from_millis(200);
const SOON: Duration = Duration::from_secs(3);

/// One provider `a` at that address, with a quota.
async fn gateway(base_url: &str, more: &str) -> Gateway {
    let section = format!(
        "  providers:
    - {{ name: a, format: openai_chat, base_url: \"{base_url}\", keys: [ k ]{more} }}
  models:
    - {{ name: m, endpoints: [ {{ provider: a, model: demo-a, quota: {{ requests: 9, reset: \"0 0 1 1 *\" }} }} ] }}
"
    );
    Gateway::start(&section).await
}

async fn quota(gateway: &Gateway, which: &str) -> f64 {
    let name = format!("tidegate_endpoint_quota_{which}");
    let labels = [("provider", "a"), ("of", "requests")];
    gateway.metric(&name, &labels).await
}

async fn until_nothing_is_reserved(gateway: &Gateway) {
    until("nothing is reserved", SOON, async || {
        quota(gateway, "reserved").await == 0.0
    })
    .await;
}

async fn leave(gateway: &Gateway) {
    let asked = try_send(
        gateway.addr,
        post("/v1/chat/completions", &chat_body("m", true)),
    );
    assert!(tokio::time::timeout(LEAVES, asked).await.is_err());
}

/// A vendor that works on when its client has gone: it is told by the end of what it reads, and then says this.
struct Deaf {
    port: u16,
    /// How long after the request it was told.
    told: mpsc::UnboundedReceiver<Duration>,
}

impl Deaf {
    async fn start(says: &'static str, tls: Option<Arc<SslAcceptor>>) -> Deaf {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tell, tls) = (tell.clone(), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return work_on(stream, says, tell).await;
                    };
                    let ssl = Ssl::new(tls.context()).unwrap();
                    let mut stream = SslStream::new(ssl, stream).unwrap();
                    Pin::new(&mut stream).accept().await.unwrap();
                    work_on(stream, says, tell).await;
                });
            }
        });
        Deaf { port, told }
    }
}

async fn work_on(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    says: &str,
    tell: mpsc::UnboundedSender<Duration>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert!(stream.read_buf(&mut request).await.unwrap() > 0);
    }
    let asked = Instant::now();
    assert_eq!(stream.read_buf(&mut request).await.unwrap(), 0);
    tell.send(asked.elapsed()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(says.as_bytes()).await.unwrap();
    let _gone = stream.shutdown().await;
}

const TAKEN: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 8\r\n\r\ndata: {\n";
const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vendor_takes_all_the_same_counts_and_what_it_does_not_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path(), "ca");
    let pair = authority.issue(dir.path(), "localhost");
    for (says, used) in [(TAKEN, 1.0), (REFUSED, 0.0), ("", 0.0)] {
        for tls in [false, true] {
            let acceptor = tls.then(|| acceptor(&pair, b"\x08http/1.1"));
            let mut vendor = Deaf::start(says, acceptor).await;
            let (scheme, more) = match tls {
                false => ("http", String::new()),
                true => (
                    "https",
                    format!(", tls: {{ ca: \"{}\" }}", authority.pem.display()),
                ),
            };
            let address = format!("{scheme}://localhost:{}/v1", vendor.port);
            let gateway = gateway(&address, &more).await;
            leave(&gateway).await;
            let told = vendor.told.recv().await.unwrap();
            assert!(told < LEAVES + Duration::from_millis(100), "{told:?}");
            assert_eq!(quota(&gateway, "reserved").await, 1.0, "nobody knows yet");
            until_nothing_is_reserved(&gateway).await;
            assert_eq!(quota(&gateway, "used").await, used, "{says}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_hears_of_it_stops_and_nothing_counts() {
    let vendor = TestVendor::start().await;
    // Over HTTP/2 the stream is reset, and nobody waits.
    for more in ["", ", http: http2"] {
        let gateway = gateway(&vendor.base_url(), more).await;
        let late = Step::from(Fault::SlowHead(Duration::from_secs(9)));
        vendor.vendor.always(Match::default(), Some(late));
        leave(&gateway).await;
        until_nothing_is_reserved(&gateway).await;
        assert_eq!(quota(&gateway, "used").await, 0.0);
        vendor.vendor.always(Match::default(), None);
        assert_eq!(gateway.chat("m", true).await.status, 200);
        assert_eq!(quota(&gateway, "used").await, 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_never_hears_is_left_after_a_second() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let gateway = gateway(&format!("http://127.0.0.1:{port}/v1"), "").await;
    let left = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        // Reads nothing at first, then everything, and holds on to the connection.
        tokio::time::sleep(Duration::from_millis(500)).await;
        stream.read_to_end(&mut all).await.unwrap();
        tokio::time::sleep(Duration::from_secs(30)).await;
    });
    leave(&gateway).await;
    assert_eq!(quota(&gateway, "reserved").await, 1.0);
    let began = Instant::now();
    until_nothing_is_reserved(&gateway).await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(quota(&gateway, "used").await, 0.0);
    left.abort();
}
