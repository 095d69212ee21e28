//! From bytes to objects and logs: JSON, YAML, what kubectl printed, and the logs in the midst of them. What cannot be
//! read is said, and the rest is taken.

use std::borrow::Cow;
use std::io::Read;

use super::{Gathering, Named};
use crate::object::{Fields as _, Ref};
use crate::snapshot::archive::{self, LIMITS, Member, Opened};
use crate::snapshot::encoding::decode;
use crate::snapshot::{LogName, Run, layout};
use crate::text;
use crate::value::Value;

/// Where `kubectl cluster-info dump` begins and ends a log.
const LOG: (&str, &str, &str) = ("==== START logs for container ", "==== END logs for container ", " ====");

/// The value of one document of YAML. The parser keeps no more than some comments; of a file with many, it is given none.
pub(super) fn document_of(text: &str) -> Result<Value, serde_saphyr::Error> {
    serde_saphyr::from_str(text).or_else(|error| {
        let said = |line: &str| if line.trim_start().starts_with('#') { String::new() } else { line.to_owned() };
        let bare: Vec<String> = text.lines().map(said).collect();
        serde_saphyr::from_str(&bare.join("\n")).map_err(|_| error)
    })
}

impl Gathering {
    /// A file of any kind, or an archive of files. Nothing is written to a disk, and sizes are bounded.
    pub fn stream(&mut self, source: &str, bytes: Box<dyn Read + '_>) {
        let damage = |error: std::io::Error| format!("{source}: {error}");
        match archive::open(bytes, LIMITS.layers) {
            Ok(Opened::Tar(tar)) => {
                archive::members(tar, LIMITS, layout::is_wanted, |member| match member {
                    Member::File(path, bytes) => self.file(&path, &bytes),
                    Member::Damage(what) => self.damage.push(format!("{source}: {what}")),
                });
            }
            Ok(Opened::Plain(plain)) => {
                let mut whole = Vec::new();
                if let Err(error) = plain.take(LIMITS.file).read_to_end(&mut whole) {
                    self.damage.push(damage(error));
                }
                self.anything(source, &decode(&whole));
            }
            Err(error) => self.damage.push(damage(error)),
        }
    }

    /// The text of a file whose name says nothing: its first letters do.
    fn anything(&mut self, source: &str, text: &str) {
        let text = self.cut_logs(text);
        let first = text.lines().map(str::trim_end).find(|line| !line.is_empty() && !line.starts_with('#'));
        let begins = |words: &[&str]| first.is_some_and(|line| words.iter().any(|word| line.starts_with(word)));
        if begins(&["{", "[{", "[]"]) || begins(&["["]) && serde_json::from_str::<Value>(&text).is_ok() {
            self.json_text(source, &text);
        } else if begins(&["---", "apiVersion:", "kind:", "items:", "metadata:", "- apiVersion:", "- kind:"]) {
            self.yaml(source, &text);
        } else {
            self.printed(source, &text);
        }
    }

    /// What kubectl printed for a person, in the middle of other words too.
    pub fn printed(&mut self, source: &str, text: &str) {
        let text = self.cut_logs(text);
        let reading = text::read(&text);
        for document in &reading.documents {
            match document.trim_start().as_bytes().first() {
                Some(b'{' | b'[') => self.json(source, document.as_bytes()),
                _ => self.yaml(source, document),
            }
        }
        for (mut name, lines) in reading.logs {
            if name.container.is_empty() {
                // The pod may have come as an object.
                name.container = self.first_container(&name).unwrap_or_default();
            }
            self.log(name, lines.join("\n").as_bytes());
        }
        self.sketches.take(reading.sketches, reading.listed, reading.moments);
    }

    /// The container whose log is given where none was asked for.
    fn first_container(&self, name: &LogName) -> Option<String> {
        let id = Ref::new("Pod", &name.namespace, &name.pod);
        let Named(pod) = self.objects.iter().find(|Named(object)| object.id == id)?;
        Some(pod.text("/spec/containers/0/name").to_owned())
    }

    /// Takes the logs out of what `kubectl cluster-info dump` prints, and gives the rest.
    fn cut_logs<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let (start, end, close) = LOG;
        if !text.contains(start) {
            return Cow::Borrowed(text);
        }
        let mut rest = String::new();
        let mut parts = text.split(start);
        rest.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let Some((head, body)) = part.split_once(close) else { continue };
            let (log, after) = body
                .split_once(end)
                .map_or((body, ""), |(log, after)| (log, after.split_once(close).map_or("", |(_, after)| after)));
            rest.push_str(after);
            let place = head.split_once(" of pod ").and_then(|(name, pod)| Some((name, pod.split_once('/')?)));
            let Some((container, (namespace, pod))) = place else { continue };
            let refused = ["Request log error: ", "Create log request error: "];
            let log = log.trim_start_matches(['\r', '\n']);
            if !log.is_empty() && !refused.iter().any(|word| log.starts_with(word)) {
                let text = |part: &str| part.to_owned();
                let name = LogName {
                    namespace: text(namespace),
                    pod: text(pod),
                    container: text(container),
                    run: Run::Current,
                };
                self.log(name, log.as_bytes());
            }
        }
        Cow::Owned(rest)
    }

    /// Objects of JSON: an object, a List, or several of them one after another.
    pub fn json(&mut self, source: &str, bytes: &[u8]) {
        self.json_text(source, &decode(bytes));
    }

    fn json_text(&mut self, source: &str, text: &str) {
        let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        loop {
            match documents.next() {
                None => return,
                Some(Ok(value)) => self.value(value),
                Some(Err(error)) => {
                    self.damage.push(format!("{source}: {error}"));
                    return self.salvage(&text[documents.byte_offset()..]);
                }
            }
        }
    }

    /// A list that is damaged has whole objects before the damage, and behind it those that stand on lines of their own.
    fn salvage(&mut self, text: &str) {
        let (head, mut rest) = text.split_once("\"items\"").unwrap_or(("", text));
        // A typed list says of what it is before its items, or each of them does.
        let kind = head.split_once("\"kind\"").and_then(|(_, rest)| rest.split('"').nth(1)?.strip_suffix("List"));
        let mut take = |mut item: Value| {
            if item.text("/kind").is_empty()
                && let (Some(map), Some(kind)) = (item.as_object_mut(), kind.filter(|kind| !kind.is_empty()))
            {
                map.insert("kind", kind.into());
            }
            self.value(item);
        };
        loop {
            rest = rest.trim_start_matches([':', '[', ',', ' ', '\t', '\r', '\n']);
            let mut items = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let Some(Ok(item)) = items.next() else { break };
            rest = &rest[items.byte_offset()..];
            take(item);
        }
        for line in rest.lines().map(|line| line.trim().trim_end_matches(',')) {
            if line.starts_with('{')
                && line.ends_with('}')
                && let Ok(item) = serde_json::from_str::<Value>(line)
            {
                take(item);
            }
        }
    }

    /// Objects of YAML documents.
    pub fn yaml(&mut self, source: &str, text: &str) {
        // Line by line, so that one bad document does not take the others with it.
        let mut document = String::new();
        for line in text.lines().chain(["---"]) {
            if line.trim_end() != "---" {
                document.push_str(line);
                document.push('\n');
                continue;
            }
            if !document.trim().is_empty() {
                match document_of(&document) {
                    Ok(value) => self.value(value),
                    Err(error) => {
                        let text = error.to_string();
                        self.damage.push(format!("{source}: {}", text.lines().next().unwrap_or_default()));
                    }
                }
            }
            document.clear();
        }
    }
}
