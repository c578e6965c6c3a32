//! The event log: each step of a run with what it did, for those who tell it.

use core::marker::PhantomData;
use std::panic::Location;

use hak_core::inspect::{self, Place};
use hak_core::tables::remote_list::ADDRESS_BITS;

use crate::runtime::{
    Access, Kind, Observer, Ordering, Sim, ThreadId, Verdict, Wants, WorldGeometry, WorldView,
};

/// A step as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its number, counted from one.
    pub step: u64,
    /// By whom.
    pub thread: ThreadId,
    /// In which operation, counted from one.
    pub operation: u32,
    /// What it did.
    pub kind: Kind,
    /// With which ordering.
    pub order: Ordering,
    /// To what.
    pub place: Place,
    /// At which line.
    pub site: &'static Location<'static>,
    /// What the word held before.
    pub old: u64,
    /// What it holds now.
    pub new: u64,
    /// What the values name, where they are addresses.
    pub named: (Place, Place),
}

/// Keeps each step of one run.
pub struct EventLog<G: WorldGeometry> {
    events: Vec<Event>,
    geometry: PhantomData<G>,
}

impl<G: WorldGeometry> Default for EventLog<G> {
    /// Nothing was seen yet.
    fn default() -> EventLog<G> {
        EventLog { events: Vec::new(), geometry: PhantomData }
    }
}

impl<G: WorldGeometry> EventLog<G> {
    /// The steps.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}

impl<G: WorldGeometry> Observer for EventLog<G> {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::AFTER_STEPS
    }

    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        let place = |address: usize| inspect::place::<Sim<G>>(address);
        let here = if access.kind.is_atomic() {
            place(view.base() + access.offset)
        } else {
            Place::Elsewhere
        };
        // The head of a remote list has a count above the address.
        let address = |value: u64| place(value as usize & ((1 << ADDRESS_BITS) - 1));
        let named = |value| if access.may_be_address { address(value) } else { Place::Elsewhere };
        self.events.push(Event {
            step: view.step(),
            thread,
            operation: view.operation(thread),
            kind: access.kind,
            order: access.order,
            place: here,
            site: access.site,
            old,
            new,
            named: (named(old), named(new)),
        });
        Verdict::Go
    }
}
