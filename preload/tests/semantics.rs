//! What C and C++ promise about each function, checked by programs in C and C++ under the library.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod common;

use common::{LIBRARY, compiled, compiled_with, finish, run};

#[test]
fn the_edges_of_every_c_function_hold() {
    let ended = run(&compiled("edges.c"), &[]);
    assert!(ended.err.contains("heaps at once"), "malloc_stats prints: {}", ended.err);
    assert_eq!(ended.well(), "all edges hold\n");
}

#[test]
fn every_form_of_new_and_delete_holds() {
    assert_eq!(run(&compiled("forms.cc"), &[]).well(), "all forms hold\n");
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
    let ended =
        finish(&mut std::process::Command::new(program), std::time::Duration::from_secs(60));
    assert_eq!(ended.well(), "1\n");
}
