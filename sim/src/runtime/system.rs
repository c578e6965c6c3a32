//! System calls: reserve, extend, ensure, commit, decommit, reset, relocate and release, which may
//! fail where the chooser says so.
//!
//! An extend that fails is refused, or finds that the first of the addresses is somebody else's,
//! for ever: every other unit, by its place in the arena, does the one and the others the other.
//!
//! A decommit or a reset that fails has done the first half of its pages: those read as zero, the
//! others are as they were. The boundary promises no more, and a system that goes from page to page
//! does no better.

use std::panic::Location;

use super::access::{Access, Kind};
use super::current;
use super::engine::{Engine, Trouble, borrow, halt, turn};
use super::oracle;
use super::stepwise::footprint::Manner;
use super::violation::Finding;

/// What a system call is told beside a range.
#[derive(Clone, Copy)]
pub(crate) enum Detail {
    /// Nothing.
    None,
    /// `Reserve`: the alignment, and the room behind.
    Align(usize, usize),
    /// `Relocate`: where to, address and bytes.
    Target(usize, usize),
}

/// Does a system call in its turn. `Some` is success: for `Reserve` the address, for `Relocate` the
/// new one, else the one that was given; for `Extend` also another one, if the addresses are taken.
pub(crate) fn call(
    kind: Kind,
    address: usize,
    bytes: usize,
    detail: Detail,
    site: &'static Location<'static>,
) -> Option<usize> {
    let engine = current::live();
    assert!(!engine.is_null(), "{} outside of simulated code", kind.name());
    // SAFETY: [current 2, engine 4] a number that never changes.
    let base = unsafe { (*engine).arena.base };
    let offset = if kind == Kind::Reserve { 0 } else { address.wrapping_sub(base) };
    let access = Access::plain(kind, offset, bytes, site);
    turn(engine, access);
    // SAFETY: [current 3, engine 1, engine 2] simulated code; not used behind a suspension.
    match unsafe { borrow(engine) }.system(&access, detail) {
        Ok(result) => result.map(|offset| base + offset),
        Err(trouble) => halt(engine, &access, trouble),
    }
}

