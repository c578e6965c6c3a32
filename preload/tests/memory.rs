//! How much memory a program has from the system: little at first, none for nothing after a peak,
//! and no more than its limit.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{compiled, finish, preloaded};

fn numbers(command: &mut Command) -> Vec<usize> {
    let text = finish(command, Duration::from_secs(60)).well();
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

#[test]
fn a_program_that_prints_a_line_stays_close_to_what_it_uses_without_hak() {
    let program = compiled("peak.c");
    let least = |command: &dyn Fn() -> Command| {
        (0..9).map(|_| numbers(&mut command())[0]).min().expect("some runs")
    };
    let without = least(&|| Command::new(&program));
    let with = least(&|| preloaded(&program));
    assert!(with <= without + 400, "{with} kB with hak, {without} kB without");
}

#[test]
fn after_a_peak_less_than_a_tenth_of_it_stays() {
    let bytes = (256 << 20).to_string();
    for size in ["16", "64", "1000", "5000", "40000", "300000", "3000000"] {
        for order in ["order", "disorder"] {
            let pages = numbers(preloaded(compiled("peak.c")).args([&bytes, size, order]));
            let (peak, end) = (pages[0], pages[1]);
            // What is kept at least whatever the peak was: 32 MiB of slots, and as much of
            // mappings.
            let bound = (peak / 10).max(64 << 20 >> 12);
            assert!(
                end <= bound,
                "blocks of {size} B freed in {order}: {end} pages of {peak} stay"
            );
        }
    }
}

#[test]
fn what_other_threads_free_does_not_stay_either() {
    let bytes = (256 << 20).to_string();
    for size in ["64", "1000", "16000", "300000"] {
        // Idle: right after the last free, while all threads live on and nobody calls again.
        // Shared: a second later, while the main thread works with other sizes.
        for (threads, then) in [("1", "idle"), ("3", "idle"), ("2", "shared")] {
            let words = [bytes.as_str(), size, threads, then];
            let pages = numbers(preloaded(compiled("handed.c")).args(words));
            let (peak, end) = (pages[0], pages[1]);
            let bound = (peak / 10).max(64 << 20 >> 12);
            assert!(
                end <= bound,
                "blocks of {size} B freed by {threads} ({then}): {end} pages of {peak} stay"
            );
        }
    }
}

#[test]
fn with_a_thread_in_the_background_idle_memory_goes_back_while_nothing_is_done() {
    let resident = |on| numbers(preloaded(compiled("idle.c")).env("HAK_BACKGROUND", on));
    // Without it, the bounds of what may lie idle stay: 32 MiB of slots, and the kept mappings.
    let without = resident("0");
    assert!(without.len() == 2 && without[0] >= 40 << 20 >> 12, "{without:?} pages");
    // In the child of a fork, too.
    let with = resident("1");
    assert!(with.len() == 2 && with.iter().all(|&pages| pages <= 8 << 20 >> 12), "{with:?} pages");
}

#[test]
fn a_limit_is_kept_and_memory_is_there_again_after_it_was_freed() {
    for size in ["100", "20000", "100000", "3000000"] {
        let program = compiled("limit.c");
        let seen = numbers(preloaded(program).arg(size).env("HAK_LIMIT", "64M"));
        let (bytes, is_enomem, again) = (seen[0], seen[1], seen[2]);
        assert!(bytes <= 64 << 20 && bytes > 48 << 20, "{bytes} bytes in blocks of {size}");
        assert_eq!(is_enomem, 1);
        assert!(again > 48 << 20, "{again} bytes in blocks of {size} after a first time");
    }
}

#[test]
fn calls_that_the_system_refuses_for_ever_cost_memory_and_nothing_else() {
    let run = |calls: &str| {
        let mut command = preloaded(compiled("refused.c"));
        command.args(calls.split(' ')).env("HAK_STATS", "1");
        let ended = finish(&mut command, Duration::from_secs(60));
        let stats = ended.err.clone();
        (ended.well().trim_end().to_owned(), stats)
    };
    let (out, stats) = run("none");
    assert_eq!(out, "0 of 6000", "{stats}");
    assert!(stats.contains("\"caches_known\":true"), "{stats}");
    let calls =
        ["mremap", "madvise", "munmap", "process_vm_readv", "mremap madvise munmap", "lock"];
    for calls in calls {
        let (out, stats) = run(calls);
        if out == "no filter" {
            eprintln!("not tested: the system lets nobody refuse {calls}");
            continue;
        }
        assert_eq!(out, "0 of 6000", "without {calls}");
        let unknown = calls == "process_vm_readv";
        assert!(stats.contains(&format!("\"caches_known\":{}", !unknown)), "{stats}");
    }
    // Without these there is no new memory: what there is serves on.
    for calls in ["mprotect", "mprotect mmap mremap madvise munmap"] {
        let (out, _) = run(calls);
        if let Some((nothing, _)) = out.split_once(" of 6000") {
            let nothing: u32 = nothing.parse().expect("a number");
            assert!((1..5_000).contains(&nothing), "without {calls}: {out}");
        }
    }
}

/// MiB, resident and huge: at once, when so many are huge, after all was freed, of a child.
fn huge_program(policy: &str, wanted: &str) -> [(usize, usize); 4] {
    let numbers = numbers(preloaded(compiled("huge.c")).env("HAK_HUGE", policy).arg(wanted));
    assert_eq!(numbers.len(), 8, "{numbers:?}");
    std::array::from_fn(|at| (numbers[2 * at], numbers[2 * at + 1]))
}

/// Whether the system puts pages together when it is asked to.
fn can_collapse() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(1))
}

#[test]
fn huge_pages_hold_what_was_asked_for() {
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if !setting.is_ok_and(|text| !text.contains("[never]")) {
        return eprintln!(
            "not tested: the system has no huge pages for programs that ask for them"
        );
    }
    // 64 MiB of which everything is used, and 4 MiB here and there.
    let never = huge_program("never", "0");
    assert!(never.iter().all(|(_, huge)| *huge == 0), "{never:?}");
    let adaptive = huge_program("adaptive", if can_collapse() { "60" } else { "0" });
    let [_, (resident, later), (rest, none), (_, of_child)] = adaptive;
    assert!(resident <= never[1].0 + 4 && rest <= 16, "{adaptive:?}, never: {never:?}");
    if can_collapse() {
        assert!(later >= 60 && none <= 2 && of_child >= 60, "{adaptive:?}");
    } else {
        eprintln!("not tested: before Linux 6.1 the system puts no pages together");
    }
    let always = huge_program("always", "0");
    assert!(always[0].1 >= 120, "{always:?}");
}
