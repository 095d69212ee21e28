//! What a test makes go wrong at the API server.

use std::sync::Mutex;

use super::status::{self, Refusal};

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// A part of the path, and how many requests are still to be turned away.
    throttled: Mutex<Vec<(String, u32)>>,
}

impl Faults {
    /// The next `count` requests whose path holds `part` are told to come again.
    pub(super) fn throttle(&self, part: &str, count: u32) {
        let mut throttled = self.throttled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        throttled.push((part.to_owned(), count));
    }

    pub(super) fn strike(&self, path: &str) -> Option<Refusal> {
        let mut throttled = self.throttled.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (_, left) = throttled.iter_mut().find(|(part, left)| path.contains(part.as_str()) && *left > 0)?;
        *left -= 1;
        Some(status::throttled(1))
    }
}
