//! `events.log`, in which podman writes one JSON object per line for whatever happens to its containers (libpod's
//! `events_logger = "file"`). How a container ended stands there, and else only in podman's database.

use fathom_model::detail::Runs;
use serde::Deserialize;

use super::json::parse;
use super::seconds;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Event {
    #[serde(rename = "ID")]
    id: String,
    status: String,
    time: String,
    container_exit_code: Option<i64>,
}

/// How the runs of the container `id` went, as far as a log of events reaches.
pub fn podman_events(bytes: &[u8], id: &str) -> Runs {
    let mut runs = Runs::default();
    let text = String::from_utf8_lossy(bytes);
    let events = text.lines().filter(|line| line.contains(id)).filter_map(|line| parse::<Event>(line.as_bytes()).ok());
    for event in events.filter(|event| event.id == id) {
        match event.status.as_str() {
            // Who is told to stop at once is not always written down: that it is not says nothing.
            "start" => runs.was_stopped = None,
            "stop" | "kill" => runs.was_stopped = Some(true),
            "restart" => runs.restarts = Some(runs.restarts.unwrap_or(0) + 1),
            "died" => {
                // That it ended well is left out (`omitempty`).
                runs.status = Some(event.container_exit_code.unwrap_or(0));
                runs.ended = seconds(&event.time);
            }
            _ => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: &str, status: &str, second: u32, rest: &str) -> String {
        format!(
            "{{{rest}\"ID\":\"{id}\",\"Image\":\"fathom.test/idle:1\",\"Name\":\"web\",\"Status\":\"{status}\",\"Time\":\"2026-11-21T00:00:{second:02}.5Z\",\"Type\":\"container\",\"Attributes\":{{}}}}\n"
        )
    }

    #[test]
    fn the_last_end_counts_and_who_asked_for_it() {
        let (code, own, other) = ("\"ContainerExitCode\":137,", "507f", "81ab");
        let mut log = event(own, "create", 1, "") + &event(own, "start", 2, "") + &event(own, "died", 3, code);
        log += &event(own, "restart", 4, "");
        log += &(event(own, "start", 4, "") + &event(other, "stop", 4, "") + &event(other, "died", 5, ""));
        let runs = podman_events(log.as_bytes(), own);
        assert_eq!((runs.status, runs.restarts, runs.was_stopped), (Some(137), Some(1), None));
        assert_eq!(runs.ended, seconds("2026-11-21T00:00:03Z"));
        let runs = podman_events(log.as_bytes(), other);
        assert_eq!((runs.status, runs.was_stopped), (Some(0), Some(true)));
        assert_eq!(podman_events(log.as_bytes(), "507"), Runs::default());
        assert_eq!(podman_events(&log.as_bytes()[..log.len() - 9], other).status, None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            podman_events(&bytes, "");
        }
    }
}
