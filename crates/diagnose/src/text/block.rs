//! A text cut into what single commands printed: tables, descriptions, logs, objects in YAML or JSON. What lies between,
//! such as the words of those who pasted them, is passed over.

use super::command::{self, Command};
use super::event;

/// What one command printed, or a part of it.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// The command, where it is there.
    pub(super) command: Option<Command>,
    pub(super) body: Body<'a>,
}

/// Lines, by what they are.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// A header and rows.
    Table(Vec<&'a str>),
    /// One object, from its name on.
    Description(Vec<&'a str>),
    Log(Vec<&'a str>),
    /// JSON or YAML.
    Document(Vec<&'a str>),
    /// Lines of events, from a description whose beginning was left out.
    Events(Vec<&'a str>),
    /// It was said that there is nothing.
    Nothing,
}

/// Cuts a text.
pub(super) fn cut(text: &str) -> Vec<Block<'_>> {
    let mut cutter =
        Cutter { blocks: Vec::new(), command: None, open: None, indent: 0, quoted: false, told: false, last: "" };
    for line in text.lines() {
        cutter.take(line.trim_end());
    }
    cutter.close();
    cutter.blocks
}

struct Cutter<'a> {
    blocks: Vec<Block<'a>>,
    command: Option<Command>,
    open: Option<Body<'a>>,
    /// How far the open block stands to the right.
    indent: usize,
    /// Whether it is quoted, as in a mail.
    quoted: bool,
    /// Whether the last part of a description has begun.
    told: bool,
    last: &'a str,
}

impl<'a> Cutter<'a> {
    fn take(&mut self, line: &'a str) {
        // What kubectl says of an API on the way is of no table.
        if line.starts_with("Warning: ") && matches!(self.open, Some(Body::Table(_)) | None) {
            return;
        }
        let bare = line.strip_prefix("> ").filter(|_| self.quoted || self.open.is_none()).unwrap_or(line);
        let text = bare.trim_start();
        let indent = bare.len() - text.len();
        if text.starts_with("```") || text.starts_with("~~~") {
            self.close();
            self.command = self.command.take().filter(|_| !self.blocks_since_command());
            self.last = "";
        } else if let Some(command) = command::parse(text).filter(|_| indent < 12) {
            self.close();
            self.begin(command, indent, bare.len() != line.len());
        } else {
            let own = strip(bare, self.indent);
            self.inside(
                own.unwrap_or(text),
                own.is_some() || text.is_empty(),
                (text, indent, bare.len() != line.len()),
            );
            self.last = text;
        }
    }

    /// Whether something came of the command that is open.
    fn blocks_since_command(&self) -> bool {
        self.blocks.last().is_some_and(|block| block.command.is_some() && block.command == self.command)
    }

    fn begin(&mut self, command: Command, indent: usize, quoted: bool) {
        let written = command.output.as_deref().is_some_and(|output| ["yaml", "json"].contains(&output));
        self.open = match command.verb.as_str() {
            "logs" | "log" => Some(Body::Log(Vec::new())),
            "get" if written => Some(Body::Document(Vec::new())),
            _ => None,
        };
        (self.indent, self.quoted, self.last) = (indent, quoted, "");
        self.command = Some(command);
    }

    /// A line that is no command: `own` is it without the block's indent, and `within` says whether it had that.
    fn inside(&mut self, own: &'a str, within: bool, (text, indent, quoted): (&'a str, usize, bool)) {
        match &mut self.open {
            Some(Body::Log(lines) | Body::Document(lines)) => return lines.push(own),
            Some(Body::Events(lines)) if event::is_line(text) => return lines.push(text),
            Some(Body::Table(lines)) if !text.is_empty() && within && !is_header(text) && !names(text) => {
                return lines.push(own);
            }
            Some(Body::Description(lines)) => {
                let after = self.last.is_empty();
                let another = after && names(text) && indent == self.indent;
                let over = self.told && after && !own.starts_with(' ') && !text.is_empty();
                let tabled = self.told && after && is_header(own);
                if within && !(another || over || tabled) {
                    self.told |= own.starts_with("Events:");
                    return lines.push(own);
                }
            }
            _ => {}
        }
        self.close();
        let body = if is_header(text) {
            Body::Table(vec![text])
        } else if names(text) {
            Body::Description(vec![text])
        } else if text.starts_with("apiVersion:") && self.last.trim_end_matches("---").is_empty() {
            Body::Document(vec![text])
        } else if event::is_line(text) {
            Body::Events(vec![text])
        } else {
            if text.starts_with("No resources found") {
                self.blocks.push(Block { command: self.command.clone(), body: Body::Nothing });
            }
            return;
        };
        (self.open, self.indent, self.quoted, self.told) = (Some(body), indent, quoted, false);
    }

    fn close(&mut self) {
        if let Some(body) = self.open.take() {
            self.blocks.push(Block { command: self.command.clone(), body });
        }
        self.indent = 0;
    }
}

/// A line without the indent of its block, if it has it.
fn strip(line: &str, indent: usize) -> Option<&str> {
    let blank = |text: &str| text.bytes().all(|byte| byte == b' ' || byte == b'\t');
    if line.len() < indent {
        blank(line).then_some("")
    } else {
        line.get(..indent).filter(|text| blank(text)).map(|_| &line[indent..])
    }
}

/// Whether a line begins a description.
fn names(line: &str) -> bool {
    line.strip_prefix("Name:").is_some_and(|rest| rest.starts_with([' ', '\t']) && !rest.trim().is_empty())
}

/// Whether a line names the columns of a table.
fn is_header(line: &str) -> bool {
    let begins = ["NAME ", "NAME\t", "NAMESPACE ", "NAMESPACE\t", "LAST SEEN", "POD ", "POD\t"];
    if !begins.iter().any(|word| line.starts_with(word)) {
        return false;
    }
    // Only units are small: `CPU(cores)`.
    let mut depth = 0;
    line.chars().all(|letter| {
        depth += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth > 0 || !letter.is_lowercase()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<(String, usize)> {
        let of = |block: &Block<'_>| match &block.body {
            Body::Table(lines) => ("table".to_owned(), lines.len()),
            Body::Description(lines) => ("description".to_owned(), lines.len()),
            Body::Log(lines) => ("log".to_owned(), lines.len()),
            Body::Document(lines) => ("document".to_owned(), lines.len()),
            Body::Events(lines) => ("events".to_owned(), lines.len()),
            Body::Nothing => ("nothing".to_owned(), 0),
        };
        cut(text).iter().map(of).collect()
    }

    #[test]
    fn a_chat_is_cut_into_what_was_printed() {
        let text = "\
Hi, my pod does not start. I did:

```console
$ kubectl get pods
NAME    READY   STATUS    RESTARTS   AGE
web-0   0/1     Pending   0          5m

$ kubectl logs web-0
one
two
```

and this is what describe says:

    Name:         web-0
    Namespace:    shop
    Events:
      Type     Reason
      Warning  FailedScheduling

Any idea?

> $ kubectl get cm
> No resources found in shop namespace.
";
        let expect = [("table", 2), ("log", 2), ("description", 6), ("nothing", 0)];
        let shapes = shapes(text);
        assert_eq!(shapes, expect.map(|(name, count)| (name.to_owned(), count)));
    }

    #[test]
    fn several_objects_and_tables_follow_each_other() {
        let text = "\
$ kubectl get pods,svc
NAME        READY   STATUS    RESTARTS   AGE
pod/web-0   1/1     Running   0          5m

NAME          TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE
service/web   ClusterIP   10.0.0.1     <none>        80/TCP    5m
$ kubectl describe pods
Name:  a
Containers:
  app:
    Last State:  Terminated
      Message:   panic: no

goroutine 1 [running]:
      Exit Code:  2
Events:  <none>


Name:  b
Events:  <none>
$ kubectl get pod a -o yaml
apiVersion: v1
kind: Pod
";
        let expect = [("table", 2), ("table", 2), ("description", 11), ("description", 2), ("document", 2)];
        assert_eq!(shapes(text), expect.map(|(name, count)| (name.to_owned(), count)));
    }
}
