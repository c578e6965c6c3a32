//! Reach: which words each thread still touches, from any state on.
//!
//! For each word and thread, the greatest position (see
//! [`Stage::position`](crate::runtime::Stage::position)) at which the thread was ever seen to read
//! it, and to write it. A thread at a later position has, as far as is known, done with the word.

use crate::runtime::{
    Access, Manner, OrderMoment, SEQUENTIAL, SPECIAL, Span, THREADS_MAX, ThreadId, ThreadSet,
    Touched, Trail, Uses,
};

/// The last positions at a word, plus one; zero is never.
#[derive(Clone, Copy, Default)]
struct ReachWord {
    reads: [u32; THREADS_MAX],
    writes: [u32; THREADS_MAX],
    plain: [u32; THREADS_MAX],
    system: [u32; THREADS_MAX],
}

const LINE: usize = 64;

/// Words side by side.
struct Line {
    /// The last positions at any of them.
    last: [u32; THREADS_MAX],
    words: [ReachWord; LINE],
}

type Lines = Vec<Option<Box<Line>>>;

/// What is known of all words.
#[derive(Default)]
pub(super) struct Reach {
    lines: Lines,
    /// Of those that stand for sequentially consistent operations.
    sequential: Lines,
    /// Of those that stand for something else than memory.
    special: [ReachWord; (u32::MAX - SPECIAL) as usize],
    everything: [u32; THREADS_MAX],
    /// Whether anything new was learnt since the last question.
    grown: bool,
}

impl Reach {
    fn word(&self, granule: u32) -> Option<&ReachWord> {
        if granule >= SPECIAL {
            return Some(&self.special[(granule - SPECIAL) as usize]);
        }
        let lines = if granule & SEQUENTIAL != 0 { &self.sequential } else { &self.lines };
        let granule = (granule & !SEQUENTIAL) as usize;
        let line = lines.get(granule / LINE)?.as_ref()?;
        Some(&line.words[granule % LINE])
    }

    /// The word, at which the thread does something at this position.
    fn word_mut(&mut self, granule: u32, thread: ThreadId, position: u32) -> &mut ReachWord {
        if granule >= SPECIAL {
            return &mut self.special[(granule - SPECIAL) as usize];
        }
        let sequential = granule & SEQUENTIAL != 0;
        let lines = if sequential { &mut self.sequential } else { &mut self.lines };
        let granule = (granule & !SEQUENTIAL) as usize;
        let line = granule / LINE;
        if line >= lines.len() {
            lines.resize_with(line + 1, || None);
        }
        let empty =
            || Box::new(Line { last: [0; THREADS_MAX], words: [ReachWord::default(); LINE] });
        let line = lines[line].get_or_insert_with(empty);
        line.last[thread] = line.last[thread].max(position);
        &mut line.words[granule % LINE]
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
                let word = self.word_mut(granule, thread, position);
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

    /// Whether a step that touches this is independent of everything that the others, at these
    /// positions, still do, as far as is known.
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

/// What is of use when these threads, at these positions, are those that still do something.
pub(super) struct InUse<'a> {
    pub(super) reach: &'a Reach,
    pub(super) threads: ThreadSet,
    pub(super) positions: [u32; THREADS_MAX],
}

impl InUse<'_> {
    /// The words of memory in a range at which one of these threads still does something.
    fn words(
        &self,
        start: u32,
        count: u32,
        threads: ThreadSet,
    ) -> impl Iterator<Item = &ReachWord> {
        let end = start + count;
        (start / LINE as u32..end.div_ceil(LINE as u32)).flat_map(move |index| {
            let line = self.reach.lines.get(index as usize).and_then(Option::as_deref);
            let in_use = |line: &&Line| {
                threads.iter().any(|thread| line.last[thread] > self.positions[thread])
            };
            let first = index * LINE as u32;
            let words = line.filter(in_use).map(|line| {
                let within = |granule: u32| granule.saturating_sub(first).min(LINE as u32) as usize;
                &line.words[within(start)..within(end)]
            });
            words.unwrap_or_default()
        })
    }

    fn do_everything(&self, threads: ThreadSet) -> ThreadSet {
        let everything = |set: ThreadSet, thread: ThreadId| {
            let still = self.reach.everything[thread] > self.positions[thread];
            if still { set.with(thread) } else { set }
        };
        threads.iter().fold(ThreadSet::EMPTY, everything)
    }
}

impl Uses for InUse<'_> {
    fn matters(&self, moment: &OrderMoment) -> bool {
        let position = |thread: ThreadId| self.positions[thread];
        let others = match moment.memory {
            // Its own releases may bring it what others released before.
            Trail::Release => self.threads,
            _ => self.threads.without(moment.thread as usize),
        };
        let count = match moment.memory {
            // System calls are on whole pages: the first word stands for all.
            Trail::PageAccesses => 1,
            _ => moment.count,
        };
        !self.do_everything(others).is_empty()
            || self.words(moment.start, count, others).any(|word| {
                others.iter().any(|other| match moment.memory {
                    Trail::PageAccesses => word.system[other] > position(other),
                    Trail::SharedWrites | Trail::SharedReads => word.plain[other] > position(other),
                    _ => word.reads[other].max(word.writes[other]) > position(other),
                })
            })
    }

    fn touchers(&self, start: u32, count: u32) -> ThreadSet {
        let touches = |word: &ReachWord, thread: ThreadId| {
            word.reads[thread].max(word.writes[thread]) > self.positions[thread]
        };
        let mut touchers = self.do_everything(self.threads);
        for granule in start..start + count {
            let Some(word) = self.reach.word(granule) else { continue };
            for thread in self.threads.iter().filter(|&thread| touches(word, thread)) {
                touchers = touchers.with(thread);
            }
        }
        touchers
    }
}
