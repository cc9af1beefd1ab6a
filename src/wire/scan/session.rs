use super::cursor::Cursor;
use super::text;

/// What is longer, as it is written, names no session.
const MAX_LEN: usize = 512;

/// The session that a string value names by itself (OpenAI's `prompt_cache_key`).
pub(super) fn named(raw: &[u8]) -> Option<String> {
    let raw = Some(raw).filter(|raw| raw.len() <= MAX_LEN)?;
    text::text(raw).filter(|name| !name.is_empty())
}

/// The session within Claude Code's `metadata.user_id`: `user_…_account_…_session_ID`, or an object as a string with a
/// `session_id`. Other clients put a person there, which is none.
pub(super) fn of_user(raw: &[u8]) -> Option<String> {
    let user = named(raw)?;
    let session = match user.starts_with('{') {
        true => session_id(&user)?,
        false => user.rsplit_once("session_")?.1.to_owned(),
    };
    Some(session).filter(|name| !name.is_empty())
}

fn session_id(user: &str) -> Option<String> {
    let mut cursor = Cursor::new(user.as_bytes());
    let mut member = cursor.enter().ok()?;
    while let Some(key) = cursor.next_key(&mut member).ok()? {
        if &*key.name() == b"session_id" {
            return text::text(cursor.string_value().ok()??.raw);
        }
        cursor.skip().ok()?;
    }
    None
}
