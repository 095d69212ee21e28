//! The one thing to try, said beside the error that calls for it and printed by `cli` under it.

/// An error that can tell its reader what to try next.
pub trait Hint {
    /// One imperative sentence without a final stop, or nothing where no advice is better than the message.
    fn hint(&self) -> Option<String> {
        None
    }
}
