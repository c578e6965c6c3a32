//! How likely failure is along a run, and from which step on nothing saves it.

use std::io;

use crate::run::settings::StrategyName;
use crate::run::simulation::Simulator;
use crate::search::continued::{Drawn, Recorded, count_here};

/// How many continuations fail behind so many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurvePoint {
    /// Behind so many steps of the run.
    pub step: u64,
    /// So many continuations failed
    pub failing: u64,
    /// of so many.
    pub continuations: u64,
}

/// What became of continuations along a run.
pub(super) struct Along {
    pub(super) points: Vec<CurvePoint>,
    pub(super) no_return: Option<u64>,
    pub(super) runs: u64,
}

/// So many points, apart by the same number of steps.
const POINTS: usize = 32;
/// So many continuations at each.
const CONTINUATIONS: u64 = 10;
/// So many where the point of no return is looked for.
const SURE: u64 = 20;
/// Of longer runs there are no points, and fewer continuations: one that goes in a circle costs as
/// much each time.
const LENGTH_MAX: usize = 20_000;
const FEW: u64 = 3;

const SEED: u64 = 42;

/// Continues the run at some of its steps.
pub(super) fn along(simulator: &mut Simulator, recorded: &Recorded<'_>) -> io::Result<Along> {
    let mut along = Along { points: Vec::new(), no_return: None, runs: 0 };
    let length = recorded.steps.len();
    let drawn = Drawn { seed: SEED, number: 0, strategy: StrategyName::Portfolio };
    let is_long = length > LENGTH_MAX;
    if !is_long {
        for point in 0..=POINTS {
            let step = length * point / POINTS;
            let counts = count_here(simulator, recorded, step, drawn, 0..CONTINUATIONS)?;
            along.runs += CONTINUATIONS;
            let (step, failing) = (step as u64, counts.failing);
            along.points.push(CurvePoint { step, failing, continuations: CONTINUATIONS });
        }
    }
    // Between the last point at which one passed and the next.
    let passing = along.points.iter().rposition(|point| point.failing < point.continuations);
    let at = |place: usize| along.points.get(place).map(|point| point.step as usize);
    let mut low = passing.and_then(at).unwrap_or(0);
    let mut high = passing.and_then(|place| at(place + 1)).unwrap_or(length);
    let continuations = if is_long { FEW } else { SURE };
    let mut none_passes = |step: usize| -> io::Result<bool> {
        for number in 0..continuations {
            along.runs += 1;
            let counts = count_here(simulator, recorded, step, drawn, number..number + 1)?;
            if counts.failing == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    };
    if low == 0 && none_passes(0)? {
        high = 0;
    }
    while high > low + 1 {
        let middle = low.midpoint(high);
        if none_passes(middle)? { high = middle } else { low = middle }
    }
    along.no_return = Some(high as u64);
    Ok(along)
}
