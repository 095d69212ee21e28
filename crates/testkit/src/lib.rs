//! What tests share: asking the machine for what they need, scratch folders, recordings made by hand, older
//! kernels, real container engines, and a Kubernetes on top of one. A dev-dependency, never shipped.
//!
//! **Owns** the way a test skips: by name, with a reason, on record. With `FATHOM_TEST_ALL=1` a skip is a failure
//! unless `.ci/allowed-skips` names it.

pub mod capture;
pub mod engine;
pub mod kernel;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod memory;
pub mod need;
pub mod population;
pub mod scratch;

pub use need::Need;
pub use scratch::Scratch;

/// Returns from the test, on record, unless this machine has all that is asked for.
///
/// ```no_run
/// # use fathom_testkit::{needs, Need};
/// #[test]
/// fn enters_a_container() {
///     needs!(Need::Root, Need::Program("runc"));
/// }
/// ```
#[macro_export]
macro_rules! needs {
    ($($need:expr),+ $(,)?) => {
        if $crate::need::missing(&[$($need),+]) {
            return;
        }
    };
}
