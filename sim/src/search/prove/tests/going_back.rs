//! A state that was gone back to is the state that it was.

use crate::observe::RunObservers;
use crate::run::settings::{MemoryModel, Settings};
use crate::run::simulation::{prepared, with_bodies};
use crate::runtime::strategy::Choices;
use crate::runtime::{
    Allowance, Answers, Body, OrderMoment, Plan, Stage, StepEnd, Terms, ThreadId, ThreadSet, Tiny,
    Uses, World,
};
use crate::scenario::protocols::PROTOCOLS;

type Path = [(ThreadId, Answers)];

/// A path, and the state that it leads to.
type Seen = (Vec<(ThreadId, Answers)>, u128, u64);

/// System calls fail, and compare-exchanges for no reason.
const TERMS: Terms =
    Terms { clocks_matter: true, events: Allowance { failures: 2, spurious: 2, stops: 0 } };

/// Everything is of use to everybody.
struct AllOfUse;

impl Uses for AllOfUse {
    fn matters(&self, _moment: &OrderMoment) -> bool {
        true
    }

    fn touchers(&self, _start: u32, _count: u32) -> ThreadSet {
        ThreadSet(u8::MAX)
    }
}

/// The state behind these steps, made anew.
fn afresh(world: &mut World, plan: &Plan, bodies: &[Body<'_>], path: &Path) -> (u128, u64) {
    let mut observers = RunObservers::<Tiny>::oracles();
    let lead = |stage: &mut Stage| {
        for &(thread, way) in path {
            stage.open();
            stage.step(thread, way);
        }
        stage.open();
        (stage.state(&AllOfUse), stage.digest().value())
    };
    // SAFETY: [prove/tests 1] the bodies of a program.
    unsafe { world.stage(plan, bodies, &mut observers.list(), &TERMS, lead) }
}

/// Walks at random, forth and back; tells each state with the path to it.
fn wander(stage: &mut Stage, choices: &mut Choices, see: &mut dyn FnMut(&Path, u128, u64)) {
    let mut path = Vec::new();
    let mut marks: Vec<usize> = Vec::new();
    for _ in 0..400 {
        let open = match stage.open() {
            StepEnd::Open(open) => Some(open),
            StepEnd::Finished => None,
            StepEnd::Violation(violation) => panic!("{violation}"),
        };
        let state = stage.state(&AllOfUse);
        see(&path, state, stage.digest().value());
        match (choices.below(12), open) {
            (0..=1, _) => {
                stage.mark();
                marks.push(path.len());
            }
            (2, _) if marks.len() > 1 => {
                stage.unmark();
                marks.pop();
            }
            (7.., Some(open)) | (_, Some(open)) if choices.below(4) > 0 => {
                let thread = open.nth(choices.below(open.len()));
                stage.mark();
                let mut way = Answers::FIRST;
                // Any way, each as likely as to go on.
                while let Some(next) = stage.step(thread, way).next {
                    if choices.below(2) == 0 {
                        break;
                    }
                    stage.rewind();
                    way = next;
                }
                stage.unmark();
                path.push((thread, way));
            }
            _ if !marks.is_empty() => {
                stage.rewind();
                path.truncate(marks[marks.len() - 1]);
            }
            _ => {}
        }
    }
}

#[test]
fn a_state_that_was_gone_back_to_is_the_state_that_it_was() {
    // One world for both: values that are addresses are hashed as they are, and depend on the
    // arena's place.
    let mut world = None;
    let here = prepared::<Tiny>(&mut world).expect("memory");
    let memories = [MemoryModel::Sc, MemoryModel::Weak];
    for (number, scenario) in PROTOCOLS.iter().flat_map(|one| [one, one]).enumerate() {
        let memory = memories[number % 2];
        let settings = Settings { memory, ..Settings::new(scenario, 1) };
        with_bodies::<Tiny, _>(&settings, |plan, bodies| {
            let mut seen: Vec<Seen> = Vec::new();
            let mut observers = RunObservers::<Tiny>::oracles();
            let mut choices = Choices::new(7, number as u64);
            let lead = |stage: &mut Stage| {
                wander(stage, &mut choices, &mut |path, state, digest| {
                    seen.push((path.to_vec(), state, digest));
                });
            };
            // SAFETY: [prove/tests 1] the bodies of a program.
            unsafe { here.stage(plan, bodies, &mut observers.list(), &TERMS, lead) };
            for (path, state, digest) in seen {
                assert_eq!(
                    afresh(here, plan, bodies, &path),
                    (state, digest),
                    "{} after {path:?}",
                    scenario.name
                );
            }
        });
    }
}
