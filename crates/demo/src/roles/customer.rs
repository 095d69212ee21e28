//! Asks web for its page once a second, from the bridge: the shop's traffic.

use std::time::{Duration, Instant};

use super::http::{self, Answer};
use super::say;
use crate::shop;

/// The pace.
const EVERY: Duration = Duration::from_secs(1);
/// The pace until web has answered for the first time: somebody waits for that.
const EAGERLY: Duration = Duration::from_millis(2);

/// Never ends by itself. Returns the exit status if there is no web in the shop.
pub(super) fn main() -> i32 {
    let Some(web) = shop::find("web") else { return 70 };
    let (host, port) = (web.address().to_string(), web.port.unwrap_or_default());
    let mut welcomed = false;
    loop {
        let began = Instant::now();
        let said = http::get(&host, port, "/");
        let taken = began.elapsed().as_millis();
        match &said {
            Ok(Answer { status, .. }) => {
                welcomed |= *status == 200;
                say(format_args!("GET http://web:{port}/ {status} {taken} ms"));
            }
            Err(error) if welcomed => say(format_args!("GET http://web:{port}/ failed after {taken} ms: {error}")),
            Err(_) => {}
        }
        std::thread::sleep(if welcomed { EVERY } else { EAGERLY });
    }
}
