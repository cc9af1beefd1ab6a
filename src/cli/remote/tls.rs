//! TLS of the commands: the gateway's certificate is proved by the system's roots, or by those of `--ca` alone.

use std::path::Path;
use std::pin::Pin;

use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use super::Failed;

/// Who is believed.
///
/// # Errors
/// The file holds no certificate.
pub(super) fn connector(ca: Option<&Path>) -> Result<SslConnector, Failed> {
    let inside = |e: openssl::error::ErrorStack| Failed::Odd(format!("TLS cannot be spoken: {e}"));
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(inside)?;
    let Some(file) = ca else {
        return Ok(builder.build());
    };
    let wrong = |why: &str| Failed::Wrong(format!("--ca {}: {why}", file.display()));
    let text = std::fs::read(file).map_err(|e| wrong(&format!("cannot be read: {e}")))?;
    let roots = X509::stack_from_pem(&text).unwrap_or_default();
    if roots.is_empty() {
        return Err(wrong("holds no certificate in PEM"));
    }
    let mut store = X509StoreBuilder::new().map_err(inside)?;
    for root in roots {
        store.add_cert(root).map_err(inside)?;
    }
    builder.set_cert_store(store.build());
    Ok(builder.build())
}

/// Makes a connection secure to the host that it leads to.
///
/// # Errors
/// In words why it is not.
pub(super) async fn secure(
    connector: &SslConnector,
    host: &str,
    stream: TcpStream,
) -> Result<SslStream<TcpStream>, String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let configured = connector.configure().map_err(|e| e.to_string())?;
    let ssl = configured.into_ssl(name).map_err(|e| e.to_string())?;
    let mut secure = SslStream::new(ssl, stream).map_err(|e| e.to_string())?;
    match Pin::new(&mut secure).connect().await {
        Ok(()) => Ok(secure),
        Err(e) => {
            let proved = secure.ssl().verify_result();
            Err(match proved == openssl::x509::X509VerifyResult::OK {
                true => format!("no TLS: {e}"),
                false => format!(
                    "its certificate is not believed ({}); --ca FILE says by whom it is made",
                    proved.error_string()
                ),
            })
        }
    }
}
