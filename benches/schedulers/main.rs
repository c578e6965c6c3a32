//! hak's simulator beside shuttle and loom: the same models, in one process, on one OS thread, in
//! turns.
//!
//! `cargo bench -p hak-benches --bench schedulers [-- schedules|proofs|core]`
//!
//! Counted is processor time. Everybody does a slice of work in each round; a ratio is that of two
//! slices of one round, and shown is the median over the rounds with the least and the greatest.
//! What the figures say: `docs/BENCHMARKS.md`.

mod allocator;
mod clock;
mod hak;
mod loom;
mod models;
mod shuttle;

use std::time::Duration;

use ::shuttle::scheduler::{PctScheduler, RandomScheduler};
use hak_sim::runtime::strategy::{Pct, Random};
use hak_sim::runtime::{MemoryModel, World, WorldConfig};
use hak_sim::search::prove::ProofVerdict;

use clock::{Lane, Spread, measure, timed};
use models::Model;

/// How often everybody takes its turn.
const ROUNDS: usize = 7;
/// How often hak searches all schedules of a model; loom does so once.
const PROOF_ROUNDS: usize = 3;
/// How long loom may search for all permutations of one model.
const PROOF_LIMIT: Duration = Duration::from_secs(60);
/// The depth at which both implementations of PCT aim.
const DEPTH: usize = 3;

fn main() {
    // Cargo adds `--bench`; other words pick parts.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    if let Some(word) =
        wanted.iter().find(|word| !["schedules", "proofs", "core"].contains(&&***word))
    {
        eprintln!(
            "'{word}' is no part of this bench: say schedules, proofs or core, or nothing for all"
        );
        std::process::exit(2);
    }
    if wants("schedules") {
        schedules();
    }
    if wants("proofs") {
        proofs();
    }
    if wants("core") {
        core();
    }
}

/// Who is measured. The first word is whose.
const LANES: [&str; 7] = [
    "hak, random",
    "hak, pct:3",
    "hak, random, weak",
    "shuttle, random",
    "shuttle, pct:3",
    "loom",
    "loom, 2 preemptions",
];

fn lanes(model: Model) -> Vec<Lane> {
    let steps = model.steps();
    let work: [clock::Work; 7] = [
        hak::runner(model, MemoryModel::Sc, Random::new(42)),
        hak::runner(model, MemoryModel::Sc, Pct::new(42, DEPTH, steps)),
        hak::runner(model, MemoryModel::Weak, Random::new(42)),
        shuttle::runner(model, RandomScheduler::new_from_seed),
        shuttle::runner(model, |seed, count| PctScheduler::new_from_seed(seed, DEPTH, count)),
        loom::runner(model, None),
        loom::runner(model, Some(2)),
    ];
    work.into_iter().map(Lane::new).collect()
}

fn schedules() {
    println!(
        "schedules/s: median of {ROUNDS} rounds (least to greatest); the long model also in \
        million steps/s"
    );
    for model in Model::ALL {
        let rates = measure(lanes(model), ROUNDS);
        println!("{}, {} shared accesses", model.name(), model.steps());
        for (name, rates) in LANES.into_iter().zip(&rates) {
            let spread = Spread::of(rates.iter().copied());
            let steps = spread.median * model.steps() as f64 / 1e6;
            let steps = if model == Model::Long { format!("{steps:8.1}") } else { String::new() };
            println!("  {name:21}{spread:>12.0}{steps}");
        }
        let best = |whose: &str| {
            let lanes = (0..LANES.len()).filter(|&lane| LANES[lane].starts_with(whose));
            lanes
                .max_by(|&one, &other| median(&rates[one]).total_cmp(&median(&rates[other])))
                .expect("everybody has a lane")
        };
        let [hak, shuttle, loom] = ["hak", "shuttle", "loom"].map(best);
        let wanted = if model == Model::Long { 3 } else { 8 };
        let mut pairs = vec![(hak, shuttle, Some(wanted)), (hak, loom, Some(80))];
        // Like with like, where that is not the best pair.
        pairs.extend(
            [(0, 3, None), (1, 4, None)]
                .into_iter()
                .filter(|pair| (pair.0, pair.1) != (hak, shuttle)),
        );
        for (ours, theirs, wanted) in pairs {
            let ratios = rates[ours].iter().zip(&rates[theirs]).map(|(ours, theirs)| ours / theirs);
            let (name, spread) =
                (format!("{} / {}", LANES[ours], LANES[theirs]), Spread::of(ratios));
            let wanted = wanted.map(|wanted| format!(", wanted {wanted}")).unwrap_or_default();
            println!("  {name:44}{spread:.1}{wanted}");
        }
    }
}

fn median(rates: &[f64]) -> f64 {
    Spread::of(rates.iter().copied()).median
}

/// The models of which all schedules are searched.
fn proofs() {
    println!("\nproofs: all schedules of a model");
    for model in Model::ALL.into_iter().filter(|&model| model != Model::Long) {
        println!("{}", model.name());
        let mut world = World::new(&WorldConfig::TINY).expect("memory for a world");
        let mut times = Vec::new();
        for round in 0..PROOF_ROUNDS {
            let (proof, time) = timed(|| hak::prove(&mut world, model));
            assert!(matches!(proof.verdict, ProofVerdict::Complete), "{:?}", proof.verdict);
            times.push(time.as_secs_f64() * 1e3);
            if round == 0 {
                println!("  hak    {:>9} states", proof.states);
            }
        }
        let spread = Spread::of(times);
        println!("  hak    {spread:.1} ms, happens-before and all, sequentially consistent memory");
        let ((permutations, cut), time) = timed(|| loom::prove(model, PROOF_LIMIT));
        let time = time.as_secs_f64();
        let what = if cut { "cut: there are more" } else { "all" };
        println!("  loom   {permutations:>9} permutations, {what}; {time:.2} s, C11's weak memory");
        let least = if cut { "more than " } else { "" };
        println!("  loom / hak, time: {least}{:.0}, wanted 1,000", time * 1e3 / spread.median);
    }
}

/// The allocator's core with all oracles, in the default scenario.
fn core() {
    println!("\nhak's core, scenario mixed, portfolio, all oracles: million steps/s");
    let models = [(MemoryModel::Sc, 5), (MemoryModel::Weak, 2)];
    let lanes = models.map(|(memory, _)| Lane::new(allocator::runner(memory))).into();
    for ((memory, wanted), rates) in models.into_iter().zip(measure(lanes, ROUNDS)) {
        let spread = Spread::of(rates.into_iter().map(|rate| rate / 1e6));
        println!("  {:5}{spread:.2}, wanted {wanted}", memory.name());
    }
}
