//! Plain accesses: words of one owner, and ranges.
//!
//! They are checked and shown to the observer, but are no choice points.
//!
//! Invariants:
//! 1. Where [`word`] or [`range`] returns, all bytes lie in the arena of the current world: in
//!    simulated code an oracle ends the run otherwise, with raw accesses [`word`] panics.
//!    ([`range`] says nothing about raw ones.)
//! 2. Where [`Engine::plain`] returns no trouble, all bytes of the access lie in the arena, and
//!    each page that they touch is committed.

use std::panic::Location;

use super::access::{Access, Kind};
use super::current;
use super::engine::{Engine, Trouble, borrow, halt};
use super::oracle;
use super::stepwise::footprint::Manner;
use super::violation::Finding;

/// Checks a read or write of a plain word, which the caller then does; if the write is to be shown
/// to the observer, what the word held.
#[inline]
pub(crate) fn word(
    kind: Kind,
    address: usize,
    bytes: usize,
    site: &'static Location<'static>,
) -> Option<u64> {
    let engine = current::live();
    if engine.is_null() {
        raw(address, bytes);
        return None;
    }
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(address);
    let access = Access::plain(kind, offset, bytes, site);
    match here.plain(&access) {
        Ok(watched) => watched,
        Err(trouble) => halt(engine, &access, trouble),
    }
}

/// A raw access to a plain word, which the caller then does.
///
/// # Panics
/// The word is none of the current world.
#[inline]
pub(crate) fn raw(address: usize, bytes: usize) {
    // SAFETY: [current 1, engine 4] what is read are numbers that never change.
    let arena = unsafe { &(*current::world()).arena };
    let offset = arena.offset_of(address);
    assert!(arena.contains(offset, bytes), "a plain word lies outside of the arena");
}

/// Shows a plain write to the observer, after it was done.
#[cold]
pub(crate) fn word_written(
    address: usize,
    bytes: usize,
    old: u64,
    site: &'static Location<'static>,
) {
    let engine = current::live();
    if engine.is_null() {
        return;
    }
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(address);
    let access = Access::plain(Kind::PlainSet, offset, bytes, site);
    let new = here.arena.read(offset, bytes);
    if let Err(trouble) = here.after(&access, old, new) {
        halt(engine, &access, trouble);
    }
}

/// Checks a range, which the caller then reads or writes.
pub(crate) fn range(kind: Kind, address: usize, bytes: usize, site: &'static Location<'static>) {
    let engine = current::live();
    if engine.is_null() || bytes == 0 {
        return;
    }
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    let here = unsafe { borrow(engine) };
    let offset = here.arena.offset_of(address);
    let access = Access::plain(kind, offset, bytes, site);
    let result = here.plain(&access).and_then(|watched| match watched {
        Some(_) => here.after(&access, 0, 0),
        None => Ok(()),
    });
    if let Err(trouble) = result {
        halt(engine, &access, trouble);
    }
}

/// So many plain accesses without a step between them make no progress: the longest list of a slab
/// has some thousand blocks, and whoever goes in a circle over plain memory would never come to a
/// scheduling point.
const IN_A_ROW_MAX: u64 = 1 << 16;

impl Engine {
    #[cold]
    fn check_plain_progress(&mut self) -> Result<(), Trouble> {
        let last = std::mem::replace(&mut self.control.plain_step, self.control.step);
        if last != self.control.step || self.control.plain_accesses == IN_A_ROW_MAX {
            return Ok(());
        }
        let what = format!("{IN_A_ROW_MAX} accesses to plain memory without a step between them");
        Err(Finding::new(oracle::PROGRESS, what).into())
    }

    /// Checks a plain access. Gives the old value if the observer is to be told what comes of a
    /// write.
    #[inline]
    pub(crate) fn plain(&mut self, access: &Access) -> Result<Option<u64>, Trouble> {
        self.control.plain_accesses += 1;
        if self.control.plain_accesses.is_multiple_of(IN_A_ROW_MAX) {
            self.check_plain_progress()?;
        }
        let writes = access.kind.may_write();
        self.before(access)?;
        self.check_plain(access, writes)?;
        if self.stepwise {
            self.footprint.note(access.offset, access.bytes, writes, Manner::Plain);
            if access.kind == Kind::PlainGet {
                self.histories.plain(self.control.current, &self.arena, access);
            }
        }
        if !self.wants.after(access.kind) {
            return Ok(None);
        }
        let old = self.arena.read(access.offset, access.bytes);
        if writes {
            return Ok(Some(old));
        }
        self.after(access, old, old)?;
        Ok(None)
    }
}
