//! What a filter has to be told: which fields there are, and what one of them holds in a record.

use fathom_model::{Kind, Value};

/// The fields of a kind of record.
pub trait Vocabulary {
    /// What is kept of a field that was found, to ask records for it.
    type Field;

    /// The field called `name`; the name may end with an argument behind a dot. `argument` is what stood in brackets.
    ///
    /// # Errors
    /// Why there is no such field.
    fn find(&self, name: &str, argument: Option<&str>) -> Result<Found<Self::Field>, Unknown>;

    /// What was probably meant by a field that there is not. Asked for the first mistakes only, because it takes its
    /// time.
    fn nearest(&self, name: &str, argument: Option<&str>) -> Option<String> {
        let _ = (name, argument);
        None
    }

    /// The port of the service called `name`.
    fn port(&self, name: &str) -> Option<u16> {
        let _ = name;
        None
    }
}

/// A field that was found.
pub struct Found<F> {
    /// What records are asked with.
    pub field: F,
    /// What it holds.
    pub kind: Kind,
    /// Whether the field has this value at all; of a closed set of words only some make sense.
    pub accepts: Option<Accepts>,
}

/// Tells of a value whether a field can have it; if not, which one is near.
pub type Accepts = fn(&str) -> Result<(), Option<&'static str>>;

/// Why there is no such field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What is wrong.
    pub message: String,
}

/// A record that can be asked for its fields.
pub trait Record<F> {
    /// What the field holds. `scratch` is for values that have to be put together; it may hold anything before.
    fn value<'a>(&'a self, field: &'a F, scratch: &'a mut Vec<u8>) -> Value<'a>;
}
