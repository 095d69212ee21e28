//! Toolkits and images as files: turns an archive, a layout, a folder or a registry's image into an unpacked,
//! content-addressed, read-only folder, and says what is in it.
//!
//! **Owns** the formats (tar, OCI, `docker save`), the store, the pull from a registry, and the build of the full
//! toolkit. **Does not** mount or run anything: it is blind to `enter`; the cli joins the two.
//! Read [`store`] first, then [`layer`] and [`tree`], where hostile images meet the disk.
//!
//! ```no_run
//! use fathom_toolkit::{Limits, Source, Store};
//!
//! # fn main() -> Result<(), fathom_toolkit::Error> {
//! let store = Store::at("/var/lib/fathom/store".into());
//! let source = Source::detect("./app.tar")?;
//! let entry = store.import(&source, &Limits::default(), &mut |_| {})?;
//! assert!(entry.root().join("bin").exists());
//! # Ok(())
//! # }
//! ```

mod compression;
mod credentials;
mod digest;
mod elf;
mod error;
pub mod full;
mod image;
mod inside;
pub mod layer;
mod layout;
pub mod limits;
pub mod manifest;
mod origin;
mod own;
mod pack;
pub mod reference;
pub mod source;
pub mod store;
pub mod tar;
pub mod tree;

pub use digest::{Digest, NotADigest};
pub use error::Error;
pub use full::{Built, FullOptions, build_full};
pub use inside::Inside;
pub use limits::{Budget, Limits};
pub use own::build_own;
pub use reference::{Reference, Transport};
pub use source::Source;
pub use store::{Arrival, Entry, Progress, Store};
