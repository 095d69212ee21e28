//! The lines of a description as a tree, by their indents: a key, what stands after it, and what stands under it.

/// A line, and what belongs to it.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    indent: usize,
    /// The column where its value begins.
    column: usize,
    /// What stands before the colon; empty where there is none.
    pub(super) key: &'a str,
    /// What stands after it.
    pub(super) value: &'a str,
    /// The line without its indent.
    pub(super) line: &'a str,
    /// Further lines of the value.
    pub(super) more: Vec<&'a str>,
    /// What stands under it.
    pub(super) children: Vec<Node<'a>>,
}

/// Deeper lines belong to the deepest line above them.
const DEEPEST: usize = 24;

/// What stands at the beginning of a line after a message of several lines.
const OUTERMOST: [&str; 15] = [
    "SeccompProfile",
    "IP",
    "IPs",
    "Controlled By",
    "NominatedNodeName",
    "Init Containers",
    "Containers",
    "Conditions",
    "Volumes",
    "QoS Class",
    "Events",
    "Source",
    "Spec",
    "Status",
    "Data",
];

/// Makes a tree of lines. The rows of events stay as they are, under `Events`.
pub(super) fn grow<'a>(lines: &[&'a str]) -> Vec<Node<'a>> {
    let mut roots: Vec<Node<'a>> = Vec::new();
    let mut open: Vec<Node<'a>> = Vec::new();
    for line in lines {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if text.is_empty() {
            continue;
        }
        if let Some(events) = open.first_mut().filter(|first| first.key == "Events" && first.indent == 0) {
            events.more.push(line);
            continue;
        }
        if let Some(last) = open.last_mut()
            && continues(last, text, indent)
        {
            last.more.push(text.trim_end());
            continue;
        }
        while open.last().is_some_and(|last| last.indent >= indent) || open.len() >= DEEPEST {
            shut(&mut open, &mut roots);
        }
        open.push(node(text, indent));
    }
    while !open.is_empty() {
        shut(&mut open, &mut roots);
    }
    roots
}

fn shut<'a>(open: &mut Vec<Node<'a>>, roots: &mut Vec<Node<'a>>) {
    let Some(done) = open.pop() else { return };
    match open.last_mut() {
        Some(above) => above.children.push(done),
        None => roots.push(done),
    }
}

fn node(text: &str, indent: usize) -> Node<'_> {
    let end = text.match_indices(':').map(|(at, _)| at).find(|at| {
        let after = text.as_bytes().get(at + 1);
        after.is_none_or(|byte| *byte == b' ' || *byte == b'\t')
    });
    let Some(end) = end else { return Node { indent, line: text, ..Node::default() } };
    let value = text[end + 1..].trim_start();
    let column = indent + text.len() - value.len();
    Node { indent, column, key: &text[..end], value: value.trim_end(), line: text, ..Node::default() }
}

/// Whether a line is more of the value above it.
fn continues(last: &Node<'_>, text: &str, indent: usize) -> bool {
    if last.key == "Message" {
        let key = node(text, 0).key;
        return match indent {
            _ if key.is_empty() => true,
            0 => last.indent > 0 && !OUTERMOST.contains(&key),
            _ => indent > last.indent,
        };
    }
    !last.value.is_empty() && indent == last.column && indent > last.indent
}

impl<'a> Node<'a> {
    /// What stands under it, by its key.
    pub(super) fn child(&self, key: &str) -> Option<&Node<'a>> {
        find(&self.children, key)
    }

    /// The value of what stands under it; empty where there is none.
    pub(super) fn text(&self, key: &str) -> &'a str {
        self.child(key).map_or("", |child| child.value)
    }

    /// All lines of its value.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.value).chain(self.more.iter().copied())
    }

    /// All lines of its value as one text.
    pub(super) fn whole(&self) -> String {
        self.values().collect::<Vec<_>>().join("\n")
    }
}

/// A node by its key.
pub(super) fn find<'n, 'a>(nodes: &'n [Node<'a>], key: &str) -> Option<&'n Node<'a>> {
    nodes.iter().find(|node| node.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_make_a_tree() {
        let text = "\
Name:         web-0
Labels:       app=web
              tier=front
Containers:
  app:
    Image:    x:1
    Last State:  Terminated
      Message:   panic: no
goroutine 1 [running]:
Note: this is of the program
      Exit Code:  2
    Mounts:
      /data from data (rw)
Events:
  Type  Reason
  a: b
";
        let lines: Vec<&str> = text.lines().collect();
        let roots = grow(&lines);
        assert_eq!(roots.iter().map(|node| node.key).collect::<Vec<_>>(), ["Name", "Labels", "Containers", "Events"]);
        assert_eq!(roots[1].values().collect::<Vec<_>>(), ["app=web", "tier=front"]);
        let app = roots[2].child("app").expect("the container");
        let last = app.child("Last State").expect("it ended");
        assert_eq!(last.text("Exit Code"), "2");
        assert_eq!(
            last.child("Message").map(Node::whole).as_deref(),
            Some("panic: no\ngoroutine 1 [running]:\nNote: this is of the program")
        );
        assert_eq!(app.child("Mounts").map(|mounts| mounts.children[0].line), Some("/data from data (rw)"));
        assert_eq!(roots[3].more.len(), 2);
    }

    #[test]
    fn depth_has_a_bound() {
        let lines: Vec<String> = (0..5000).map(|depth| format!("{}a:", " ".repeat(depth))).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(grow(&lines).len(), 1);
    }
}
