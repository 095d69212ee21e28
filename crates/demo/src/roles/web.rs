//! The shop's front: asks api for every page that it serves.

use super::http::{self, Answer};
use super::say;

/// Listens on port 8080. Returns the exit status.
pub(super) fn main() -> i32 {
    let error = http::serve(8080, |path| match path {
        "/" => page(),
        "/health" => Answer::new(200, "well\n"),
        _ => Answer::new(404, "there is no such page\n"),
    });
    say(format_args!("cannot serve: {error}"));
    1
}

fn page() -> Answer {
    match http::get("api", 8080, "/items") {
        Ok(Answer { status: 200, body }) => Answer::new(200, format!("Welcome to the shop.\n{body}")),
        Ok(Answer { status, body }) => {
            say(format_args!("api answered {status}: {}", body.trim_end()));
            Answer::new(502, "the shop has a problem; please come back later\n")
        }
        Err(error) => {
            say(format_args!("cannot ask api: {error}"));
            Answer::new(502, "the shop cannot be reached; please come back later\n")
        }
    }
}
