//! A snapshot as files, by the names of [`layout`]: what was read of a cluster, to be asked again
//! anywhere.

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{Run, Snapshot, layout};
use crate::value::json;

/// The folder in an archive.
const FOLDER: &str = "state";

/// What a saved state says of itself.
const ABOUT: &str = "about.json";

impl Snapshot {
    /// The same files as an archive: tar, packed with zstd.
    pub fn archive(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, bytes) in self.files() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(u64::try_from(self.now().0).unwrap_or(0));
            tar.append_data(&mut header, format!("{FOLDER}/{path}"), bytes.as_slice())
                .expect("a vector takes everything");
        }
        let tar = tar.into_inner().expect("a vector takes everything");
        compress_to_vec(tar.as_slice(), CompressionLevel::Fastest)
    }

    /// The files that make the same snapshot again: paths with `/`, and bytes.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let about = json!({
            "recorded_at": self.now().to_string(),
            "coverage": self.coverage(),
            "damage": self.damage,
            "lacks": self.lacks,
        });
        let mut list = b"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n".to_vec();
        for (at, object) in self.objects().enumerate() {
            if at > 0 {
                list.extend(b",\n");
            }
            // One object a line: what is cut off gives the others.
            serde_json::to_writer(&mut list, object.value()).expect("a vector takes everything");
        }
        list.extend(b"\n]}\n");
        let mut files =
            vec![(ABOUT.to_owned(), format!("{about:#}\n").into_bytes()), ("objects.json".to_owned(), list)];
        for (name, log) in self.logs() {
            let run = if name.run == Run::Previous { ".previous" } else { "" };
            let [namespace, pod, container] =
                [&name.namespace, &name.pod, &name.container].map(|part| layout::escaped(part));
            let path = format!("logs/{namespace}/{pod}/{container}{run}.log");
            let mut text = log.lines.join("\n");
            text.push('\n');
            files.push((path, text.into_bytes()));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use crate::snapshot::{Coverage, Gathering, LogName, Need, Run};
    use crate::time::Time;
    use crate::value::json;
    use crate::{Question, diagnose};

    #[test]
    fn what_was_saved_answers_as_before() {
        let mut gathering = Gathering::new();
        gathering
            .value(json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "n"}, "status": {"phase": "Failed"}}));
        for container in ["app", "k8s/app"] {
            let container = container.to_owned();
            let name = LogName { namespace: "n".into(), pod: "a".into(), container, run: Run::Previous };
            gathering.log(name, b"one\ntwo\n");
        }
        gathering.taken_at(Time::parse("2026-01-01T00:00:00Z").expect("a time"));
        let mut coverage = Coverage::nothing();
        coverage.list("Pod", Some("n"));
        coverage.refuse("Node", None, "forbidden to ada");
        gathering.covers(coverage);
        gathering.lacks.push(Need::new("read the kernel's log on n1", "it is root's alone"));
        let before = gathering.finish();
        let mut again = Gathering::new();
        before.files().iter().for_each(|(path, bytes)| again.file(path, bytes));
        let after = again.finish();
        let mut packed = Gathering::new();
        let archive = before.archive();
        packed.stream("state", Box::new(archive.as_slice()));
        assert_eq!(packed.finish().files(), before.files());
        assert_eq!(
            after.logs().map(|(name, _)| name).collect::<Vec<_>>(),
            before.logs().map(|(name, _)| name).collect::<Vec<_>>()
        );
        assert_eq!((after.now(), after.coverage(), after.len()), (before.now(), before.coverage(), 1));
        let report = |snapshot| serde_json::to_value(diagnose(snapshot, &Question::Everything)).expect("JSON");
        assert_eq!(report(&after), report(&before));
        let unknown = report(&after)["unknown"].to_string();
        assert!(unknown.contains("forbidden to ada") && unknown.contains("root's alone"), "{unknown}");
    }
}
