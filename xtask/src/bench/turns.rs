//! Turn by turn: every contender runs once per round, so that whatever else the machine does falls on all of them.

use std::time::Duration;

use anyhow::Context;

/// One program that is measured.
pub(super) struct Contender<'a> {
    /// What the table calls it.
    pub(super) name: String,
    /// Does the work once and says how long it took.
    pub(super) turn: Box<dyn FnMut() -> anyhow::Result<Duration> + 'a>,
}

impl<'a> Contender<'a> {
    pub(super) fn new(name: &str, turn: impl FnMut() -> anyhow::Result<Duration> + 'a) -> Self {
        Contender { name: name.to_owned(), turn: Box::new(turn) }
    }
}

/// The times of one contender.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    sorted: Vec<Duration>,
}

/// Turns that are not counted: caches fill, lazy parts load.
const WARM_UP: u32 = 3;

/// Lets everyone take `rounds` turns.
pub(super) fn take(mut contenders: Vec<Contender<'_>>, rounds: u32) -> anyhow::Result<Vec<Series>> {
    let mut all: Vec<Vec<Duration>> = contenders.iter().map(|_| Vec::new()).collect();
    for round in 0..WARM_UP.min(rounds) + rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut all) {
            let time = (contender.turn)().with_context(|| format!("`{}` cannot be measured", contender.name))?;
            if round >= WARM_UP.min(rounds) {
                times.push(time);
            }
        }
    }
    Ok(contenders.into_iter().zip(all).map(|(contender, times)| Series::new(contender.name, times)).collect())
}

impl Series {
    pub(super) fn new(name: String, mut times: Vec<Duration>) -> Self {
        times.sort();
        Series { name, sorted: times }
    }

    /// The middle one, or the mean of the two in the middle.
    pub(super) fn median(&self) -> Duration {
        let (half, count) = (self.sorted.len() / 2, self.sorted.len());
        match count {
            0 => Duration::ZERO,
            _ if count % 2 == 1 => self.sorted[half],
            _ => (self.sorted[half - 1] + self.sorted[half]) / 2,
        }
    }

    /// Nine of ten are at most this long.
    pub(super) fn ninth(&self) -> Duration {
        let at = (self.sorted.len() * 9).div_ceil(10).saturating_sub(1);
        self.sorted.get(at).copied().unwrap_or_default()
    }

    /// Each of them, the shortest first.
    pub(super) fn all(&self) -> impl Iterator<Item = Duration> {
        self.sorted.iter().copied()
    }

    /// The shortest one.
    pub(super) fn best(&self) -> Duration {
        self.sorted.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ninths() {
        let series =
            |list: &[u64]| Series::new("x".into(), list.iter().map(|millis| Duration::from_millis(*millis)).collect());
        let ten = series(&[10, 1, 9, 2, 8, 3, 7, 4, 6, 5]);
        assert_eq!(ten.median(), Duration::from_micros(5500));
        assert_eq!(ten.ninth(), Duration::from_millis(9));
        assert_eq!(ten.best(), Duration::from_millis(1));
        assert_eq!(series(&[3, 1, 2]).median(), Duration::from_millis(2));
    }

    #[test]
    fn everyone_takes_as_many_turns() {
        let counts = std::cell::RefCell::new([0u64, 0]);
        let contender = |at: usize| {
            let counts = &counts;
            Contender::new(&at.to_string(), move || {
                counts.borrow_mut()[at] += 1;
                Ok(Duration::from_millis(counts.borrow()[at]))
            })
        };
        let series = take(vec![contender(0), contender(1)], 5).expect("nothing fails");
        assert_eq!(*counts.borrow(), [8, 8]);
        // The first three were for warming up.
        assert_eq!(series[0].best(), Duration::from_millis(4));
    }
}
