//! A library that contains hak is loaded, used on a thread, and unloaded before the thread ends.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::{CString, c_void};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::{fs, mem, thread};

/// `examples/plugin.rs`, built into a folder of its own: no waiting for whoever runs these tests.
fn plugin() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("plugin");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--offline", "-p", "hak"]);
    let output = cargo.args(["--example", "plugin", "--target-dir"]).arg(&target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("debug/examples/libplugin.so")
}

#[test]
fn a_library_may_be_unloaded_while_a_thread_that_used_it_lives() {
    let plugin = plugin();
    let name = CString::new(plugin.to_str().unwrap()).unwrap();
    let mapped = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter(|line| line.contains("libplugin.so")).count()
    };
    assert_eq!(mapped(), 0);
    for _ in 0..200 {
        // SAFETY: [lib 1] C strings; the function of that name has this type
        // (`examples/plugin.rs`).
        let (library, use_it) = unsafe {
            let library = libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!library.is_null(), "{name:?} cannot be loaded");
            let function = libc::dlsym(library, c"use_it".as_ptr());
            assert!(!function.is_null());
            (library, mem::transmute::<*mut c_void, extern "C" fn() -> i64>(function))
        };
        let (used, wait) = mpsc::channel();
        let (unloaded, go_on) = mpsc::channel::<()>();
        let user = thread::spawn(move || {
            used.send(use_it()).unwrap();
            go_on.recv().unwrap();
        });
        assert_eq!(wait.recv().unwrap(), 690);
        // SAFETY: [lib 1] opened above.
        assert_eq!(unsafe { libc::dlclose(library) }, 0);
        unloaded.send(()).unwrap();
        user.join().unwrap();
    }
    // It is there once.
    assert!((1..20).contains(&mapped()), "{}", mapped());
}
