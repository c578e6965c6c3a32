//! Names the C library as needed by libhak.so: without Rust's standard library nobody else does.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-lc");
}
