//! The shop's memory: keys and values, one request and one answer per line, kept in a file on a volume.
//!
//! ```text
//! PING            PONG
//! GET key         the value, or nothing
//! SET key value   OK
//! INCR key        the new number
//! KEYS            all keys
//! anything else   ERROR and why
//! ```

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::say;

/// Where it listens.
const PORT: u16 = 6400;
/// Where it keeps what it is told.
const FILE: &str = "/data/shop.db";
/// What the shop sells on its first day.
const STOCK: &str = "cups=12\ntea=40\n";
/// Bytes in a line.
const LONGEST_LINE: u64 = 1024;
/// Keys at most.
const MOST_KEYS: usize = 1000;

/// Listens on port 6400. Returns the exit status.
pub(super) fn main() -> i32 {
    let text = std::fs::read_to_string(FILE).unwrap_or_else(|_| STOCK.to_owned());
    let table = Arc::new(Mutex::new(Table::parse(&text)));
    let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)) {
        Ok(listener) => listener,
        Err(error) => {
            say(format_args!("cannot listen: {error}"));
            return 1;
        }
    };
    say(format_args!("listening on port {PORT}"));
    loop {
        let Ok((stream, peer)) = listener.accept() else { continue };
        say(format_args!("{} connects", peer.ip()));
        let table = Arc::clone(&table);
        let thread = std::thread::Builder::new().stack_size(1 << 18).spawn(move || {
            let ending = serve(&stream, &table);
            say(format_args!("{} leaves{}", peer.ip(), ending.err().map(|e| format!(": {e}")).unwrap_or_default()));
        });
        if let Err(error) = thread {
            say(format_args!("{} cannot be served: {error}", peer.ip()));
        }
    }
}

fn serve(stream: &TcpStream, table: &Mutex<Table>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(line) = read_line(&mut reader)? {
        let (answer, changed) = {
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            let before = table.changes;
            let answer = table.answer(&line);
            (answer, (table.changes != before).then(|| table.to_text()))
        };
        if let Some(Err(error)) = changed.map(|text| save(Path::new(FILE), &text)) {
            say(format_args!("cannot save {FILE}: {error}"));
        }
        let mut stream = stream;
        stream.write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}

/// Readers of the file see the old table or the new one.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, path)
}

/// A line without its end; `None` where there is no more.
fn read_line(reader: &mut BufReader<impl io::Read>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let count = reader.take(LONGEST_LINE).read_line(&mut line)?;
    if count > 0 && !line.ends_with('\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line does not end"));
    }
    Ok((count > 0).then(|| line.trim_end().to_owned()))
}

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<String, String>,
    changes: u64,
}

impl Table {
    /// Lines `key=value`.
    fn parse(text: &str) -> Table {
        let rows = text.lines().filter_map(|line| line.split_once('='));
        Table { rows: rows.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(), changes: 0 }
    }

    fn to_text(&self) -> String {
        self.rows.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }

    fn answer(&mut self, line: &str) -> String {
        let mut words = line.splitn(3, ' ');
        match (words.next().unwrap_or_default(), words.next(), words.next()) {
            ("PING", None, None) => "PONG".to_owned(),
            ("KEYS", None, None) => self.rows.keys().map(String::as_str).collect::<Vec<_>>().join(" "),
            ("GET", Some(key), None) => self.rows.get(key).cloned().unwrap_or_default(),
            ("SET", Some(key), Some(value)) => self.set(key, value.to_owned()).map_or_else(|e| e, |()| "OK".to_owned()),
            ("INCR", Some(key), None) => {
                let number: u64 = self.rows.get(key).and_then(|value| value.parse().ok()).unwrap_or(0);
                let next = number.wrapping_add(1).to_string();
                self.set(key, next.clone()).map_or_else(|e| e, |()| next)
            }
            _ => "ERROR say PING, GET key, SET key value, INCR key or KEYS".to_owned(),
        }
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        if key.is_empty() || key.contains('=') {
            return Err("ERROR a key is neither empty nor has it a = in it".to_owned());
        }
        if self.rows.len() >= MOST_KEYS && !self.rows.contains_key(key) {
            return Err(format!("ERROR there are {MOST_KEYS} keys already"));
        }
        self.rows.insert(key.to_owned(), value);
        self.changes += 1;
        Ok(())
    }
}

/// A connection to db, for its neighbours.
#[derive(Debug)]
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    pub(super) fn connect() -> io::Result<Client> {
        let stream = TcpStream::connect(("db", PORT))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(Client(BufReader::new(stream)))
    }

    /// Sends `request` and waits for its answer.
    pub(super) fn ask(&mut self, request: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{request}\n").as_bytes())?;
        read_line(&mut self.0)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers() {
        let mut table = Table::parse(STOCK);
        let mut check = |request: &str, answer: &str| assert_eq!(table.answer(request), answer, "{request}");
        check("PING", "PONG");
        check("GET tea", "40");
        check("GET coffee", "");
        check("SET coffee two bags", "OK");
        check("GET coffee", "two bags");
        check("INCR visits", "1");
        check("INCR visits", "2");
        check("KEYS", "coffee cups tea visits");
        for wrong in ["", "GET", "GET a b", "SET a", "SET a=b c", "SET  c", "DROP TABLE"] {
            assert!(table.answer(wrong).starts_with("ERROR "), "{wrong}");
        }
        assert_eq!(Table::parse(&table.to_text()).rows, table.rows);
        assert_eq!(table.changes, 3);
    }

    #[test]
    fn the_table_does_not_grow_for_ever() {
        let mut table = Table::default();
        let refused = (0..1100).filter(|n| table.answer(&format!("SET key{n} x")) != "OK").count();
        assert_eq!((refused, table.rows.len()), (100, MOST_KEYS));
        assert_eq!(table.answer("SET key1 y"), "OK");
    }
}
