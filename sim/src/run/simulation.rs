//! One run: settings in, what happened out.
//!
//! Brings together the runtime's world, the program of a scenario, a strategy that chooses, and the
//! observers. A [`Simulator`] keeps its worlds over many runs; it belongs to one OS thread.
//!
//! Invariants:
//! 1. The bodies that `with_bodies` hands on, and those of each run, keep what they know on their
//!    stacks (the place in their lists of operations, and what the allocator's functions know) and
//!    in registers and mailboxes, which lie in the arena. Where they call into the simulation they
//!    own nothing but perhaps the message of an audit, with which the run then ends.

use std::io;

use hak_core::inspect::{self, Place};
use hak_replay::{Guide, OutcomeSeen, Subject};
use hak_traces::Config;

use crate::observe::RunObservers;
use crate::observe::access_log::{AccessLog, LoggedAccess};
use crate::observe::event_log::{Event, EventLog};
use crate::observe::lifecycle::{Lifecycle, LifecycleCounts, Transition};
use crate::observe::states::States;
use crate::program::{self, Ending, Program, USER_BYTES};
use crate::run::script::{Script, ScriptStep};
use crate::run::settings::{GeometryName, Settings};
use crate::run::{events, guided, strategies};
use crate::runtime::{
    Body, Chooser, End, OPERATION_KINDS_MAX, Plan, Production, Run, Sim, Start, THREADS_MAX, Tiny,
    Violation, Wide, World, WorldConfig, WorldGeometry,
};
use crate::scenario::SCENARIOS;

/// What happened in a run.
pub struct Report {
    /// Everything that determined it.
    pub settings: Settings,
    /// What the threads did.
    pub program: Program,
    /// Why it ended.
    pub end: End,
    /// Steps at scheduling points.
    pub steps: u64,
    /// Steps at which more than one thread could go.
    pub choices: u64,
    /// Steps that another thread did than the one before.
    pub switches: u64,
    /// Checked accesses to plain words.
    pub plain_accesses: u64,
    /// Operations that were begun.
    pub operations: u64,
    /// The same by thread; a thread's end counts as one.
    pub operations_begun: [u32; THREADS_MAX],
    /// Steps of each thread.
    pub thread_steps: [u32; THREADS_MAX],
    /// The most steps of an operation, by kind: see [`program::KINDS`].
    pub longest_operations: [u32; OPERATION_KINDS_MAX],
    /// What happened beside the interleaving.
    pub incidents: Incidents,
    /// How often each step of the lifecycle was seen.
    pub counts: LifecycleCounts,
    /// The digest of all steps.
    pub digest: u64,
    /// The lifecycle's steps, if they were asked for.
    pub transitions: Vec<Transition>,
    /// What lies where the violation happened, and where the earlier access of the pair was.
    pub places: Option<(String, Option<String>)>,
    /// The same, not as text.
    pub place: Option<Place>,
    /// The same, of the earlier access.
    pub other_place: Option<Place>,
    /// Every step, if that was asked for.
    pub events: Vec<Event>,
    /// Every access, if that was asked for.
    pub accesses: Vec<LoggedAccess>,
    /// The state of all slabs at the end, if it was asked for.
    pub picture: String,
}

/// How often something happened beside the interleaving.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incidents {
    /// System calls that were refused.
    pub refused: u64,
    /// Weak compare-exchanges that failed for no reason.
    pub spurious: u64,
    /// Threads that ended early.
    pub ended_early: u64,
    /// Threads that stopped for ever.
    pub stopped: u64,
}

impl Report {
    /// The violation, if there was one.
    pub fn violation(&self) -> Option<&Violation> {
        match &self.end {
            End::Violation(violation) => Some(violation),
            End::Finished | End::Stopped => None,
        }
    }

    /// The outcome as a replay compares it; `None` if the run was stopped.
    pub fn outcome_seen(&self) -> Option<OutcomeSeen> {
        match &self.end {
            End::Finished => Some(OutcomeSeen::Passed),
            End::Violation(violation) => Some(OutcomeSeen::Violation {
                oracle: violation.oracle.to_owned(),
                message: violation.message.clone(),
                thread: violation.thread as u8,
                step: violation.step,
                site: Some(violation.access.site),
            }),
            End::Stopped => None,
        }
    }
}

/// What a run is asked for beside its verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// Keep the lifecycle's steps.
    pub transitions: bool,
    /// Keep every step with what it did.
    pub events: bool,
    /// Keep every access, plain ones too.
    pub accesses: bool,
    /// Draw the state at the end.
    pub picture: bool,
}

/// Runs simulations on the OS thread that made it.
#[derive(Default)]
pub struct Simulator {
    pub(crate) tiny: Option<World>,
    pub(crate) wide: Option<World>,
    pub(crate) production: Option<World>,
    /// What counts the states of runs under their own strategy, if they are to be counted.
    pub(crate) states: Option<Box<States>>,
}

