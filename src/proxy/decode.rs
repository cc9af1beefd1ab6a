//! Content encodings, decoded as the bytes come: of request bodies, and of vendors that compress without being asked.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};

/// A decoder for one body.
pub enum Decoder {
    Gzip(Box<MultiGzDecoder<Room>>),
    Deflate(Box<ZlibDecoder<Room>>),
    Brotli(Box<brotli::DecompressorWriter<Room>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Room>>),
}

/// Where decoded bytes go. It is full at its limit, whatever a few bytes of a bomb would grow to.
#[derive(Default)]
pub struct Room {
    bytes: Vec<u8>,
    limit: usize,
    /// Asked for memory before it is taken; `false`: there is none. `None`: nobody counts it.
    grant: Option<Grant>,
    granted: usize,
    refused: bool,
}

/// Says whether so many bytes more may be taken.
pub type Grant = Box<dyn FnMut(usize) -> bool + Send>;

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if let Some(grant) = &mut self.grant
            && needed > self.granted
        {
            let more = GRANTED_AT_ONCE.max(needed - self.granted);
            if !grant(more) {
                self.refused = true;
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            self.granted += more;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    #[error("there is no room for the decoded body")]
    NoRoom,
}

const BROTLI_BUFFER: usize = 16 << 10;
/// Memory is asked for in steps of this size.
const GRANTED_AT_ONCE: usize = 64 << 10;

impl Decoder {
    /// The decoder for a `Content-Encoding` value; `None` for `identity`.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`]; several encodings at once are not supported.
    pub fn for_encoding(encoding: &str) -> Result<Option<Decoder>, DecodeError> {
        Ok(Some(match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Decoder::Gzip(Box::new(MultiGzDecoder::new(Room::default()))),
            "deflate" => Decoder::Deflate(Box::new(ZlibDecoder::new(Room::default()))),
            "br" => Decoder::Brotli(Box::new(brotli::DecompressorWriter::new(
                Room::default(),
                BROTLI_BUFFER,
            ))),
            "zstd" => zstd::stream::write::Decoder::new(Room::default())
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
        self.room().limit = limit;
        self.write(chunk)?;
        Ok(std::mem::take(&mut self.room().bytes).into())
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
            return Err(self.failure());
        }
        Ok(std::mem::take(&mut self.room().bytes).into())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let written = match self {
            Decoder::Gzip(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::Deflate(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
            Decoder::Brotli(decoder) => decoder.write_all(bytes),
            Decoder::Zstd(decoder) => decoder.write_all(bytes).and_then(|()| decoder.flush()),
        };
        match written {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::FileTooLarge => Err(DecodeError::TooLarge {
                limit: self.room().limit,
            }),
            Err(_) => Err(self.failure()),
        }
    }

    fn failure(&mut self) -> DecodeError {
        if self.room().refused {
            DecodeError::NoRoom
        } else {
            DecodeError::Corrupt
        }
    }

    fn room(&mut self) -> &mut Room {
        match self {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Deflate(decoder) => decoder.get_mut(),
            Decoder::Brotli(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
        }
    }
}

/// A whole body decoded, at most `limit` bytes of it; `grant` is asked before memory is taken.
///
/// # Errors
/// Any [`DecodeError`].
pub fn decode_whole(
    encoding: &str,
    body: &Bytes,
    limit: usize,
    grant: Option<Grant>,
) -> Result<Bytes, DecodeError> {
    let Some(mut decoder) = Decoder::for_encoding(encoding)? else {
        return Ok(body.clone());
    };
    let room = decoder.room();
    (room.limit, room.grant) = (limit, grant);
    decoder.write(body)?;
    decoder.finish()
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
                decode_whole(encoding, &body, usize::MAX, None).unwrap(),
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
            let refused = decode_whole(encoding, &body, 1 << 20, None);
            assert_eq!(
                refused,
                Err(DecodeError::TooLarge { limit: 1 << 20 }),
                "{encoding}"
            );
        }
    }

    #[test]
    fn memory_is_asked_for_before_it_is_taken() {
        let bomb = vec![0u8; 64 << 20];
        for encoding in ALL {
            let body = encoded(encoding, &bomb);
            let mut left = 1 << 20;
            let grant: Grant = Box::new(move |more| {
                left = usize::saturating_sub(left, more);
                left > 0
            });
            let refused = decode_whole(encoding, &body, 64 << 20, Some(grant));
            assert_eq!(refused, Err(DecodeError::NoRoom), "{encoding}");
        }
    }

    #[test]
    fn garbage_and_cut_bodies_are_corrupt() {
        for encoding in ALL {
            assert!(
                decode_whole(
                    encoding,
                    &Bytes::from_static(b"not compressed at all"),
                    1 << 20,
                    None
                )
                .is_err(),
                "{encoding}"
            );
            let whole = encoded(encoding, &vec![b'x'; 100_000]);
            let cut = decode_whole(encoding, &whole.slice(..whole.len() - 6), 1 << 20, None);
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
