//! The page: tables of medians and ratios under what machine, day and versions they are from.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use fathom_testkit::need::workspace;

use super::containers::Containers;
use super::turns::Series;

/// A part of docs/benchmarks.md that grows table by table.
#[derive(Debug)]
pub(super) struct Page {
    part: &'static str,
    text: String,
}

impl Page {
    /// The head.
    pub(super) fn begin(part: &'static str, rounds: u32, program: &Path) -> Self {
        let how = format!(
            "Every program takes its turn in every round, {rounds} rounds, three more before them that do not count. \
             Ratios are of medians; a ratio below 1 means that fathom takes less."
        );
        Page::head(part, &how, program)
    }

    /// The head of a part that is measured in a way of its own.
    pub(super) fn head(part: &'static str, how: &str, program: &Path) -> Self {
        let word = part.split(' ').next().unwrap_or_default();
        let text = format!("# Benchmarks: {part}\n\nWritten by `cargo xtask bench {word} --write`. {how}\n\n");
        let mut page = Page { part, text };
        let mut line = |name: &str, value: &str| page.line(name, value);
        line("date", &said(Command::new("date").args(["--utc", "+%F"])));
        line("machine", &machine());
        line("kernel", &format!("{}, cgroup {}", first_line("/proc/sys/kernel/osrelease"), hierarchy()));
        line("load when it began", &first_line("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" "));
        let commit = said(Command::new("git").current_dir(workspace()).args(["rev-parse", "--short", "HEAD"]));
        let bytes = fs::metadata(program).map_or(0, |meta| meta.len());
        line("fathom", &format!("{commit}, {}", size(bytes)));
        page
    }

    /// One line more of the head.
    pub(super) fn line(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "- {name}: {value}");
    }

    /// A program that fathom is measured beside, by what it says of its version.
    pub(super) fn peer(&mut self, name: &str, command: &mut Command) {
        self.line(name, &said(command));
    }

    /// The engines that fathom is measured beside.
    pub(super) fn engines(&mut self, containers: &Containers) {
        let mut line = |name: &str, value: &str| self.line(name, value);
        line("runc", &first_word_of_version(Command::new("runc").arg("--version")));
        if containers.containerd.is_some() {
            line("containerd", &said(Command::new("containerd").arg("--version")));
        }
        if containers.docker.is_some() {
            line("docker", &said(Command::new("dockerd").arg("--version")));
        }
        line("nsenter", &said(Command::new("nsenter").arg("--version")));
    }

    /// Times beside each other; the ratio is that of the first series to each.
    pub(super) fn times(&mut self, title: &str, what: &str, all: Vec<Series>) {
        let Some(first) = all.first().map(Series::median) else { return };
        let row = |series: &Series| {
            let ratio = first.as_secs_f64() / series.median().as_secs_f64().max(f64::EPSILON);
            let (median, ninth, best) = (series.median(), series.ninth(), series.best());
            let times = [median, ninth, best].map(milliseconds);
            [vec![series.name.clone()], times.to_vec(), vec![format!("{ratio:.2}")]].concat()
        };
        let rows = all.iter().map(row).collect();
        let ratio = format!("{} is … of it", all[0].name);
        self.table(title, what, &["", "median", "nine of ten", "best", &ratio], rows);
    }

    /// Sizes in one column.
    pub(super) fn sizes(&mut self, title: &str, what: &str, rows: Vec<(String, u64)>) {
        let rows = rows.into_iter().map(|(name, bytes)| vec![name, size(bytes)]).collect();
        self.table(title, what, &["", "PSS"], rows);
    }

    /// Any table. The first column is text, all others are numbers.
    pub(super) fn table(&mut self, title: &str, what: &str, columns: &[&str], rows: Vec<Vec<String>>) {
        let _ = write!(self.text, "\n## {title}\n\n{}{}.\n\n", what[..1].to_uppercase(), &what[1..]);
        let _ = writeln!(self.text, "| {} |", columns.join(" | "));
        let _ = writeln!(self.text, "|---|{}", "---:|".repeat(columns.len() - 1));
        for row in rows {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
    }

    /// Prints it; keeps it as its part of docs/benchmarks.md too where that is wanted.
    pub(super) fn show(self, write: bool) -> anyhow::Result<u8> {
        print!("{}", self.text);
        if write {
            let path = workspace().join("docs/benchmarks.md");
            let kept = fs::read_to_string(&path).unwrap_or_default();
            fs::write(&path, replaced(&kept, self.part, &self.text))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(0)
    }
}

/// The page with one part new; parts begin with a heading that names them.
fn replaced(page: &str, part: &str, text: &str) -> String {
    const HEADING: &str = "# Benchmarks: ";
    let mut parts = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.get(1..).and_then(|rest| rest.find(HEADING)) {
        parts.push(&rest[..=at]);
        rest = &rest[at + 1..];
    }
    parts.push(rest);
    let own = format!("{HEADING}{part}\n");
    let others = |found: &&&str| found.starts_with(HEADING) && !found.starts_with(&own);
    let mut all: Vec<String> = parts.iter().filter(others).map(|part| format!("{}\n", part.trim_end())).collect();
    all.push(format!("{}\n", text.trim_end()));
    all.sort_by_key(|part| !part.starts_with("# Benchmarks: enter"));
    all.join("\n")
}

/// `12.3 ms`.
pub(super) fn milliseconds(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 100.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// `2.4 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let kibi = bytes as f64 / 1024.0;
    if kibi < 1024.0 { format!("{kibi:.0} KiB") } else { format!("{:.1} MiB", kibi / 1024.0) }
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = info
        .lines()
        .filter_map(|line| line.strip_prefix("model name").and_then(|rest| rest.split_once(": ")))
        .map(|(_, model)| model)
        .collect();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    let virtual_machine = if info.contains(" hypervisor") { ", virtual" } else { "" };
    let model = models.first().copied().unwrap_or("unknown");
    format!("{} × {model}{virtual_machine}, {:.0} GiB", models.len(), kilobytes as f64 / (1024.0 * 1024.0))
}

fn hierarchy() -> &'static str {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let has = |kind: &str| mounts.lines().any(|line| line.split(' ').nth(2) == Some(kind));
    match (has("cgroup2"), has("cgroup")) {
        (true, false) => "v2",
        (true, true) => "v1 and v2",
        (false, _) => "v1",
    }
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").trim().to_owned()
}

fn first_word_of_version(command: &mut Command) -> String {
    said(command).trim_start_matches("runc version ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_units() {
        assert_eq!(milliseconds(Duration::from_micros(12_340)), "12.3 ms");
        assert_eq!(milliseconds(Duration::from_millis(1234)), "1234 ms");
        assert_eq!(size(900 * 1024), "900 KiB");
        assert_eq!(size(5 << 19), "2.5 MiB");
    }

    #[test]
    fn each_part_of_the_page_is_written_alone() {
        let first = replaced("# Benchmarks\n\nold\n", "cluster", "# Benchmarks: cluster\n\n1\n");
        assert_eq!(first, "# Benchmarks: cluster\n\n1\n");
        let both = replaced(&first, "enter", "# Benchmarks: enter\n\n2\n");
        assert_eq!(both, "# Benchmarks: enter\n\n2\n\n# Benchmarks: cluster\n\n1\n");
        let again = replaced(&both, "cluster", "# Benchmarks: cluster\n\n3\n");
        assert_eq!(again, "# Benchmarks: enter\n\n2\n\n# Benchmarks: cluster\n\n3\n");
    }

    #[test]
    fn ratios_are_of_the_first() {
        let mut page = Page { part: "enter", text: String::new() };
        let series = |name: &str, millis| Series::new(name.to_owned(), vec![Duration::from_millis(millis)]);
        page.times("T", "what", vec![series("ours", 10), series("theirs", 20)]);
        assert_eq!(
            page.text,
            "\n## T\n\nWhat.\n\n|  | median | nine of ten | best | ours is … of it |\n|---|---:|---:|---:|---:|\n\
             | ours | 10.0 ms | 10.0 ms | 10.0 ms | 1.00 |\n| theirs | 20.0 ms | 20.0 ms | 20.0 ms | 0.50 |\n"
        );
    }
}