/// A run that does not end within so many steps per operation makes no progress.
pub(crate) const STEPS_PER_OPERATION_MAX: u64 = 2_000;

impl Simulator {
    /// A simulator without worlds yet.
    pub fn new() -> Simulator {
        Simulator::default()
    }

    /// Runs these settings.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub fn run(&mut self, settings: &Settings, extras: Extras) -> io::Result<Report> {
        self.run_program(settings, settings.program(), extras, None)
    }

    /// Runs these settings with a given program, under a given chooser instead of the settings'
    /// strategy.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub fn run_chosen(
        &mut self,
        settings: &Settings,
        program: Program,
        extras: Extras,
        chooser: &mut dyn Chooser,
    ) -> io::Result<Report> {
        self.drive(settings, program, extras, Drive::Chosen(chooser))
    }

    /// Runs these settings with a given program, and with a guide that sees each step and may
    /// choose.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub fn run_program(
        &mut self,
        settings: &Settings,
        program: Program,
        extras: Extras,
        guide: Option<&mut dyn Guide>,
    ) -> io::Result<Report> {
        let drive = guide.map_or(Drive::Own, |guide| Drive::Guided(guide, None));
        self.drive(settings, program, extras, drive)
    }

    /// Runs these settings with a given program, driven by this.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub(crate) fn drive(
        &mut self,
        settings: &Settings,
        program: Program,
        extras: Extras,
        drive: Drive<'_>,
    ) -> io::Result<Report> {
        match settings.geometry {
            GeometryName::Tiny => {
                let world = prepared::<Tiny>(&mut self.tiny)?;
                let states = &mut self.states;
                Ok(run_in::<Tiny>(world, settings, program, extras, drive, states))
            }
            GeometryName::Wide => {
                let world = prepared::<Wide>(&mut self.wide)?;
                let states = &mut self.states;
                Ok(run_in::<Wide>(world, settings, program, extras, drive, states))
            }
            GeometryName::Production => {
                let world = prepared::<Production>(&mut self.production)?;
                let states = &mut self.states;
                Ok(run_in::<Production>(world, settings, program, extras, drive, states))
            }
        }
    }
}

pub(crate) fn prepared<G: WorldGeometry>(world: &mut Option<World>) -> io::Result<&mut World> {
    if world.is_none() {
        *world = Some(World::new(&WorldConfig::of_allocator::<G>(USER_BYTES))?);
    }
    Ok(world.as_mut().expect("made above"))
}

/// Who chooses the next thread.
pub(crate) enum Drive<'a> {
    /// The settings' strategy.
    Own,
    /// A chooser.
    Chosen(&'a mut dyn Chooser),
    /// A guide that sees each step. What it does not choose is left to the script, or else to the
    /// strategy.
    Guided(&'a mut dyn Guide, Option<&'a [ScriptStep]>),
}

fn run_in<G: WorldGeometry>(
    world: &mut World,
    settings: &Settings,
    program: Program,
    extras: Extras,
    drive: Drive<'_>,
    states: &mut Option<Box<States>>,
) -> Report {
    let mut observers = RunObservers::<G> {
        events: extras.events.then(EventLog::default),
        accesses: extras.accesses.then(AccessLog::default),
        lifecycle: Lifecycle::new(extras.transitions),
        ..RunObservers::oracles()
    };
    let threads: Vec<_> = program
        .threads
        .iter()
        .enumerate()
        .map(|(thread, operations)| move || program::run_thread::<G>(operations, thread))
        .collect();
    let ending = Ending::of(settings.schedule, SCENARIOS.len());
    let epilogue = || program::run_epilogue::<G>(ending);
    let bodies = bodies(settings, &threads, &epilogue);
    let plan = plan(settings, &program);
    let run = match drive {
        Drive::Own => {
            observers.states = states.take();
            if let Some(states) = &mut observers.states {
                states.begin();
            }
            let mut chooser = strategies::chooser(settings);
            let run = world.run(&plan, &bodies, &mut *chooser, &mut observers.list());
            *states = observers.states.take();
            run
        }
        Drive::Chosen(chooser) => world.run(&plan, &bodies, chooser, &mut observers.list()),
        Drive::Guided(guide, script) => {
            let mut own: Box<dyn Chooser + '_> = match script {
                Some(script) => Box::new(Script::new(script)),
                None => strategies::chooser(settings),
            };
            guided::run(world, &plan, &bodies, &mut *own, &mut observers, guide)
        }
    };
    report::<G>(world, settings, program, extras, run, observers)
}

