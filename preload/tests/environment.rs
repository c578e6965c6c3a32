//! The `HAK_*` variables: silence without them, and what each of them prints.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{Ended, compiled, finish, preloaded};

fn run(command: &mut Command) -> Ended {
    finish(command, Duration::from_secs(60))
}

#[test]
fn nothing_is_printed_unless_asked() {
    let ended = run(preloaded("/bin/sh").args(["-c", "ls / > /dev/null; echo done"]));
    assert_eq!((ended.err.as_str(), ended.out.as_str()), ("", "done\n"));
    let ended = run(preloaded("/bin/true").env("HAK_STATS", "0").env("HAK_VERBOSE", ""));
    assert_eq!(ended.err, "");
}

/// What `docs/INSTALL.md` shows behind this line of a `console` block.
fn shown(command: &str) -> &'static str {
    const PAGE: &str = include_str!("../../docs/INSTALL.md");
    let (_, behind) = PAGE.split_once(command).expect("the page shows the command");
    behind.trim_start().split_once("```").expect("the end of the block").0
}

#[test]
fn help_lists_every_variable_once_as_the_page_shows_it() {
    let ended =
        run(preloaded("/bin/sh").args(["-c", "ls / >/dev/null; ls /"]).env("HAK_HELP", "1"));
    assert_eq!(
        ended.err,
        shown("$ HAK_HELP=1 LD_PRELOAD=$PWD/target/shared/libhak.so /bin/true\n")
    );
    let mut names: Vec<_> = ended.err.lines().skip(1).map(|line| &line[..20]).collect();
    let rows = names.len();
    names.sort_unstable();
    names.dedup();
    assert!(rows >= 6 && names.len() == rows, "{}", ended.err);
}

#[test]
fn stats_are_one_json_object_at_the_end() {
    // ls closes standard error before it ends.
    let ended = run(preloaded("/bin/ls").arg("/").env("HAK_STATS", "1"));
    let stats = ended.err.trim_end();
    assert!(stats.starts_with("{\"hak\":\"") && stats.ends_with("}}"), "{stats}");
    assert!(!stats.contains('\n') && stats.contains("\"superslabs\":1,"), "{stats}");
}

#[test]
fn verbose_names_unknown_variables_and_bad_values_are_named_always() {
    let ended = run(preloaded("/bin/true").env("HAK_VERBOSE", "1").env("HAK_SPEED", "9"));
    assert!(ended.err.contains("hak: HAK_SPEED is no variable of hak;"), "{}", ended.err);
    assert!(ended.err.contains("serves process") && ended.err.contains("ends with"));
    let ended = run(preloaded("/bin/true").env("HAK_STATS", "yes"));
    assert_eq!(ended.err, "hak: HAK_STATS is \"yes\" and stays off; set it to 1 or 0\n");
    let ended = run(preloaded("/bin/true").env("HAK_LIMIT", "much"));
    assert_eq!(ended.err, "hak: HAK_LIMIT is \"much\" and no limit; write it as in 512M\n");
    let ended = run(preloaded("/bin/true").env("HAK_HUGE", "often"));
    let wanted = "stays never; set it to never, adaptive or always\n";
    assert_eq!(ended.err, format!("hak: HAK_HUGE is \"often\" and {wanted}"));
}

fn crash(how: &str) -> Ended {
    run(preloaded(compiled("crash.c")).arg(how).env("HAK_CRASH_REPORT", "1"))
}

#[test]
fn a_crash_is_reported_and_still_a_crash() {
    let ended = crash("default");
    assert_eq!(ended.signal(), Some(libc::SIGSEGV));
    assert!(ended.err.starts_with("hak: SIGSEGV: thread "), "{}", ended.err);
    assert!(ended.err.ends_with(" touched 0x10, no memory of hak\n"), "{}", ended.err);
    let ended = crash("abort");
    assert_eq!(ended.signal(), Some(libc::SIGABRT));
    assert!(ended.err.starts_with("hak: SIGABRT: sent to thread "), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
    // There is no stack left but the one for signals.
    let ended = crash("overflow");
    assert_eq!(ended.signal(), Some(libc::SIGSEGV));
    assert!(ended.err.starts_with("hak: SIGSEGV: thread "), "{}", ended.err);
    let ended = crash("freed");
    assert_eq!(ended.signal(), Some(libc::SIGSEGV));
    assert!(ended.err.contains(", in unit "), "{}", ended.err);
    assert!(ended.err.ends_with(", FREE\n"), "{}", ended.err);
}

#[test]
fn a_program_that_has_a_handler_of_its_own_has_that_one() {
    let ended = crash("signal");
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(3), "own handler of 11\n"));
    let ended = crash("sigaction");
    assert_eq!(ended.signal(), Some(libc::SIGSEGV), "{}", ended.err);
    assert_eq!(ended.err, "own handler of 11 at 0x10\nown handler of 11 at 0x20\n");
    let ended = crash("ignored");
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(5), ""));
    // It may call the one before, which reports.
    let ended = crash("chained");
    assert_eq!(ended.signal(), Some(libc::SIGSEGV), "{}", ended.err);
    let lines: Vec<&str> = ended.err.lines().collect();
    assert!(lines.len() == 2 && lines[0] == "own handler of 11", "{}", ended.err);
    assert!(lines[1].starts_with("hak: SIGSEGV: thread "), "{}", ended.err);
}

#[test]
fn without_the_variable_signals_are_the_programs_alone() {
    let program = compiled("crash.c");
    let ended = run(preloaded(&program).arg("signal"));
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(3), "own handler of 11\n"));
    let ended = run(preloaded(&program).arg("default"));
    assert_eq!((ended.signal(), ended.err.as_str()), (Some(libc::SIGSEGV), ""));
}

#[test]
fn a_misuse_names_the_address_and_what_lies_there() {
    let program = compiled("crash.c");
    let ended = run(preloaded(&program).arg("interior"));
    assert_eq!(ended.signal(), Some(libc::SIGABRT));
    assert!(ended.err.starts_with("hak: interior pointer: address 0x"), "{}", ended.err);
    assert!(ended.err.contains(", in the mapping of 5242880 bytes at unit "), "{}", ended.err);
    assert!(ended.err.contains(", byte 64: "), "{}", ended.err);
    let ended = run(preloaded(&program).arg("foreign"));
    assert!(ended.err.starts_with("hak: foreign pointer: address 0x"), "{}", ended.err);
    assert!(ended.err.contains(", no memory of hak: "), "{}", ended.err);
}
