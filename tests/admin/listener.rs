//! The admin side with an address of its own.

use std::net::SocketAddr;

use crate::harness::{dead_addr, try_send};
use crate::house::{asked, house};

async fn status(addr: SocketAddr, path: &str) -> u16 {
    let answer = try_send(addr, asked("GET", path, &[], None)).await;
    answer.unwrap().status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_address_of_its_own_it_is_there_and_nowhere_else() {
    let own = dead_addr();
    let section = format!("  admin: {{ listen: \"{own}\" }}\n");
    let gateway = house(&section).await;
    for path in [
        "/",
        "/docs",
        "/admin/api/v1/session",
        "/api/admin/session",
        "/ui/x",
        "/v1/api-keys/stats",
    ] {
        assert_eq!(status(gateway.addr, path).await, 404, "{path}");
    }
    assert_eq!(status(own, "/").await, 200);
    assert_eq!(status(own, "/docs").await, 200);
    assert_eq!(status(own, "/admin/api/v1/session").await, 200);
    assert_eq!(status(own, "/admin/api/v1/status").await, 401);
    assert_eq!(status(own, "/health").await, 200);
    assert_eq!(status(gateway.addr, "/v1/models").await, 200);
    for path in ["/v1/models", "/v1/chat/completions", "/openai/v1/models"] {
        assert_eq!(status(own, path).await, 404, "{path}");
    }
}