/// The bodies of a program's threads and of the one that tidies up behind them.
fn bodies<'a, F: Fn()>(
    settings: &Settings,
    threads: &'a [F],
    epilogue: &'a dyn Fn(),
) -> Vec<Body<'a>> {
    let start = |thread| match thread {
        0 => Start::AtOnce,
        _ if settings.scenario.prologue => Start::Joining(0),
        _ => Start::AtOnce,
    };
    let mut bodies: Vec<Body<'_>> = threads
        .iter()
        .enumerate()
        .map(|(thread, run)| Body { start: start(thread), run })
        .collect();
    bodies.push(Body { start: Start::AfterAll, run: epilogue });
    bodies
}

fn plan(settings: &Settings, program: &Program) -> Plan {
    Plan {
        plant: settings.plant,
        weakening: settings.weakening,
        stops: events::stop(settings),
        steps_max: STEPS_PER_OPERATION_MAX * (program.operations() as u64 + 100),
        memory: settings.memory,
    }
}

/// Makes what a run of these settings needs beside a chooser, and hands it on.
pub(crate) fn with_bodies<G: WorldGeometry, R>(
    settings: &Settings,
    lead: impl FnOnce(&Plan, &[Body<'_>]) -> R,
) -> R {
    let program = settings.program();
    let threads: Vec<_> = program
        .threads
        .iter()
        .enumerate()
        .map(|(thread, operations)| move || program::run_thread::<G>(operations, thread))
        .collect();
    let ending = Ending::of(settings.schedule, SCENARIOS.len());
    let epilogue = || program::run_epilogue::<G>(ending);
    let bodies = bodies(settings, &threads, &epilogue);
    lead(&plan(settings, &program), &bodies)
}

fn report<G: WorldGeometry>(
    world: &mut World,
    settings: &Settings,
    program: Program,
    extras: Extras,
    run: Run,
    observers: RunObservers<G>,
) -> Report {
    let places = match &run.end {
        End::Violation(violation) => {
            let here = world.address_of(violation.access.offset);
            let there = violation.other.map(|other| world.address_of(other.offset));
            let name = |address: usize| inspect::place::<Sim<G>>(address);
            Some(world.inspect(|| (name(here), there.map(name))))
        }
        End::Finished | End::Stopped => None,
    };
    let (place, other_place) = places.map_or((None, None), |(here, there)| (Some(here), there));
    let counts = observers.lifecycle.counts();
    let transitions = observers.lifecycle.into_log();
    let events = observers.events.map(EventLog::into_events).unwrap_or_default();
    let accesses = observers.accesses.map(|log| log.accesses).unwrap_or_default();
    let picture = if extras.picture {
        world.inspect(crate::observe::picture::draw::<G>)
    } else {
        String::new()
    };
    Report {
        settings: *settings,
        program,
        end: run.end,
        steps: run.steps,
        choices: run.choices,
        switches: run.switches,
        plain_accesses: run.plain_accesses,
        operations_begun: run.operations,
        thread_steps: run.thread_steps,
        longest_operations: run.longest,
        incidents: Incidents {
            refused: u64::from(run.refused),
            spurious: u64::from(run.spurious),
            ended_early: u64::from(events::early_exit(settings).is_some()),
            stopped: u64::from(run.stopped),
        },
        operations: run.operations.iter().map(|&count| u64::from(count)).sum(),
        counts,
        digest: run.digest.value(),
        transitions,
        places: place.map(|place| (place.to_string(), other_place.map(|other| other.to_string()))),
        place,
        other_place,
        events,
        accesses,
        picture,
    }
}

/// The simulator as something that runs under a guide, for recording and replaying.
pub struct Guidable<'a> {
    /// Runs it.
    pub simulator: &'a mut Simulator,
    /// What the run is asked for.
    pub extras: Extras,
    /// Who does each step, and how it goes, where the guide does not say.
    pub script: Option<&'a [ScriptStep]>,
    /// The report of the last run.
    pub report: Option<Report>,
}

/// A run under a guide could not begin.
#[derive(Debug)]
pub enum GuidedError {
    /// The trace names what this version does not have.
    Config(String),
    /// The system has no memory for the simulated world.
    World(io::Error),
}

impl Subject for Guidable<'_> {
    type Error = GuidedError;

    fn run(
        &mut self,
        config: &Config,
        guide: &mut dyn Guide,
    ) -> Result<Option<OutcomeSeen>, GuidedError> {
        let settings = Settings::from_config(config).map_err(GuidedError::Config)?;
        let program = match &config.program {
            None => settings.program(),
            Some(text) => {
                Program::from_notation(text, settings.threads).map_err(GuidedError::Config)?
            }
        };
        let report = self
            .simulator
            .drive(&settings, program, self.extras, Drive::Guided(guide, self.script))
            .map_err(GuidedError::World)?;
        let outcome = report.outcome_seen();
        self.report = Some(report);
        Ok(outcome)
    }
}
