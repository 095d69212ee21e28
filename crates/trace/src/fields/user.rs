//! Fields of the user and the group that the thread runs as.

use fathom_model::{Kind, Value};

use super::Row;
use crate::moment::Moment;
use crate::state::{Text, User};

/// Fields of the user.
pub(super) const USERS: &[Row] = &[
    Row::new("user.uid", Kind::Unsigned, "number of the user", |m, _, _| {
        m.thread().map_or(Value::Unknown, |thread| Value::Unsigned(thread.uid.into()))
    }),
    Row::new("user.name", Kind::Text, "name", |m, _, _| of(m, |user| &user.name)),
    Row::new("user.homedir", Kind::Text, "home folder", |m, _, _| of(m, |user| &user.home)),
    Row::new("user.shell", Kind::Text, "shell", |m, _, _| of(m, |user| &user.shell)),
    Row::new("user.loginuid", Kind::Number, "number of the user that logged in, or -1", |m, _, _| {
        m.thread().map_or(Value::Unknown, |thread| Value::Number(i64::from(thread.loginuid as i32)))
    }),
    Row::new("user.loginname", Kind::Text, "name of the user that logged in", |m, _, _| {
        m.thread().and_then(|thread| known(m, thread.loginuid)).map_or(Value::Unknown, |user| Value::bytes(&user.name))
    }),
];

/// Fields of the group.
pub(super) const GROUPS: &[Row] = &[
    Row::new("group.gid", Kind::Unsigned, "number of the group", |m, _, _| {
        m.thread().map_or(Value::Unknown, |thread| Value::Unsigned(thread.gid.into()))
    }),
    Row::new("group.name", Kind::Text, "name", |m, _, _| {
        let gid = m.thread().map(|thread| thread.gid).filter(|gid| *gid != u32::MAX);
        gid.and_then(|gid| m.state.groups.get(&gid)).map_or(Value::Unknown, |name| Value::bytes(name))
    }),
];

fn of<'a>(m: &Moment<'a>, get: fn(&User) -> &Text) -> Value<'a> {
    m.thread().and_then(|thread| known(m, thread.uid)).map_or(Value::Unknown, |user| Value::bytes(get(user)))
}

/// All ones is nobody.
fn known<'a>(m: &Moment<'a>, uid: u32) -> Option<&'a User> {
    m.state.users.get(&uid).filter(|_| uid != u32::MAX)
}
