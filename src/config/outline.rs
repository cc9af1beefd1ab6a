//! What may stand where in an object, for whoever describes objects to others. Drawn from the tables that check them, so
//! that it cannot say anything else.

use super::check::{GATEWAY, Section, Shape};
use super::objects::Kind;
use crate::ir::Format;

/// What may stand at a place. Nothing (`null`) may stand everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outline {
    /// Whatever JSON can say.
    Any,
    /// A string, a number or a boolean; which values there are the check knows.
    Single,
    /// Members of these names and no others.
    Members(Vec<(&'static str, Outline)>),
    /// Members of any name.
    Names(Box<Outline>),
    List(Box<Outline>),
    Either(Vec<Outline>),
}

/// What one object of a kind may say. Of a setting: what any of them may.
pub fn outline(kind: Kind) -> Outline {
    let section = kind.section().and_then(|section| GATEWAY.key(section));
    match section.map(|section| section.shape) {
        Some(Shape::List(of) | Shape::NamesOf(of)) => of_shape(*of),
        _ => Outline::Any,
    }
}

fn of_shape(shape: Shape) -> Outline {
    match shape {
        Shape::Any => Outline::Any,
        Shape::Value | Shape::Secret | Shape::Guarded | Shape::Scheme | Shape::Pingora(_) => {
            Outline::Single
        }
        Shape::Table(section) => of_section(section),
        Shape::List(of) => Outline::List(Box::new(of_shape(*of))),
        Shape::Names | Shape::Headers => Outline::Names(Box::new(Outline::Single)),
        Shape::NamesOf(of) => Outline::Names(Box::new(of_shape(*of))),
        Shape::Either(shapes) => Outline::Either(shapes.iter().copied().map(of_shape).collect()),
        Shape::PerFormat(of) => {
            let formats = Format::ALL.iter();
            let members = formats.map(|format| (format.name(), of_shape(*of)));
            Outline::Either(vec![of_shape(*of), Outline::Members(members.collect())])
        }
    }
}

fn of_section(section: &'static Section) -> Outline {
    let keys = section.keys.iter();
    Outline::Members(keys.map(|key| (key.name, of_shape(key.shape))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_members_that_the_check_knows() {
        let Outline::Members(members) = outline(Kind::Provider) else {
            panic!("a provider is a mapping");
        };
        let of = |name| &members.iter().find(|(other, _)| *other == name).unwrap().1;
        assert_eq!(*of("name"), Outline::Single);
        assert_eq!(*of("expose"), Outline::List(Box::new(Outline::Single)));
        assert!(matches!(of("base_url"), Outline::Either(ways) if ways.len() == 2));
        assert!(matches!(outline(Kind::Price), Outline::Members(_)));
        assert_eq!(outline(Kind::Setting), Outline::Any);
    }
}
