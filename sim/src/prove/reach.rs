//! Reach: which words each thread still touches, from any state on.
//!
//! For each word and thread, the greatest position (see [`Stage::position`](crate::runtime::Stage::position)) at which the
//! thread was ever seen to read it, and to write it. A thread at a later position has, as far as is known, done with the
//! word.

use crate::runtime::{
    ADDRESS_SPACE, Access, Manner, Moment, Span, THREADS_MAX, ThreadId, ThreadSet, Touched, Trail,
};

/// The last positions at a word, plus one; zero is never.
#[derive(Clone, Copy, Default)]
struct Word {
    reads: [u32; THREADS_MAX],
    writes: [u32; THREADS_MAX],
    plain: [u32; THREADS_MAX],
    system: [u32; THREADS_MAX],
}

const LINE: usize = 64;

/// What is known of all words.
#[derive(Default)]
pub(super) struct Reach {
    lines: Vec<Option<Box<[Word; LINE]>>>,
    address_space: Word,
    everything: [u32; THREADS_MAX],
    /// Whether anything new was learnt since the last question.
    grown: bool,
}

impl Reach {
    fn word(&self, granule: u32) -> Option<&Word> {
        if granule == ADDRESS_SPACE {
            return Some(&self.address_space);
        }
        let line = self.lines.get(granule as usize / LINE)?.as_ref()?;
        Some(&line[granule as usize % LINE])
    }

    fn word_mut(&mut self, granule: u32) -> &mut Word {
        if granule == ADDRESS_SPACE {
            return &mut self.address_space;
        }
        let line = granule as usize / LINE;
        if line >= self.lines.len() {
            self.lines.resize_with(line + 1, || None);
        }
        let line = self.lines[line].get_or_insert_with(|| Box::new([Word::default(); LINE]));
        &mut line[granule as usize % LINE]
    }

    /// The thread did this step at this position.
    pub(super) fn learn(&mut self, thread: ThreadId, position: u32, touched: &Touched) {
        let position = position + 1;
        let mut grown = false;
        let mut raise = |last: &mut u32| {
            grown |= *last < position;
            *last = position.max(*last);
        };
        if touched.everything {
            raise(&mut self.everything[thread]);
        }
        for span in &touched.spans {
            for granule in span.start..span.end {
                let word = self.word_mut(granule);
                raise(if span.writes { &mut word.writes[thread] } else { &mut word.reads[thread] });
                match span.manner {
                    Manner::Shared => {}
                    Manner::Plain => raise(&mut word.plain[thread]),
                    Manner::System => raise(&mut word.system[thread]),
                }
            }
        }
        self.grown |= grown;
    }

    /// Whether anything was learnt since the last call.
    pub(super) fn take_grown(&mut self) -> bool {
        std::mem::take(&mut self.grown)
    }

    /// Whether a step that touches this is independent of everything that the others, at these positions, still do, as
    /// far as is known.
    pub(super) fn is_private(
        &self,
        touched: &Touched,
        others: ThreadSet,
        position: impl Fn(ThreadId) -> u32,
    ) -> bool {
        !touched.everything
            && others.iter().all(|other| {
                let now = position(other);
                self.everything[other] <= now
                    && touched.spans.iter().all(|span| self.is_done_with(other, now, span))
            })
    }

    fn is_done_with(&self, other: ThreadId, now: u32, span: &Span) -> bool {
        (span.start..span.end).all(|granule| match self.word(granule) {
            None => true,
            Some(word) => word.writes[other] <= now && (!span.writes || word.reads[other] <= now),
        })
    }

    /// Whether anything that these threads, at these positions, still do is compared with the moment, as far as is known.
    pub(super) fn matters(
        &self,
        moment: &Moment,
        threads: ThreadSet,
        position: impl Fn(ThreadId) -> u32,
    ) -> bool {
        let others = match moment.memory {
            // Its own releases may bring it what others released before.
            Trail::Release => threads,
            _ => threads.without(moment.thread as usize),
        };
        let granules = match moment.memory {
            // System calls are on whole pages: the first word stands for all.
            Trail::PageAccesses => moment.start..moment.start + 1,
            _ => moment.start..moment.start + moment.count,
        };
        others.iter().any(|other| self.everything[other] > position(other))
            || granules.into_iter().filter_map(|granule| self.word(granule)).any(|word| {
                others.iter().any(|other| match moment.memory {
                    Trail::PageAccesses => word.system[other] > position(other),
                    Trail::SharedWrites | Trail::SharedReads => word.plain[other] > position(other),
                    _ => word.reads[other].max(word.writes[other]) > position(other),
                })
            })
    }

    /// A first look at a step that was not done yet: `false` if it cannot be private.
    pub(super) fn may_be_private(
        &self,
        access: &Access,
        others: ThreadSet,
        position: impl Fn(ThreadId) -> u32,
    ) -> bool {
        if !access.kind.is_atomic() {
            return true;
        }
        let start = (access.offset / 4) as u32;
        let end = start + access.bytes as u32 / 4;
        let touched = Touched {
            spans: vec![Span { start, end, writes: false, manner: Manner::Shared }],
            everything: false,
        };
        self.is_private(&touched, others, position)
    }
}
