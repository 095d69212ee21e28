//! What people do: commands of login shells, folders that they go to, attacks on shells.

use rustc_hash::FxHashMap;

use super::argument::NO_COLOUR;
use super::body::{Body, Cells, End};
use super::line::Line;
use super::page::{Page, Paint, by_container};
use super::{Argument, Family, Row, Shows, Takes};
use crate::replay::Flow;

/// So many generations are looked at.
const GENERATIONS: usize = 16;

/// The views.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        "spy_users",
        Family::Security,
        "Commands that people start in shells, and folders that they go to",
        Shows::Other(|taken, _| Box::new(Users { deepest: taken.number("max_depth"), tree: FxHashMap::default() })),
    )
    .about(
        "((evt.type=execve and evt.dir=<) or (evt.type=chdir and evt.dir=< and proc.name contains sh and not proc.name \
         contains sshd)) and evt.failed=false",
    )
    .reading(&[
        "evt.type",
        "user.name",
        "evt.time.s",
        "proc.exe",
        "proc.args",
        "evt.arg.path",
        "container.name",
        "proc.aname",
    ])
    .taking(&[Argument::optional("max_depth", Takes::Number, "no deeper below the shell than this"), NO_COLOUR]),
    Row::new(
        "list_login_shells",
        Family::Security,
        "Login shells in which something was started",
        Shows::Other(|taken, _| {
            let word = |name| taken.get(name).filter(|word| *word != "*").map(str::to_owned);
            Box::new(Shells { command: word("command"), arguments: word("arguments"), found: Vec::new() })
        }),
    )
    .about("evt.type=execve")
    .reading(&["proc.loginshellid", "evt.arg.exe", "evt.arg.args", "container.name", "container.id"])
    .taking(&[
        Argument::optional("command", Takes::Text, "only those with a command in whose name this is; * is any"),
        Argument::optional("arguments", Takes::Text, "only those with a command in whose arguments this is"),
    ]),
    Row::new(
        "shellshock_detect",
        Family::Security,
        "Shells that are started with functions in their environment, as attacks by CVE-2014-6271 do",
        Shows::Line(Line::new(attack).below("TIME                  PROCNAME              PID     FUNCTION\n")),
    )
    .about("(proc.name=bash or proc.name=sh) and evt.type=execve and evt.dir=<")
    .reading(&["evt.time", "proc.pname", "proc.ppid", "proc.env"]),
];

/// How deep below which shell a process is; nothing if it is below none.
type Depth = Option<(i64, i64)>;

struct Users {
    deepest: Option<f64>,
    tree: FxHashMap<i64, Depth>,
}

impl Users {
    /// Whose ancestors are looked at: the process itself if it goes to another folder, else its parent.
    fn depth_of(&mut self, cells: &Cells<'_>, origin: i64, first: usize) -> Depth {
        if let Some(known) = self.tree.get(&origin) {
            return *known;
        }
        self.tree.insert(origin, None);
        let thread = cells.moment.thread()?;
        let state = cells.moment.state;
        let main = state.threads.get(thread.pid).unwrap_or(thread);
        let line = std::iter::once(main).chain(state.threads.ancestors(main)).enumerate();
        for (index, ancestor) in line.skip(first).take(GENERATIONS) {
            if ancestor.comm.ends_with(b"sh") {
                let distance = if matches!(self.tree.get(&ancestor.pid), Some(Some(_))) { index - first } else { 0 };
                self.tree.insert(origin, Some((distance as i64, ancestor.pid)));
            }
        }
        self.tree.get(&origin).copied().flatten()
    }
}

impl Body for Users {
    fn moment(&mut self, cells: &Cells<'_>, page: &mut Page) -> Flow {
        let goes = cells.known(0) == b"chdir";
        let Some(thread) = cells.moment.thread() else { return Flow::On };
        let (pid, parent) = (thread.pid, thread.ptid);
        let (origin, first) = if goes { (pid, 0) } else { (parent, 1) };
        let Some((above, shell)) = self.depth_of(cells, origin, first) else { return Flow::On };
        let own = self.tree.entry(pid).or_insert(Some((above + 1, shell)));
        let Some((depth, shell)) = *own else { return Flow::On };
        let below = if goes { depth } else { depth - 1 };
        if self.deepest.is_some_and(|deepest| below as f64 > deepest) {
            return Flow::On;
        }
        let width = if goes || page.has_containers() { 4 } else { 3 };
        let container = cells.known(6);
        if page.has_containers() {
            page.paint(by_container(&container));
        }
        page.pad(usize::try_from(width * below).unwrap_or(0).min(160)).put(shell.to_string()).put(" ");
        page.put(cells.known(2)).put(" ").put(cells.known(1));
        if page.has_containers() {
            page.put("@").put(&container);
        }
        page.put(") ");
        if goes {
            page.put("cd ").line(cells.known(5));
        } else {
            page.put(cells.known(3)).put(" ").line(cells.known(4));
        }
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        page.paint(Paint::Reset).line(b"");
    }
}

struct Shells {
    command: Option<String>,
    arguments: Option<String>,
    /// Its process id, container's name and id.
    found: Vec<[Vec<u8>; 3]>,
}

impl Body for Shells {
    fn moment(&mut self, cells: &Cells<'_>, _: &mut Page) -> Flow {
        let (Some(shell), Some(exe)) = (cells.text(0), cells.text(1)) else { return Flow::On };
        let has = |text: &[u8], part: &Option<String>| {
            part.as_ref().is_none_or(|part| String::from_utf8_lossy(text).contains(part.as_str()))
        };
        let arguments = cells.text(2).is_none_or(|arguments| has(&arguments, &self.arguments));
        let row = [shell, cells.known(3), cells.known(4)];
        if has(&exe, &self.command) && arguments && !self.found.contains(&row) {
            self.found.push(row);
        }
        Flow::On
    }

    fn end(&mut self, _: &End<'_>, page: &mut Page) {
        match &self.command {
            Some(command) => page.line(format!("Shells containing {command}:")),
            None => page.line("All shells:"),
        };
        for [shell, name, id] in &self.found {
            page.put(shell);
            if page.has_containers() {
                page.put(" ").put(name).put(" ").put(id);
            }
            page.line(b"");
        }
    }
}

/// A variable that holds a function: its part from the brackets on.
fn function(variable: &[u8]) -> Option<&[u8]> {
    let at = variable.windows(3).position(|window| window.starts_with(b"()"))?;
    let body = &variable[at + 2..];
    let body = body.strip_prefix(b" ").unwrap_or(body);
    (body.len() > 1 && body[0] == b'{').then_some(&variable[at..])
}

fn attack(cells: &Cells<'_>, page: &mut Page) {
    let Some(thread) = cells.moment.thread() else { return };
    let Some(function) = thread.env.split(|byte| *byte == 0).find_map(function) else { return };
    page.column(&cells.known(0), 22).column(&cells.known(1), 22).column(&cells.known(2), 8).line(function);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_from_values() {
        assert_eq!(function(b"X=() { :; }; echo"), Some(&b"() { :; }; echo"[..]));
        assert_eq!(function(b"X=(){ x"), Some(&b"(){ x"[..]));
        for value in [&b"X=()"[..], b"X=() x", b"X={}", b"X=() {", b"", b"()"] {
            assert_eq!(function(value), None);
        }
    }
}
