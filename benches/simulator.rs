//! The simulator's speed: schedules of each scenario, all oracles on, one OS thread. Elements are
//! steps.

#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hak_sim::run::settings::{Settings, StrategyName};
use hak_sim::scenario::SCENARIOS;
use hak_sim::search::explore::{Search, SearchLimit, explore};

const SCHEDULES: u64 = 200;

fn scenarios(criterion: &mut Criterion) {
    for scenario in SCENARIOS {
        let mut settings = Settings::new(scenario, 42);
        settings.strategy = StrategyName::Portfolio;
        let search = Search {
            settings: vec![settings],
            limit: SearchLimit::Schedules(SCHEDULES),
            shard: (0, 1),
            jobs: 1,
        };
        let run = || explore(&search, &|_, _| {}).expect("memory for a world");
        let steps = run().totals.steps;
        let mut group = criterion.benchmark_group("explore");
        group.throughput(Throughput::Elements(steps));
        group.bench_function(scenario.name, |bencher| bencher.iter(run));
        group.finish();
    }
}

criterion_group!(benches, scenarios);
criterion_main!(benches);
