//! What happened around events, kept: sysdig shows of our file what it shows of the one that it keeps itself.

use std::fs::{self, File};

use fathom_scap::{Profile, Reader, Tolerance};
use fathom_testkit::scratch::Scratch;
use fathom_trace::recorder::Changes;
use fathom_trace::views::{self, View, Wish};
use fathom_trace::{Fields, Format, Lines, format};

use crate::kept::keep;
use crate::reference::{recordings, same, split, theirs, try_theirs};

/// Without numbers: which events are kept and not shown is each program's own affair.
const LINE: &str = "%evt.time %evt.cpu %proc.name %thread.tid %evt.dir %evt.type %evt.info";

#[test]
fn what_happened_around_events_is_what_sysdig_keeps() {
    let Some(recordings) = recordings() else { return };
    let mut shown = 0;
    for (name, range, filter) in
        [("around", "1", "evt.failed=true"), ("around", "0", "evt.type=open"), ("spy_logs", "10", "")]
    {
        for file in &recordings.files {
            let scratch = Scratch::new("around");
            let other = scratch.join("around.scap");
            let word = format!("{} {range}", other.display());
            let words: Vec<&str> = ["-c", name, &word, filter].into_iter().filter(|word| !word.is_empty()).collect();
            // Of some recordings one of its views ends early, as the others' tests say.
            let Ok(said) = try_theirs(file, &words) else { continue };

            let mut lines = Lines::new(Format::parse(format::DEFAULT).unwrap());
            lines.filter = (!filter.is_empty()).then(|| fathom_filter::compile(filter, &Fields).unwrap());
            let row = views::row(name).unwrap();
            let taken = views::take(row, std::slice::from_ref(&word), |_| false).unwrap().taken;
            lines.style = row.style(lines.style);
            lines.views = vec![View::new(row, &taken, Wish::default()).unwrap()];
            let mut text = Vec::new();
            let (mut replay, mut page) = lines.begin(&mut text, None);
            let mut reader = Reader::stream(File::open(file).unwrap(), Tolerance::Strict).unwrap();
            replay.play(&mut reader, &mut page).unwrap();
            let around = page.around();
            page.finish(&replay.state).unwrap();
            same(file, name, &said, &split(&text));

            // Around nothing sysdig keeps everything; we keep nothing.
            if around[0].filter() == "evt.num=0" {
                continue;
            }
            let kept = keep(file, &around[0].filter(), Profile::Legacy, Changes::Hidden, u64::MAX);
            // Under the name of the original, by which the reference knows what it names.
            let own = scratch.join(file.file_name().unwrap().to_str().unwrap());
            fs::write(&own, &kept[0]).unwrap();
            let theirs_of_ours = theirs(&own, &["-p", LINE]);
            // Of recordings with older layouts it writes a list of interfaces that it cannot read again.
            let Ok(theirs_of_theirs) = try_theirs(&other, &["-p", LINE]) else { continue };
            same(file, name, &theirs_of_theirs, &theirs_of_ours);
            shown += theirs_of_ours.len();
        }
    }
    assert!(shown > 1000, "only {shown} lines were compared");
}
