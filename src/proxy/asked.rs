//! A vendor that was asked and has not begun to answer.
//!
//! A call that is given up by then (its client left, another was faster, it took too long) may have been taken all the
//! same: the head of the answer is on its way. Where calls are counted, what was reserved is kept until that is known;
//! released at once, more calls would be let in than the vendor may take.

use std::time::Duration;

use pingora::time::timeout;
use tokio::runtime::Handle;

use crate::live::Pass;
use crate::proxy::upstream::Upstream;

/// How long one who is given up may take to say so. A vendor that hears of it ends the connection at once.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Dropped without an answer, the call is given up.
pub(super) struct Asked<'a> {
    /// `None`: nothing more can come.
    up: Option<Box<Upstream>>,
    pass: &'a Pass,
}

impl<'a> Asked<'a> {
    pub(super) fn new(up: Box<Upstream>, pass: &'a Pass) -> Asked<'a> {
        Asked { up: Some(up), pass }
    }

    /// Waits for the head of the answer.
    ///
    /// # Errors
    /// When the connection broke or what came was no HTTP.
    pub(super) async fn read_head(&mut self) -> pingora::Result<()> {
        let Some(up) = &mut self.up else {
            return Ok(());
        };
        let read = up.read_head().await;
        if read.is_err() {
            self.up = None;
        }
        read
    }

    /// The answer, where its head is there.
    pub(super) fn answer(mut self) -> Option<Box<Upstream>> {
        self.up.take().filter(|up| up.head().is_some())
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let Some(up) = self.up.take() else { return };
        let (Some(pledge), Ok(runtime)) = (self.pass.hand_over(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            let status = timeout(LAST_WORD, up.part()).await;
            if matches!(status, Ok(Some(200..300))) {
                pledge.accepted();
            }
        });
    }
}
