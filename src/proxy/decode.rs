//! Content encodings, decoded as the bytes come: of request bodies, and of vendors that compress without being asked.

use std::io::Write;

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};

/// A decoder for one body.
pub enum Decoder {
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Vec<u8>>>),
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("content encoding {0:?} is not supported; use gzip, deflate, br or zstd")]
    Unsupported(String),
    #[error("the body is not what its content encoding says")]
    Corrupt,
    #[error("the decoded body is larger than {limit} bytes")]
    TooLarge { limit: usize },
}

const BROTLI_BUFFER: usize = 16 << 10;
/// Bytes fed at a time, so that a small bomb is noticed before it has gone off.
const STEP: usize = 4 << 10;

impl Decoder {
    /// The decoder for a `Content-Encoding` value; `None` for `identity`.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`]; several encodings at once are not supported.
    pub fn for_encoding(encoding: &str) -> Result<Option<Decoder>, DecodeError> {
        Ok(Some(match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Decoder::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            "deflate" => Decoder::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
            "br" => Decoder::Brotli(Box::new(brotli::DecompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER,
            ))),
            "zstd" => zstd::stream::write::Decoder::new(Vec::new())
                .map(|decoder| Decoder::Zstd(Box::new(decoder)))
                .map_err(|_| DecodeError::Corrupt)?,
            other => return Err(DecodeError::Unsupported(other.to_owned())),
        }))
    }

    /// Decodes the next bytes; what comes out is at most `limit` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Corrupt`] and [`DecodeError::TooLarge`].
    pub fn push(&mut self, chunk: &[u8], limit: usize) -> Result<Bytes, DecodeError> {
        let mut decoded = Vec::new();
        for step in chunk.chunks(STEP) {
            self.write(step)?;
            decoded.append(self.out());
            if decoded.len() > limit {
                return Err(DecodeError::TooLarge { limit });
            }
        }
        Ok(decoded.into())
    }

    /// The rest, at the end of the body.
    ///
    /// # Errors
    /// [`DecodeError::Corrupt`] when the body ends too early.
    pub fn finish(mut self) -> Result<Bytes, DecodeError> {
        let ended = match &mut self {
            Decoder::Gzip(decoder) => decoder.try_finish().is_ok(),
            Decoder::Deflate(decoder) => decoder.try_finish().is_ok(),
            Decoder::Brotli(decoder) => decoder.close().is_ok(),
            Decoder::Zstd(decoder) => decoder.flush().is_ok(),
        };
        if !ended {
            return Err(DecodeError::Corrupt);
        }
        Ok(std::mem::take(self.out()).into())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let written = match self {
            Decoder::Gzip(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::Deflate(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::Brotli(decoder) => decoder.write_all(bytes),
            Decoder::Zstd(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
        };
        written.map_err(|_| DecodeError::Corrupt)
    }

    fn out(&mut self) -> &mut Vec<u8> {
        match self {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Deflate(decoder) => decoder.get_mut(),
            Decoder::Brotli(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

/// A whole body decoded, at most `limit` bytes of it.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode_whole(encoding: &str, body: &Bytes, limit: usize) -> Result<Bytes, DecodeError> {
    let Some(mut decoder) = Decoder::for_encoding(encoding)? else {
        return Ok(body.clone());
    };
    let mut decoded = decoder.push(body, limit)?.to_vec();
    decoded.extend_from_slice(&decoder.finish()?);
    if decoded.len() > limit {
        return Err(DecodeError::TooLarge { limit });
    }
    Ok(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encoding: &str, text: &[u8]) -> Bytes {
        let level = flate2::Compression::default();
        match encoding {
            "gzip" => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), level);
                out.write_all(text).unwrap();
                out.finish().unwrap()
            }
            "deflate" => {
                let mut out = flate2::write::ZlibEncoder::new(Vec::new(), level);
                out.write_all(text).unwrap();
                out.finish().unwrap()
            }
            "br" => {
                let mut out = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
                out.write_all(text).unwrap();
                out.into_inner()
            }
            _ => zstd::encode_all(text, 3).unwrap(),
        }
        .into()
    }

    const ALL: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

    #[test]
    fn every_encoding_comes_back_whole_in_any_split() {
        let text: Vec<u8> = (0..200_000u32)
            .flat_map(|n| n.to_string().into_bytes())
            .collect();
        for encoding in ALL {
            let body = encoded(encoding, &text);
            assert_eq!(
                decode_whole(encoding, &body, usize::MAX).unwrap(),
                text,
                "{encoding}"
            );
            for size in [1, 7, 1000] {
                let mut decoder = Decoder::for_encoding(encoding).unwrap().unwrap();
                let mut got = Vec::new();
                for chunk in body.chunks(size) {
                    got.extend_from_slice(&decoder.push(chunk, usize::MAX).unwrap());
                }
                got.extend_from_slice(&decoder.finish().unwrap());
                assert_eq!(got, text, "{encoding} by {size}");
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = vec![0u8; 64 << 20];
        for encoding in ALL {
            let body = encoded(encoding, &bomb);
            let refused = decode_whole(encoding, &body, 1 << 20);
            assert_eq!(
                refused,
                Err(DecodeError::TooLarge { limit: 1 << 20 }),
                "{encoding}"
            );
        }
    }

    #[test]
    fn garbage_and_cut_bodies_are_corrupt() {
        for encoding in ALL {
            assert!(
                decode_whole(
                    encoding,
                    &Bytes::from_static(b"not compressed at all"),
                    1 << 20
                )
                .is_err(),
                "{encoding}"
            );
            let whole = encoded(encoding, &vec![b'x'; 100_000]);
            let cut = decode_whole(encoding, &whole.slice(..whole.len() - 6), 1 << 20);
            assert!(cut.is_err() || cut.unwrap().len() < 100_000, "{encoding}");
        }
    }

    #[test]
    fn an_unknown_encoding_is_named() {
        assert!(
            matches!(Decoder::for_encoding("lzma"), Err(DecodeError::Unsupported(name)) if name == "lzma")
        );
    }
}
