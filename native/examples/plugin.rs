//! A library with the allocator inside, for programs that load and unload it: `tests/unload.rs`
//! does.

use hak::Hak;

#[global_allocator]
static GLOBAL: Hak = Hak;

/// Allocates and frees, so that the thread has a heap; how many letters that made.
#[unsafe(no_mangle)]
pub extern "C" fn use_it() -> i64 {
    let words: Vec<String> = (0..100).map(|number| format!("word {number}")).collect();
    words.concat().len() as i64
}
