//! The failing interleavings of planted faults: what is reported, and the last steps as columns.

use hak_core::Fault;
use hak_replay::record;
use hak_sim::report::columns;
use hak_sim::run::settings::{Settings, StrategyName};
use hak_sim::run::simulation::{Extras, Guidable, Simulator};
use hak_sim::runtime::Kind;
use hak_sim::search::explore::{Search, SearchLimit, explore};
use hak_sim::{report, scenario};

/// The first schedule that fails, as it is reported.
fn failure(fault: Fault) -> String {
    let mut settings = Settings::new(scenario::find("remote-free").expect("a scenario"), 42);
    settings.plant = Some(fault);
    settings.strategy = StrategyName::Portfolio;
    let search = Search {
        settings: vec![settings],
        limit: SearchLimit::Schedules(1_000),
        shard: (0, 1),
        jobs: 1,
    };
    let found = explore(&search, &|_, _| {}).expect("memory for a world");
    let failing = found.violation.expect("the fault is found");
    let mut simulator = Simulator::new();
    let extras = Extras { transitions: false, picture: true, events: false, accesses: false };
    let mut subject = Guidable { simulator: &mut simulator, extras, script: None, report: None };
    let trace = record(&mut subject, &failing.to_config()).expect("the schedule runs");
    let report = subject.report.expect("a run leaves a report");
    let kind_name = |kind: u8| Kind::ALL[kind as usize].name();
    format!("{}\n{}", report::text(&report), columns::draw(&trace, Some(24), kind_name))
}

#[test]
fn an_unowned_drain_is_stopped_at_the_access_that_breaks_the_rule() {
    insta::assert_snapshot!("unowned_drain", failure(Fault::UnownedDrain));
}

#[test]
fn a_drain_before_the_claim_is_stopped_at_the_access_that_breaks_the_rule() {
    insta::assert_snapshot!("drain_before_claim", failure(Fault::DrainBeforeClaim));
}
