//! 256 MiB out of a pod.

use super::super::page::{Page, milliseconds};
use super::super::stream::out;
use super::super::turns::{Contender, Series, take};
use super::place::Place;

const MEBIBYTES: u64 = 256;
const ROUNDS: u32 = 5;

pub(super) fn measure(place: &Place, page: &mut Page) -> anyhow::Result<()> {
    let pod = place.pod()?;
    let file = format!("head -c {} /dev/zero > /tmp/file", MEBIBYTES << 20);
    place.done(place.enter(&["sh", "-c", &file.replace("/tmp/file", "/target/tmp/file")]))?;
    let contenders = vec![
        Contender::new("fathom enter -- cat FILE", || out(place.enter(&["cat", "/target/tmp/file"]))),
        Contender::new("kubectl exec -- cat FILE", || out(place.kubectl(&["exec", &pod, "--", "cat", "/tmp/file"]))),
    ];
    let rows = take(contenders, ROUNDS)?.iter().map(row).collect();
    let what = format!("to /dev/null, no terminal; the file is in the page cache; {ROUNDS} rounds");
    page.table(&format!("{MEBIBYTES} MiB out of a pod"), &what, &["", "median", "throughput"], rows);
    Ok(())
}

fn row(series: &Series) -> Vec<String> {
    let rate = MEBIBYTES as f64 / series.median().as_secs_f64();
    vec![series.name.clone(), milliseconds(series.median()), format!("{rate:.0} MiB/s")]
}
