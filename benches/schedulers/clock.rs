//! Rates by processor time, of several that take turns.
//!
//! Invariant: the call of the system that asks for the time writes to the structure it is given,
//! and keeps nothing.

use std::fmt;
use std::time::Duration;

/// About so much work is done in one turn.
const SLICE: Duration = Duration::from_millis(200);

/// Does so many schedules; returns how much that is, in the unit of its rate.
pub(crate) type Work = Box<dyn FnMut(u64) -> u64>;

/// Something that is measured.
pub(crate) struct Lane {
    work: Work,
    /// Schedules in a turn.
    count: u64,
}

impl Lane {
    pub(crate) fn new(work: Work) -> Lane {
        Lane { work, count: 1 }
    }

    /// Finds out how many schedules make a slice.
    fn calibrate(&mut self) {
        loop {
            let (_, time) = timed(|| (self.work)(self.count));
            if time >= SLICE / 4 {
                let count = self.count as f64 * SLICE.as_secs_f64() / time.as_secs_f64();
                self.count = (count as u64).max(1);
                return;
            }
            self.count *= 2;
        }
    }

    /// One turn: units per second.
    fn turn(&mut self) -> f64 {
        let (done, time) = timed(|| (self.work)(self.count));
        done as f64 / time.as_secs_f64()
    }
}

/// The rates of each lane, one for each round.
pub(crate) fn measure(mut lanes: Vec<Lane>, rounds: usize) -> Vec<Vec<f64>> {
    lanes.iter_mut().for_each(Lane::calibrate);
    let mut rates = vec![Vec::with_capacity(rounds); lanes.len()];
    for _ in 0..rounds {
        for (lane, rates) in lanes.iter_mut().zip(&mut rates) {
            rates.push(lane.turn());
        }
    }
    rates
}

/// The median of some figures, the least and the greatest.
pub(crate) struct Spread {
    pub(crate) median: f64,
    least: f64,
    greatest: f64,
}

impl Spread {
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Spread {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (least, greatest) = (figures[0], figures[figures.len() - 1]);
        Spread { median: figures[figures.len() / 2], least, greatest }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (width, digits) = (f.width().unwrap_or(0), f.precision().unwrap_or(0));
        let Spread { median, least, greatest } = self;
        write!(f, "{median:width$.digits$} ({least:.digits$} to {greatest:.digits$})")
    }
}

/// What an action returns, and the processor time of this OS thread that it takes.
pub(crate) fn timed<R>(action: impl FnOnce() -> R) -> (R, Duration) {
    let begin = processor_time();
    let result = action();
    (result, processor_time() - begin)
}

fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: [clock 1] a structure of this function.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
