//! Threads, forks, signals, and the commands at which the allocator that hak descends from failed.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use common::{compiled, compiled_with, run};

/// S7, S8: 6 of 20 runs survived.
#[test]
fn four_threads_with_1024_blocks_of_128_bytes_survive_20_of_20_runs() {
    let program = compiled("larson.c");
    for _ in 0..20 {
        run(&program, &["4", "1024", "128", "20000", "5"]).well();
    }
}

/// S9, S10: 64 blocks of 16 bytes survived 2,100 rounds and not 2,150.
#[test]
fn the_rounds_at_which_slots_went_stale_survive() {
    let program = compiled("churn.c");
    for rounds in ["2100", "2150", "3000", "10000", "1000000"] {
        run(&program, &["16", "64", rounds]).well();
    }
}

/// S11: 128 live blocks of 16 bytes made the pool's table grow, by the allocator itself.
#[test]
fn working_sets_of_every_size_survive() {
    let program = compiled("churn.c");
    run(&program, &["16", "128", "1000"]).well();
    for size in ["16", "256", "1024"] {
        for working_set in ["32", "64", "128", "256"] {
            run(&program, &[size, working_set, "100000"]).well();
        }
    }
}

#[test]
fn a_fork_among_threads_leaves_both_processes_sound() {
    run(&compiled("forks.c"), &["100"]).well();
}

/// Heaps that were in use at once, after 2,000 threads, four at a time, with this many keys each.
fn heaps_after_threads_with(keys: &str) -> u32 {
    run(&compiled("teardown.c"), &["2000", keys]).well().trim().parse().unwrap()
}

#[test]
fn threads_may_allocate_in_the_destructors_of_their_keys() {
    for keys in ["1", "20"] {
        let heaps = heaps_after_threads_with(keys);
        assert!(heaps <= 16, "{heaps} heaps were left behind");
    }
}

#[test]
fn threads_may_free_after_the_last_destructor() {
    let heaps = heaps_after_threads_with("60");
    assert!(heaps <= 16, "{heaps} heaps were left behind");
}

#[test]
fn signals_may_arrive_at_any_time() {
    let arrived: u32 = run(&compiled("signals.c"), &[]).well().trim().parse().unwrap();
    assert!(arrived > 100, "only {arrived} signals arrived");
}

#[test]
fn libraries_with_thread_local_variables_may_be_loaded_later() {
    let program = compiled("modules.c");
    let modules: Vec<String> = (0..64)
        .map(|number| {
            let name = format!("module-{number}.so");
            let flags = ["-shared".as_ref(), "-fPIC".as_ref()];
            compiled_with("module.c", &name, &flags).display().to_string()
        })
        .collect();
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    run(&program, &modules).well();
}
