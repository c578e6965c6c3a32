//! Names the C library as needed by libhak.so: without Rust's standard library nobody else does.
//! And the library is not to be unloaded, since the C library calls it when a thread ends.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-lc");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
