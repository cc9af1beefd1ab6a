//! A future that is made once and does one piece of work after another, where it lies.
//!
//! What answers a request is a future of some 10 KB. Made for each request, it would be built on the stack, copied to the
//! heap, and lie there in another place each time, where no cache has it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use parking_lot::Mutex;

/// Work of one kind, again and again: each from an `In` to an `Out`.
pub(super) struct Coroutine<In, Out> {
    desk: Arc<Mutex<Desk<In, Out>>>,
    body: Pin<Box<dyn Future<Output = Infallible> + Send>>,
}

/// Between the one who asks and the one who works.
enum Desk<In, Out> {
    Empty,
    Asked(In),
    Done(Out),
}

impl<In: Send + 'static, Out: Send + 'static> Coroutine<In, Out> {
    pub(super) fn new<Work>(mut work: impl FnMut(In) -> Work + Send + 'static) -> Coroutine<In, Out>
    where
        Work: Future<Output = Out> + Send,
    {
        let desk = Arc::new(Mutex::new(Desk::Empty));
        let its = Arc::clone(&desk);
        // Nobody is woken for what lies on the desk: who lays it there polls next.
        let body = Box::pin(async move {
            loop {
                let asked = poll_fn(|_| its.lock().asked().map_or(Poll::Pending, Poll::Ready));
                let done = work(asked.await).await;
                *its.lock() = Desk::Done(done);
            }
        });
        Coroutine { desk, body }
    }

    /// Does this, and is there for the next. Who drops the future before it is done drops work and coroutine with it.
    pub(super) async fn run(mut self, asked: In) -> (Self, Out) {
        *self.desk.lock() = Desk::Asked(asked);
        let done = poll_fn(|context| match self.body.as_mut().poll(context) {
            Poll::Pending => self.desk.lock().done().map_or(Poll::Pending, Poll::Ready),
        });
        let done = done.await;
        (self, done)
    }
}

impl<In, Out> Desk<In, Out> {
    fn asked(&mut self) -> Option<In> {
        // What stays is not moved.
        if !matches!(self, Desk::Asked(_)) {
            return None;
        }
        match std::mem::replace(self, Desk::Empty) {
            Desk::Asked(asked) => Some(asked),
            Desk::Empty | Desk::Done(_) => None,
        }
    }

    fn done(&mut self) -> Option<Out> {
        if !matches!(self, Desk::Done(_)) {
            return None;
        }
        match std::mem::replace(self, Desk::Empty) {
            Desk::Done(done) => Some(done),
            Desk::Empty | Desk::Asked(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_after_work_is_done_in_the_same_place() {
        let adding = Coroutine::new(|(a, b): (u32, u32)| async move {
            let place = std::ptr::from_ref(&a).addr();
            tokio::task::yield_now().await;
            (a + b, place)
        });
        let (adding, (three, place)) = adding.run((1, 2)).await;
        let (_, (seven, again)) = adding.run((3, 4)).await;
        assert_eq!((three, seven), (3, 7));
        assert_eq!(place, again);
    }

    #[tokio::test]
    async fn work_that_panics_takes_nobody_with_it() {
        let dividing = Coroutine::new(|by: u32| async move { 6 / by });
        let (dividing, three) = dividing.run(2).await;
        assert_eq!(three, 3);
        let broken = tokio::spawn(dividing.run(0)).await.map(|(_, done)| done);
        assert!(broken.is_err_and(|e| e.is_panic()));
    }

    #[tokio::test]
    async fn what_is_asked_goes_with_a_coroutine_that_is_dropped_at_its_work() {
        static LEFT: AtomicUsize = AtomicUsize::new(0);
        struct Held;
        impl Drop for Held {
            fn drop(&mut self) {
                LEFT.fetch_add(1, Ordering::Relaxed);
            }
        }
        let waiting = Coroutine::new(|held: Held| async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        let mut waited = Box::pin(waiting.run(Held));
        let long = std::time::Duration::from_millis(5);
        let done = tokio::time::timeout(long, waited.as_mut()).await;
        assert!(done.is_err());
        assert_eq!(LEFT.load(Ordering::Relaxed), 0);
        drop(waited);
        assert_eq!(LEFT.load(Ordering::Relaxed), 1);
    }
}
