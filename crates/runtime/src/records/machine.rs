//! systemd-machined's files in /run/systemd/machines, one per machine: lines of `NAME=value` (systemd's
//! `src/machine/machine.c`), of which systemd-nspawn's containers are some.

use fathom_model::{Claim, Container, Engine};

use super::Garbled;

/// A machine's file; `None` for a virtual machine.
///
/// # Errors
/// When it is no text or names no machine.
pub fn machine(bytes: &[u8]) -> Result<Option<Container>, Garbled> {
    let text = std::str::from_utf8(bytes).map_err(|error| Garbled { line: 0, column: error.valid_up_to() + 1 })?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(unquoted).filter(|value| !value.is_empty())
    };
    let name = value("NAME").ok_or(Garbled { line: 0, column: 0 })?;
    if value("CLASS").as_deref() == Some("vm") {
        return Ok(None);
    }
    let engine = match value("SERVICE").as_deref() {
        Some("libvirt-lxc" | "lxc") => Engine::Lxc,
        _ => Engine::Nspawn,
    };
    let micros = value("REALTIME").and_then(|micros| micros.parse::<u64>().ok());
    let started = micros.map(|micros| micros / 1_000_000);
    Ok(Some(Container {
        name: Some(name.clone()),
        image: value("ROOT"),
        pid: value("LEADER").and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0),
        claim: Some(Claim { start: None, written: started }),
        started,
        ..Container::new(name, engine)
    }))
}

/// systemd quotes values that a shell would take apart.
fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inner.map_or_else(|| value.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: &str = "# This is private data. Do not parse.\nNAME=book\nSCOPE=machine-book.scope\nSERVICE=systemd-nspawn\nROOT=/var/lib/machines/book\nID=77\nLEADER=4211\nCLASS=container\nREALTIME=1795219181000000\nMONOTONIC=5\n";

    #[test]
    fn a_container_of_nspawn() {
        let book = machine(BOOK.as_bytes()).unwrap().unwrap();
        assert_eq!((book.id.as_str(), book.pid, book.started), ("book", Some(4211), Some(1_795_219_181)));
        assert_eq!((book.engine, book.image.as_deref()), (Engine::Nspawn, Some("/var/lib/machines/book")));
    }

    #[test]
    fn a_virtual_machine_is_no_container_and_garbage_no_machine() {
        assert_eq!(machine(BOOK.replace("container", "vm").as_bytes()), Ok(None));
        assert!(machine(b"LEADER=5\n").is_err());
        assert!(machine(&[b'N', 0xff]).is_err());
        assert_eq!(machine(b"NAME=\"a \\\"b\\\"\"\n").unwrap().unwrap().id, "a \"b\"");
    }
}
