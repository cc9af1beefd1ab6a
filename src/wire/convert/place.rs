//! Where the user of a web search is: three formats say it with the same members.

use crate::ir::{At, Place, Said};
use crate::wire::json::{Value, Writer};

/// Reads an `approximate` location. What is no such thing is noted by its place.
pub fn read<'a>(value: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Option<Said<Place<'a>>> {
    let mut place = Place::default();
    let mut any = false;
    for (key, member) in value.members().filter(|(_, member)| !member.is_null()) {
        let text = member.text();
        match (&*key, text) {
            ("type", Some(kind)) if kind == "approximate" => {}
            ("city", Some(text)) => place.city = Some(text),
            ("country", Some(text)) => place.country = Some(text),
            ("region", Some(text)) => place.region = Some(text),
            ("timezone", Some(text)) => place.timezone = Some(text),
            _ => unsaid.push(member.at()),
        }
        any = true;
    }
    if !any {
        unsaid.push(value.at());
        return None;
    }
    Some(Said::new(value.at(), place))
}

/// Writes what is known of the place, in an object that is open.
pub fn write(place: &Place<'_>, writer: &mut Writer<'_>) {
    for (key, said) in [
        ("city", &place.city),
        ("country", &place.country),
        ("region", &place.region),
        ("timezone", &place.timezone),
    ] {
        if let Some(said) = said {
            writer.key(key).text(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{Document, path_of};

    #[test]
    fn a_place_is_written_as_it_was_read_and_the_rest_is_noted() {
        let text = r#"{"type":"approximate","timezone":"Europe/Berlin","city":"Berlin","region":null,"country":5,"x":1}"#;
        let mut document = Document::default();
        let root = document.read(text.as_bytes()).unwrap();
        let mut unsaid = Vec::new();
        let place = read(root, &mut unsaid).unwrap();
        let paths: Vec<_> = unsaid.iter().map(|at| path_of(root, *at)).collect();
        assert_eq!(paths, ["country", "x"]);
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        write(&place.value, &mut writer);
        writer.close_object();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"city":"Berlin","timezone":"Europe/Berlin"}"#
        );
    }

    #[test]
    fn what_is_no_place_is_noted_as_a_whole() {
        let mut document = Document::default();
        let root = document.read(b"[7]").unwrap();
        let mut unsaid = Vec::new();
        assert_eq!(read(root, &mut unsaid), None);
        assert_eq!(unsaid, [root.at()]);
    }
}