impl Engine {
    fn system(&mut self, access: &Access, detail: Detail) -> Result<Option<usize>, Trouble> {
        self.before(access)?;
        if access.bytes == 0 {
            let what = format!("{} of no bytes, at {:#x}", access.kind.name(), access.offset);
            return Err(Finding::new(oracle::PAGE_STATE, what).into());
        }
        let me = self.control.current;
        let fails = access.kind != Kind::Release
            && self.ask(access, |chooser, me, access| chooser.system_call_fails(me, access));
        self.control.refused[me] += u32::from(fails);
        self.control.writes[me] += 1;
        match access.kind {
            Kind::Reserve | Kind::Extend | Kind::Ensure | Kind::Commit | Kind::Decommit
                if fails =>
            {
                self.control.denied_at[me] = self.control.steps[me];
            }
            Kind::Decommit => self.control.given_at[me] = self.control.steps[me],
            _ => {}
        }
        let now = &self.clocks[me].now;
        let result = match access.kind {
            Kind::Reserve if fails => None,
            // The system orders its own work: what it hands out again was given back before.
            Kind::Reserve => {
                let released = self.pages.released;
                self.clocks[me].now.join(&released);
                self.weak.fences.take_up(me);
                let Detail::Align(align, room) = detail else {
                    unreachable!("a range has an alignment")
                };
                self.pages.reserve(access.bytes, align, room)
            }
            Kind::Extend => {
                let taken = access.offset + (1 << self.pages.shift);
                if fails && (access.offset / access.bytes).is_multiple_of(2) {
                    None
                } else if fails {
                    self.pages.give_away(access);
                    Some(taken)
                } else {
                    Some(if self.pages.extend(access)? { access.offset } else { taken })
                }
            }
            Kind::Ensure if fails => None,
            // The system orders its own work: who finds that pages have memory comes after who gave
            // it to them.
            Kind::Ensure => {
                let released = self.pages.released;
                self.clocks[me].now.join(&released);
                self.weak.fences.take_up(me);
                let lacking = self.pages.lacking(access)?;
                for page in lacking {
                    let (offset, bytes) = (page << self.pages.shift, 1 << self.pages.shift);
                    let page = Access { offset, bytes, ..*access };
                    let now = &self.clocks[me].now;
                    self.pages.commit(me, now, &page)?;
                    self.clear_dirty(&page);
                }
                self.pages.released.join(&self.clocks[me].now);
                self.weak.fences.give_back(me);
                self.clocks[me].now.advance(me);
                Some(access.offset)
            }
            Kind::Commit if fails => None,
            Kind::Commit => {
                self.pages.commit(me, now, access)?;
                self.clear_dirty(access);
                Some(access.offset)
            }
            Kind::Decommit => {
                self.pages.check_decommit(now, access, true)?;
                if fails {
                    self.give_fresh(&self.first_half(access))?;
                    None
                } else {
                    self.pages.decommit(me, now, access);
                    Some(access.offset)
                }
            }
            Kind::Reset => {
                self.pages.check_decommit(now, access, true)?;
                if fails {
                    self.give_fresh(&self.first_half(access))?;
                    None
                } else {
                    self.give_fresh(access)?;
                    Some(access.offset)
                }
            }
            Kind::Relocate => {
                self.pages.check_decommit(now, access, true)?;
                let Detail::Target(to, bytes) = detail else {
                    unreachable!("pages move somewhere")
                };
                let target = Access { offset: self.arena.offset_of(to), bytes, ..*access };
                if self.stepwise {
                    self.footprint.note(target.offset, target.bytes, true, Manner::System);
                }
                if fails {
                    None
                } else {
                    self.pages.commit(me, now, &target)?;
                    // What a page without memory held stays in the arena until the next commit.
                    self.pages.decommit(me, now, access);
                    self.clear_dirty(&target);
                    self.copy_dirty(access, &target);
                    Some(target.offset)
                }
            }
            Kind::Release => {
                self.pages.check_decommit(now, access, false)?;
                self.pages.release(access)?;
                self.pages.decommit(me, now, access);
                self.pages.released.join(now);
                self.weak.fences.give_back(me);
                self.clocks[me].now.advance(me);
                Some(access.offset)
            }
            other => unreachable!("{} is no system call", other.name()),
        };
        if result.is_some() || matches!(access.kind, Kind::Decommit | Kind::Reset | Kind::Extend) {
            self.control.changed();
        }
        if self.stepwise {
            self.footprint.note(access.offset, access.bytes, true, Manner::System);
            self.footprint.note_address_space();
            self.histories.system(me, access.kind, result);
        }
        let shown = result.map_or(u64::MAX, |offset| offset as u64);
        self.control.note(access.kind, access.offset, shown);
        self.after(access, 0, shown)?;
        Ok(result)
    }

    /// Copies what was written to pages to others, which are clear. What came before the move is in
    /// the pages' change then: who looks at a moved word next is to be ordered after the mover.
    fn copy_dirty(&mut self, from: &Access, to: &Access) {
        let shift = self.pages.shift;
        for (from, to) in self.pages.pages_of(from).zip(self.pages.pages_of(to)) {
            if self.pages.is_dirty(from) {
                self.pages.mark_dirty(to);
                self.arena.copy(from << shift, to << shift, 1 << shift);
            }
        }
    }

    /// Takes the memory of pages away and gives them fresh memory, after `check_decommit`.
    fn give_fresh(&mut self, access: &Access) -> Result<(), Trouble> {
        let me = self.control.current;
        let now = &self.clocks[me].now;
        self.pages.decommit(me, now, access);
        self.pages.commit(me, now, access)?;
        self.clear_dirty(access);
        Ok(())
    }

    /// The part that a call has done which fails: half of the pages, and nothing of a single one.
    fn first_half(&self, access: &Access) -> Access {
        let pages = self.pages.pages_of(access).len() / 2;
        Access { bytes: pages << self.pages.shift, ..*access }
    }

    fn clear_dirty(&mut self, access: &Access) {
        for index in self.pages.pages_of(access) {
            if self.pages.is_dirty(index) {
                self.arena.zero(index << self.pages.shift, 1 << self.pages.shift);
            }
        }
    }
}
