//! Knows what the shop sells: asks db over one connection that it keeps, leaves its last answer in /tmp, fails every
//! twentieth time and is slow every seventh.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::db::Client;
use super::http::{self, Answer};
use super::say;

/// Every so many requests one fails.
const FAILS: u64 = 20;
/// Every so many requests one is slow.
const SLOW: u64 = 7;
/// How slow.
const DELAY: Duration = Duration::from_millis(300);

/// Listens on port 8080. Returns the exit status.
pub(super) fn main() -> i32 {
    let (db, count) = (Mutex::new(None), AtomicU64::new(0));
    let error = http::serve(8080, move |path| match path {
        "/items" => items(&db, count.fetch_add(1, Ordering::Relaxed) + 1),
        "/health" => Answer::new(200, "well\n"),
        _ => Answer::new(404, "there is no such thing\n"),
    });
    say(format_args!("cannot serve: {error}"));
    1
}

fn items(db: &Mutex<Option<Client>>, request: u64) -> Answer {
    if request.is_multiple_of(FAILS) {
        say(format_args!("request {request}: cannot price the basket: the tax table is empty"));
        return Answer::new(500, "cannot price the basket\n");
    }
    if request.is_multiple_of(SLOW) {
        std::thread::sleep(DELAY);
    }
    match ask(db) {
        Ok(body) => {
            if let Err(error) = std::fs::write("/tmp/items", &body) {
                say(format_args!("cannot write /tmp/items: {error}"));
            }
            Answer::new(200, body)
        }
        Err(error) => {
            say(format_args!("cannot ask db: {error}"));
            Answer::new(500, "the stock cannot be counted\n")
        }
    }
}

fn ask(db: &Mutex<Option<Client>>) -> std::io::Result<String> {
    // A request that panicked in between has not spoilt a connection that is thrown away on any error.
    let mut held = db.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut client = match held.take() {
        Some(client) => client,
        None => Client::connect()?,
    };
    let visits = client.ask("INCR visits")?;
    let (tea, cups) = (client.ask("GET tea")?, client.ask("GET cups")?);
    *held = Some(client);
    Ok(format!("tea: {tea}\ncups: {cups}\nvisits: {visits}\n"))
}
