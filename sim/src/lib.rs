//! The deterministic simulator that drives hak's core, and the `hak-sim` command.
//!
//! # A first search
//!
//! Two threads that share a plain word, under one schedule after another until one breaks a rule:
//!
//! ```
//! use hak_core::Plain;
//! use hak_sim::runtime::strategy::{Random, Strategy};
//! use hak_sim::runtime::{Body, Plan, Start, World, WorldConfig, user};
//!
//! let count = || user::plain_word(0).set(user::plain_word(0).get() + 1);
//! let bodies = [0, 1].map(|_| Body { start: Start::AtOnce, run: &count });
//! let mut world = World::new(&WorldConfig::TINY)?;
//! let mut random = Random::new(42);
//! let found = (0..1000).find_map(|schedule| {
//!     random.aim(schedule);
//!     let run = world.run(&Plan::default(), &bodies, &mut random, &mut ());
//!     run.violation().map(|violation| violation.oracle)
//! });
//! assert_eq!(found, Some("data-race"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! `examples/` has a stack and a queue. hak itself is searched with a planted fault like this:
//!
//! ```
//! use hak_sim::run::settings::Settings;
//! use hak_sim::scenario::SCENARIOS;
//! use hak_sim::search::explore::{Search, SearchLimit, explore};
//!
//! let mut settings = Settings::new(&SCENARIOS[0], 42);
//! settings.plant = hak_core::Fault::from_name("unowned-drain");
//! let limit = SearchLimit::Schedules(1000);
//! let search = Search { settings: vec![settings], limit, shard: (0, 1), jobs: 1 };
//! let found = explore(&search, &|_, _| ())?;
//! println!("schedule {}", found.violation.expect("a violation").schedule);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The wings
//!
//! A wing sees only what stands above it in this table (`tests/layers.rs`).
//!
//! | Wing | What it is |
//! |---|---|
//! | [`runtime`] | the engine: arena, fibers, clocks, memory oracles, strategies |
//! | [`faults`] | the table of planted faults, and of what cannot be planted |
//! | [`observe`] | oracles that know a slab, the log of transitions, states, a picture |
//! | [`program`] | what simulated threads do, as data and as text, and who does it |
//! | [`scenario`] | named programs: drawn from a seed, and fixed |
//! | [`run`] | everything that determines a run, and the run |
//! | [`stress`] | the same programs on real threads |
//! | [`search`] | many runs: sampled, all, the smallest that fails; mutants |
//! | [`report`] | what is said and drawn of a run |
//! | [`cli`] | the command |

pub mod cli;
pub mod faults;
pub mod observe;
pub mod program;
pub mod report;
pub mod run;
pub mod runtime;
pub mod scenario;
pub mod search;
pub mod stress;
