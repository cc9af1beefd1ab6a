//! Bodies that are too large to be held: written to a file without a name as they come, and read from it anew for every
//! attempt. The file is gone when the last of its holders is, whatever becomes of the process.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::spawn_blocking;

/// What is read or written at once, away from the reactor.
const PIECE: usize = 256 << 10;

/// A body in a file.
#[derive(Debug, Clone)]
pub struct Spool {
    file: Arc<File>,
    length: usize,
}

impl Spool {
    /// An empty one, in the folder for temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// What the file system says.
    pub async fn create() -> io::Result<Spool> {
        let file = spawn_blocking(tempfile::tempfile).await??;
        Ok(Spool {
            file: Arc::new(file),
            length: 0,
        })
    }

    /// Writes more behind what is there; gives the buffer back, empty: memory that is taken by one thread and given back by
    /// another comes back late.
    ///
    /// # Errors
    /// What the file system says; the spool is of no more use then.
    pub async fn append(&mut self, mut buffer: BytesMut) -> io::Result<BytesMut> {
        let (file, at) = (self.file.clone(), self.length);
        self.length += buffer.len();
        let writing = move || file.write_all_at(&buffer, offset(at)).map(|()| buffer);
        buffer = spawn_blocking(writing).await??;
        buffer.clear();
        Ok(buffer)
    }

    pub fn length(&self) -> usize {
        self.length
    }

    /// The body with what stands in `span` giving way to `text`.
    pub fn spliced(&self, span: Range<usize>, text: Bytes) -> Vec<Piece> {
        let part = |span: Range<usize>| Piece::Spooled {
            file: self.file.clone(),
            span,
        };
        let behind = span.end.min(self.length)..self.length;
        vec![part(0..span.start), Piece::Held(text), part(behind)]
    }
}

/// A piece of a body that is partly in a file.
#[derive(Debug, Clone)]
pub enum Piece {
    Held(Bytes),
    Spooled { file: Arc<File>, span: Range<usize> },
}

impl Piece {
    pub fn length(&self) -> usize {
        match self {
            Piece::Held(bytes) => bytes.len(),
            Piece::Spooled { span, .. } => span.len(),
        }
    }
}

/// A body on its way to a vendor.
#[derive(Debug, Clone)]
pub enum Freight {
    /// In memory, in pieces.
    Held(Vec<Bytes>),
    Spooled(Vec<Piece>),
}

impl Freight {
    pub fn length(&self) -> usize {
        match self {
            Freight::Held(pieces) => pieces.iter().map(Bytes::len).sum(),
            Freight::Spooled(pieces) => pieces.iter().map(Piece::length).sum(),
        }
    }
}

/// Reads pieces from their beginning, a bounded part at a time.
pub struct Unloading<'a> {
    pieces: &'a [Piece],
    /// Of the first piece: how much of it is read.
    read: usize,
    buffer: Vec<u8>,
}

impl<'a> Unloading<'a> {
    pub fn of(pieces: &'a [Piece]) -> Unloading<'a> {
        Unloading {
            pieces,
            read: 0,
            buffer: Vec::new(),
        }
    }

    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// What the file system says.
    pub async fn next(&mut self) -> io::Result<Option<&[u8]>> {
        while let Some((piece, others)) = self.pieces.split_first() {
            let from = self.read;
            let left = piece.length() - from;
            if left == 0 {
                (self.pieces, self.read) = (others, 0);
                continue;
            }
            return match piece {
                Piece::Held(bytes) => {
                    self.read = bytes.len();
                    Ok(bytes.get(from..))
                }
                Piece::Spooled { file, span } => {
                    let size = left.min(PIECE);
                    self.read += size;
                    let buffer = std::mem::take(&mut self.buffer);
                    self.buffer = read_at(file.clone(), span.start + from, (buffer, size)).await?;
                    Ok(Some(&self.buffer))
                }
            };
        }
        Ok(None)
    }
}

async fn read_at(
    file: Arc<File>,
    at: usize,
    (mut buffer, size): (Vec<u8>, usize),
) -> io::Result<Vec<u8>> {
    buffer.resize(size, 0);
    let reading = move || file.read_exact_at(&mut buffer, offset(at)).map(|()| buffer);
    spawn_blocking(reading).await?
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_spooled_comes_back_as_often_as_it_is_asked_for_with_its_splice() {
        let bytes: Vec<u8> = (0..700_000u32).map(|n| (n % 251) as u8).collect();
        let mut spool = Spool::create().await.unwrap();
        for chunk in bytes.chunks(99_991) {
            let buffer = spool.append(BytesMut::from(chunk)).await.unwrap();
            assert!(buffer.is_empty());
        }
        assert_eq!(spool.length(), bytes.len());
        for span in [0..0, 0..5, 300_000..300_009, 699_999..700_000, 0..700_000] {
            let freight = Freight::Spooled(spool.spliced(span.clone(), Bytes::from_static(b"new")));
            let expected = [&bytes[..span.start], b"new", &bytes[span.end..]].concat();
            assert_eq!(freight.length(), expected.len());
            let Freight::Spooled(pieces) = &freight else {
                panic!()
            };
            for _ in 0..2 {
                let mut got = Vec::new();
                let mut unloading = Unloading::of(pieces);
                while let Some(part) = unloading.next().await.unwrap() {
                    assert!(part.len() <= PIECE);
                    got.extend_from_slice(part);
                }
                assert!(got == expected, "{span:?}");
            }
        }
    }
}
