//! Objects in the order of their references, each of which is here once.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::object::{Object, Ref};

/// An object that is found by its reference.
#[derive(Debug)]
pub(super) struct Named(pub(super) Arc<Object>);

impl Borrow<Ref> for Named {
    fn borrow(&self) -> &Ref {
        &self.0.id
    }
}

impl Ord for Named {
    fn cmp(&self, other: &Named) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl PartialOrd for Named {
    fn partial_cmp(&self, other: &Named) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Named) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Named {}
