//! Filters over records whose fields are a plain table of the model's.

use fathom_model::{Field, Value};

use crate::mistake::nearest;
use crate::vocabulary::{Found, Record, Unknown, Vocabulary};

/// The fields of a `&[Field<T>]`; none of them takes an argument.
pub struct Plain<T: 'static>(pub &'static [Field<T>]);

impl<T> Vocabulary for Plain<T> {
    type Field = &'static Field<T>;

    fn find(&self, name: &str, argument: Option<&str>) -> Result<Found<Self::Field>, Unknown> {
        let field = self.0.iter().find(|field| field.name == name && argument.is_none());
        field
            .map(|field| Found { field, kind: field.kind, accepts: None })
            .ok_or_else(|| Unknown { message: format!("no field is called `{name}`") })
    }

    fn nearest(&self, name: &str, _: Option<&str>) -> Option<String> {
        nearest(name, self.0.iter().map(|field| field.name)).map(str::to_owned)
    }
}

impl<T> Record<&'static Field<T>> for T {
    fn value<'a>(&'a self, field: &'a &'static Field<T>, _: &'a mut Vec<u8>) -> Value<'a> {
        (field.get)(self)
    }
}
