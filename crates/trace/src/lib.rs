//! System calls as people ask for them: what a recording says about threads, descriptors and containers at every
//! moment, the fields that can be asked for, filters over them, and the lines that are printed.
//!
//! **Owns** the meaning of events. **Does not** know how the kernel tells of them, or where text goes. Read [`state`]
//! first, then [`fields`], [`mod@format`] and [`replay`]; `live` feeds the same engine with what happens now.
//!
//! ```text
//! event → state::begin → filter? → state::apply → filter → format → bytes
//! ```
//!
//! The language, the fields and the text are sysdig's, byte for byte.

pub mod state;

pub mod early;
pub mod fields;
pub mod format;
pub mod lines;
#[cfg(target_os = "linux")]
pub mod live;
pub mod moment;
pub mod recorder;
pub mod render;
pub mod replay;
pub mod services;
pub mod socket;
pub mod summary;
pub mod views;

pub use early::{Each, Early, Shown, Want};
pub use fields::Fields;
pub use format::{Format, Written};
pub use lines::Lines;
#[cfg(target_os = "linux")]
pub use live::Live;
pub use moment::{Buffers, Clock, Json, Moment, Style};
pub use recorder::Recorder;
pub use replay::{Flow, Replay, Watcher};
pub use socket::Ports;
pub use state::State;
pub use summary::Summary;
