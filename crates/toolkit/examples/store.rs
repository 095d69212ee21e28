//! A store from the command line, for trying things and for tests that need a process to kill:
//! `cargo run -p fathom-toolkit --example store -- STORE import SOURCE`, `… STORE list`, `… STORE export NAME FILE`,
//! `… STORE build FILE`.
//! Progress goes to stdout, a line per event.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example is a program, and this one's output is its interface"
)]

use std::error::Error;
use std::fs::File;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use fathom_toolkit::{FullOptions, Limits, Source, Store, build_full};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = error.downcast_ref::<fathom_toolkit::Error>().and_then(fathom_model::Hint::hint);
            eprintln!("error: {error}\nhint: {}", hint.unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (place, verb) = words.split_first().ok_or("name a store's folder")?;
    let store = Store::at(place.into());
    match verb {
        ["import", source] => {
            let entry =
                store.import(&Source::detect(source)?, &Limits::default(), &mut |event| println!("{event:?}"))?;
            println!("{} {} {}", entry.digest, entry.name(), entry.root().display());
        }
        ["list"] => {
            for entry in store.list()? {
                println!("{} {} {} bytes {:?}", entry.digest, entry.names.join(","), entry.size, entry.notes);
            }
        }
        ["export", name, file] => {
            let entry = store.find(name)?.ok_or("there is no such image")?;
            store.export(&entry, &mut File::create(file)?)?;
        }
        ["remove", name] => store.remove(&store.find(name)?.ok_or("there is no such image")?)?,
        ["build", file] => {
            let epoch = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
            let options = FullOptions { extra: Vec::new(), epoch };
            let built = build_full(&store, &options, &mut File::create(file)?, &mut |line| println!("{line}"))?;
            println!("{built:?}");
        }
        ["sweep"] => println!("{}", store.sweep()?),
        _ => return Err("import, list, export, remove, build or sweep".into()),
    }
    Ok(())
}
