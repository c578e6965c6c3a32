//! What C and C++ promise about each function, checked by programs in C and C++ under the library.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{LIBRARY, compiled, compiled_with, finish, preloaded, run};

#[test]
fn the_edges_of_every_c_function_hold() {
    let ended = run(&compiled("edges.c"), &[]);
    assert!(ended.err.contains("heaps at once"), "malloc_stats prints: {}", ended.err);
    assert_eq!(ended.well(), "all edges hold\n");
}

#[test]
fn blocks_that_grow_keep_their_contents_wherever_they_go() {
    assert_eq!(run(&compiled("grow.c"), &[]).well(), "grown\n");
}

#[test]
fn every_form_of_new_and_delete_holds() {
    assert_eq!(run(&compiled("forms.cc"), &[]).well(), "all forms hold\n");
}

#[test]
fn new_throws_from_the_runtime_that_came_with_a_plugin() {
    let host = compiled("host.c");
    let flags = ["-shared".as_ref(), "-fPIC".as_ref()];
    let plugin = compiled_with("plugin.cc", "plugin.so", &flags);
    assert_eq!(run(&host, &[&plugin.display().to_string()]).well(), "caught\n");
    let without = run(&host, &[]);
    assert_eq!(without.signal(), Some(libc::SIGABRT));
    assert!(without.err.starts_with("hak: out of memory in operator new, "), "{}", without.err);
}

#[test]
fn a_limit_on_the_address_space_is_lived_with() {
    let program = compiled("churn.c").display().to_string();
    for kilobytes in ["100000000", "1000000", "300000"] {
        let script = format!("ulimit -v {kilobytes} && exec {program} 1000 5000 3");
        finish(preloaded("/bin/sh").args(["-c", &script]), Duration::from_secs(60)).well();
    }
}

#[test]
fn the_first_call_may_be_any() {
    let program = compiled("first.c");
    for which in ["free", "realloc", "trim", "calloc", "usable"] {
        assert_eq!(run(&program, &[which]).well(), format!("{which}\n"));
    }
    let ended = run(&program, &["foreign"]);
    assert_eq!(ended.signal(), Some(libc::SIGABRT));
    assert!(ended.err.starts_with("hak: foreign pointer: address 0x"), "{}", ended.err);
}

#[test]
fn a_program_may_be_linked_with_the_library() {
    let folder = LIBRARY.parent().unwrap();
    let (search, path) =
        (format!("-L{}", folder.display()), format!("-Wl,-rpath,{}", folder.display()));
    let flags = [search.as_ref(), "-lhak".as_ref(), path.as_ref()];
    let program = compiled_with("linked.c", "linked", &flags);
    let ended = finish(&mut Command::new(program), Duration::from_secs(60));
    assert_eq!(ended.well(), "1\n");
}
