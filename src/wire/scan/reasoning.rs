use super::cursor::{Cursor, Result};

/// Whether the value of that member, which stands next, asks for reasoning.
pub(super) fn asks(name: &[u8], cursor: &mut Cursor<'_>) -> Result<bool> {
    match name {
        b"reasoning_effort" => {
            let effort = cursor.string_value()?;
            Ok(effort.is_some_and(|effort| *effort.name() != *b"none"))
        }
        b"enable_thinking" => Ok(cursor.written()? == b"true"),
        b"thinking" => is_switched_on(cursor),
        _ => is_not_switched_off(cursor),
    }
}

/// Anthropic's `thinking`, which others took over.
fn is_switched_on(cursor: &mut Cursor<'_>) -> Result<bool> {
    let mut on = false;
    let Some(mut member) = cursor.enter_object()? else {
        return Ok(false);
    };
    while let Some(key) = cursor.next_key(&mut member)? {
        if *key.name() == *b"type" {
            let kind = cursor.string_value()?.map(|kind| kind.name());
            on = matches!(kind.as_deref(), Some(b"enabled" | b"adaptive"));
        } else {
            cursor.skip()?;
        }
    }
    Ok(on)
}

/// The `reasoning` of OpenAI Responses and OpenRouter, and Gemini's `thinkingConfig`.
fn is_not_switched_off(cursor: &mut Cursor<'_>) -> Result<bool> {
    let mut off = false;
    let Some(mut member) = cursor.enter_object()? else {
        return Ok(false);
    };
    while let Some(key) = cursor.next_key(&mut member)? {
        off |= match &*key.name() {
            b"effort" => {
                let effort = cursor.string_value()?;
                effort.is_some_and(|effort| *effort.name() == *b"none")
            }
            b"enabled" => cursor.written()? == b"false",
            b"thinkingBudget" | b"thinking_budget" => cursor.written()? == b"0",
            _ => cursor.skip().map(|_| false)?,
        };
    }
    Ok(!off)
}
