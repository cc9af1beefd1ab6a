use crate::ir::{Collector, Reply};
use crate::wire::json::{Kind, Misfit, Value};

use super::answer_read::Answer;

/// Reads a whole answer: an object, or the list of objects that a stream without `alt=sse` is.
pub(super) fn read<'a>(body: Value<'_, 'a>, seed: &str) -> Result<Reply<'a>, Misfit> {
    let mut answer = Answer::new(seed);
    let mut collector = Collector::default();
    let alone = Some(body).filter(|body| body.kind() != Kind::List);
    for object in body.items().chain(alone) {
        if object.want_object()?.member("error").is_some() {
            return Err(object.misfit("an answer"));
        }
        answer.take(object, &mut |event| collector.push(event));
    }
    if !answer.has_begun() {
        return Err(body.misfit("an answer with candidates"));
    }
    answer.finish(&mut |event| collector.push(event));
    Ok(Reply {
        unsaid: answer.unsaid,
        ..collector.finish()
    })
}
