//! The limit: what is counted as committed never exceeds the limit that was read.
//!
//! Whoever counts bytes that do not fit, if only for a moment, refuses to others what fits. So each
//! step that raises the count is compared with the limit that its thread read last. Not under weak
//! memory: what a load returned there need not be what the word holds.

use std::marker::PhantomData;

use hak_core::inspect;

use crate::runtime::{
    Access, Finding, Observer, Sim, THREADS_MAX, ThreadId, Verdict, Wants, WorldGeometry,
    WorldView, oracle,
};

/// The oracle, for one run.
pub(crate) struct Limit<G: WorldGeometry> {
    /// Where the count lies, and the limit: offsets.
    words: Option<(usize, usize)>,
    /// The limit that each thread read last.
    read: [Option<u64>; THREADS_MAX],
    geometry: PhantomData<G>,
}

impl<G: WorldGeometry> Default for Limit<G> {
    fn default() -> Limit<G> {
        Limit { words: None, read: [None; THREADS_MAX], geometry: PhantomData }
    }
}

impl<G: WorldGeometry> Observer for Limit<G> {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::AFTER_STEPS
    }

    #[inline]
    fn after(
        &mut self,
        thread: ThreadId,
        access: &Access,
        old: u64,
        new: u64,
        view: &WorldView<'_>,
    ) -> Verdict {
        let (count, limit) = *self.words.get_or_insert_with(|| {
            let (count, limit) = inspect::budget_words::<Sim<G>>();
            (count - view.base(), limit - view.base())
        });
        if access.offset == limit {
            self.read[thread] = Some(new);
        } else if access.offset == count && new > old && !view.is_weak() {
            return match self.read[thread] {
                Some(limit @ 1..) if new > limit => Verdict::Violation(Finding::new(
                    oracle::LIMIT,
                    format!(
                        "{new} bytes are counted as committed; the limit that was read is {limit}"
                    ),
                )),
                _ => Verdict::Go,
            };
        }
        Verdict::Go
    }

    /// What was read is forgotten: nothing is said about a thread before it reads the limit again.
    fn put_back(&mut self) {
        self.read = [None; THREADS_MAX];
    }
}
