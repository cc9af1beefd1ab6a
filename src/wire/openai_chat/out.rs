use crate::ir::{CacheMark, Json, Said, Str};
use crate::wire::convert::{Losses, Traits};
use crate::wire::json::Writer;

/// What a request is written with.
pub(super) struct Out<'w, 'o> {
    pub(super) writer: &'w mut Writer<'o>,
    pub(super) losses: &'w mut Losses,
    pub(super) traits: &'w Traits,
}

impl Out<'_, '_> {
    /// A `cache_control`, where the vendor takes one.
    pub(super) fn write_mark(&mut self, mark: Option<&CacheMark<'_>>) {
        let Some(mark) = mark else {
            return;
        };
        if !self.traits.cache_control {
            self.losses.hint(mark.at, "cache_control");
            return;
        }
        let writer = self.writer.key("cache_control").open_object();
        writer.key("type").text("ephemeral");
        if let Some(ttl) = &mark.ttl {
            writer.key("ttl").text(ttl);
        }
        writer.close_object();
    }

    /// A mark on a part: as relays in front of Anthropic's models take it, or as OpenAI does from GPT-5.6 on, which says
    /// how long the cache keeps what is marked of the request as a whole, and always the same.
    pub(super) fn write_mark_of_part(&mut self, mark: Option<&CacheMark<'_>>) {
        if self.traits.cache_control || !self.traits.cache_breakpoints {
            self.write_mark(mark);
            return;
        }
        let Some(mark) = mark else {
            return;
        };
        if mark.ttl.is_some() {
            self.losses.hint(mark.at, "how long a cache keeps it");
        }
        let writer = self.writer.key("prompt_cache_breakpoint").open_object();
        writer.key("mode").text("explicit").close_object();
    }

    pub(super) fn lose<T>(&mut self, said: Option<&Said<T>>, what: &'static str) {
        if let Some(said) = said {
            self.losses.add(said.at, what);
        }
    }

    /// What the answer is the same without.
    pub(super) fn hint<T>(&mut self, said: Option<&Said<T>>, what: &'static str) {
        if let Some(said) = said {
            self.losses.hint(said.at, what);
        }
    }

    pub(super) fn round<T>(&mut self, said: Option<&Said<T>>, what: &'static str) {
        if let Some(said) = said {
            self.losses.round(said.at, what);
        }
    }

    pub(super) fn text(&mut self, key: &'static str, said: Option<&Said<Str<'_>>>) {
        if let Some(said) = said {
            self.writer.key(key).text(&said.value);
        }
    }

    pub(super) fn json(&mut self, key: &'static str, said: Option<&Said<Json<'_>>>) {
        if let Some(said) = said {
            self.writer.key(key).json(&said.value);
        }
    }

    pub(super) fn number(&mut self, key: &'static str, said: Option<&Said<u64>>) {
        if let Some(said) = said {
            self.writer.key(key).number(said.value);
        }
    }

    pub(super) fn bool(&mut self, key: &'static str, said: Option<&Said<bool>>) {
        if let Some(said) = said {
            self.writer.key(key).bool(said.value);
        }
    }
}
