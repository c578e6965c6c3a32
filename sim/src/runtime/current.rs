//! The current world of an OS thread.
//!
//! Simulated words carry no pointer to their world: they are found through two thread-local
//! pointers. `WORLD` is set while a world runs or is inspected; `LIVE` only while simulated code
//! runs. With `WORLD` alone, accesses are raw: choosers, observers and inspections look at memory
//! without being scheduled or checked.

use std::cell::Cell;
use std::ptr::null_mut;

use super::engine::Engine;

thread_local! {
    static WORLD: Cell<*mut Engine> = const { Cell::new(null_mut()) };
    static LIVE: Cell<*mut Engine> = const { Cell::new(null_mut()) };
}

/// The engine if simulated code runs; null if accesses are raw.
#[inline]
pub(crate) fn live() -> *mut Engine {
    LIVE.get()
}

/// The engine of the world that runs or is inspected.
///
/// # Panics
/// There is none: a simulated word or function was used outside of a simulation.
#[inline]
pub(crate) fn world() -> *mut Engine {
    let engine = WORLD.get();
    assert!(!engine.is_null(), "no simulated world runs or is inspected on this OS thread");
    engine
}

/// Makes simulated code run, or accesses raw (null).
#[inline]
pub(crate) fn set_live(engine: *mut Engine) {
    LIVE.set(engine);
}

/// Calls `action` with raw accesses, inside simulated code.
#[inline]
pub(crate) fn outside<R>(action: impl FnOnce() -> R) -> R {
    let engine = LIVE.replace(null_mut());
    let result = action();
    LIVE.set(engine);
    result
}

/// Makes a world the current one for as long as the guard lives; accesses are raw at first.
pub(crate) fn enter(engine: *mut Engine) -> Entered {
    Entered { world: WORLD.replace(engine), live: LIVE.replace(null_mut()) }
}

/// Puts back what was current before.
pub(crate) struct Entered {
    world: *mut Engine,
    live: *mut Engine,
}

impl Drop for Entered {
    fn drop(&mut self) {
        WORLD.set(self.world);
        LIVE.set(self.live);
    }
}
