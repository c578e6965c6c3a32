//! The current world of an OS thread.
//!
//! Simulated words carry no pointer to their world: they are found through two thread-local
//! pointers. `WORLD` is set while a world runs or is inspected; `LIVE` only while simulated code
//! runs. With `WORLD` alone, accesses are raw: choosers, observers and inspections look at memory
//! without being scheduled or checked.
//!
//! Invariants:
//! 1. `WORLD` is null or an engine that is alive: only a world enters its own, which it has
//!    borrowed exclusively, and the guard, which lies in a frame of that borrow, puts back what was
//!    there, also behind a panic. Guards go in the reverse order of their making.
//! 2. `LIVE` is null or what `WORLD` is: [`resuming`] sets it for as long as a fiber of the current
//!    world runs, and makes it null behind that, also behind a panic; a fiber that has just caught
//!    a panic sets it again; and it is null for as long as an action [`outside`] lasts, in which
//!    another world may be entered and left.
//! 3. Where `LIVE` is not null, a fiber of that engine runs: whoever asks is simulated code,
//!    between two suspensions.
//! 4. While `LOOKED_AT` is set, nobody has the current engine borrowed, and no fiber of it goes on:
//!    it is set for an action of simulated code that runs to its end at once, and for one to which
//!    a world is lent as a whole; whoever enters another world unsets it until that one is left.

use std::cell::Cell;
use std::ptr::null_mut;

use super::engine::Engine;

thread_local! {
    static WORLD: Cell<*mut Engine> = const { Cell::new(null_mut()) };
    static LIVE: Cell<*mut Engine> = const { Cell::new(null_mut()) };
    static LOOKED_AT: Cell<bool> = const { Cell::new(false) };
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

/// The engine of the world that is looked at.
///
/// # Panics
/// There is none.
pub(crate) fn looked_at() -> *mut Engine {
    assert!(LOOKED_AT.get(), "no simulated world is looked at on this OS thread");
    world()
}

/// Calls `action`, which resumes a fiber of the current world: simulated code runs until it comes
/// back.
#[inline]
pub(crate) fn resuming<R>(engine: *mut Engine, action: impl FnOnce() -> R) -> R {
    struct Raw;
    impl Drop for Raw {
        #[inline]
        fn drop(&mut self) {
            LIVE.set(null_mut());
        }
    }
    LIVE.set(engine);
    let _raw = Raw;
    action()
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

/// Calls `action` with raw accesses, inside simulated code that has the engine not borrowed: it may
/// look at all of the world.
pub(crate) fn looking<R>(action: impl FnOnce() -> R) -> R {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            LOOKED_AT.set(self.0);
        }
    }
    let _before = Before(LOOKED_AT.replace(true));
    outside(action)
}

/// Makes a world the current one for as long as the guard lives; accesses are raw at first. If it
/// is to be looked at, nothing of it runs meanwhile.
pub(crate) fn enter(engine: *mut Engine, looked_at: bool) -> Entered {
    Entered {
        world: WORLD.replace(engine),
        live: LIVE.replace(null_mut()),
        looked_at: LOOKED_AT.replace(looked_at),
    }
}

/// Puts back what was current before.
pub(crate) struct Entered {
    world: *mut Engine,
    live: *mut Engine,
    looked_at: bool,
}

impl Drop for Entered {
    fn drop(&mut self) {
        WORLD.set(self.world);
        LIVE.set(self.live);
        LOOKED_AT.set(self.looked_at);
    }
}
