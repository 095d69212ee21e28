//! Fields of the paths that a call is about, also where it opens nothing: of calls that succeeded, whole or as they were
//! given.

use fathom_model::{Kind, Value};

use super::{Row, made};
use crate::moment::Moment;
use crate::render;
use crate::state::Descriptor as Found;
use crate::state::path::{join, until_nul};

/// The fields.
pub(super) const ROWS: &[Row] = &[
    Row::new("fs.path.name", Kind::Text, "the path that the call is about", |m, _, s| {
        path(m, Which::Name, Form::Whole, s)
    }),
    Row::new("fs.path.nameraw", Kind::Text, "the same as it was given", |m, _, s| path(m, Which::Name, Form::Given, s)),
    Row::new("fs.path.source", Kind::Text, "what is moved, linked to or mounted", |m, _, s| {
        path(m, Which::Source, Form::Whole, s)
    }),
    Row::new("fs.path.sourceraw", Kind::Text, "the same as it was given", |m, _, s| {
        path(m, Which::Source, Form::Given, s)
    }),
    Row::new("fs.path.target", Kind::Text, "where it is moved, linked or mounted to", |m, _, s| {
        path(m, Which::Target, Form::Whole, s)
    }),
    Row::new("fs.path.targetraw", Kind::Text, "the same as it was given", |m, _, s| {
        path(m, Which::Target, Form::Given, s)
    }),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Name,
    Source,
    Target,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Given,
}

/// Where a path stands in an event.
#[derive(Clone, Copy)]
enum At {
    /// In a parameter; what is relative is seen from the working folder.
    Cwd(usize),
    /// In a parameter; what is relative is seen from the folder whose descriptor is in the other.
    Folder(usize, usize),
    /// In a parameter, and whole it is the name of the descriptor that was made.
    Opened(usize),
    /// It is the name of the descriptor in a parameter.
    Descriptor(usize),
    /// In a parameter, as it is: nobody has looked yet where it leads.
    Text(usize),
}

use At::{Cwd, Descriptor, Folder, Opened, Text};
use Which::{Name, Source, Target};

/// Types of events, all at the end of a call, and their paths. A link's source is the new name, as newer libs have it.
const PATHS: &[(u16, Which, At)] = &[
    (3, Name, Opened(1)),
    (59, Name, Opened(1)),
    (307, Name, Opened(2)),
    (327, Name, Opened(2)),
    (277, Name, Cwd(1)),
    (279, Name, Cwd(1)),
    (301, Name, Cwd(1)),
    (303, Name, Folder(1, 2)),
    (305, Name, Folder(1, 2)),
    (313, Name, Folder(1, 2)),
    (315, Name, Cwd(1)),
    (317, Name, Descriptor(1)),
    (379, Name, Cwd(1)),
    (381, Name, Cwd(1)),
    (383, Name, Descriptor(1)),
    (385, Name, Folder(1, 2)),
    (415, Name, Cwd(1)),
    (417, Name, Folder(1, 2)),
    (191, Name, Cwd(1)),
    (259, Name, Cwd(1)),
    (387, Name, Cwd(1)),
    (391, Name, Cwd(1)),
    (175, Source, Cwd(1)),
    (175, Target, Cwd(2)),
    (177, Source, Folder(1, 2)),
    (177, Target, Folder(3, 4)),
    (319, Source, Folder(1, 2)),
    (319, Target, Folder(3, 4)),
    (309, Source, Cwd(2)),
    (309, Target, Cwd(1)),
    (311, Source, Folder(3, 4)),
    (311, Target, Folder(1, 2)),
    (179, Source, Cwd(2)),
    (179, Target, Text(1)),
    (181, Source, Folder(2, 3)),
    (181, Target, Text(1)),
    (257, Source, Cwd(1)),
    (257, Target, Cwd(2)),
];

/// Where a descriptor could be given, the working folder.
const HERE: i64 = -100;

fn path<'a>(m: &Moment<'a>, which: Which, form: Form, scratch: &'a mut Vec<u8>) -> Value<'a> {
    let row = PATHS.iter().find(|row| row.0 == m.event.number && row.1 == which);
    let (Some(row), Some(0..)) = (row, m.event.i64(0)) else { return Value::Unknown };
    let Some(place) = render::thread_place(m) else { return Value::Unknown };
    let name = |found: Option<&'a Found>| found.map_or(Value::Unknown, |found| Value::bytes(&found.name));
    let (folder, index) = match row.2 {
        Descriptor(index) => return name(m.event.i64(index).and_then(|fd| m.state.descriptor_of(place, fd))),
        Opened(_) if form == Form::Whole => return name(m.now.fd.and_then(|handle| m.state.descriptor(handle))),
        Opened(index) | Cwd(index) | Text(index) => (HERE, index),
        Folder(folder, index) => (m.event.i64(folder).unwrap_or(HERE), index),
    };
    let Some(given) = m.event.param(index).map(until_nul) else { return Value::Unknown };
    if form == Form::Given || matches!(row.2, Text(_)) {
        return Value::bytes(given);
    }
    *scratch = if given.first() == Some(&b'/') {
        join(b"/", given)
    } else if folder == HERE {
        let threads = &m.state.threads;
        join(threads.main_of(place).map_or(b"./", |main| &threads[main].cwd), given)
    } else {
        match m.state.descriptor_of(place, folder) {
            Some(found) => join(&[&found.name[..], b"/"].concat(), given),
            None => join(b"<UNKNOWN>/", given),
        }
    };
    made(scratch)
}
