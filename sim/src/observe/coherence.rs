//! Coherence: which cache lines pass from one processor to another, and for which word.
//!
//! Each simulated thread is a processor of its own, with a cache that holds any number of lines.
//! Memory is cut into lines of [`LINE`] bytes by the address that it has in the arena. Of each line
//! it is known who holds a copy, and who wrote to it last:
//!
//! | Access | Passes from another processor | Then |
//! |---|---|---|
//! | read | if the thread holds no copy, and another thread wrote last | it holds one, too |
//! | write | if any other thread holds a copy | it alone holds one |
//!
//! Every read-modify-write is a write, also a compare-exchange that fails: the machines at hand get
//! the line for themselves before they compare. A range that is cleared, copied or filled is an
//! access to each line of it. Pages that the system takes, gives anew or moves are held by nobody.
//!
//! **The layout is the real one.** The structures of the core are `repr(C)`, words of the simulator
//! have the size of the machine's, and root and tables are aligned as they are natively, so that
//! two words share a line here if they do in the allocator that ships (a test compares sizes and
//! alignments). The range is shorter here: a word of the unit map or of the class map may have
//! other neighbours from the 64th unit on.
//!
//! **What is counted** is a line that passes, once for each access, to the word that was accessed:
//! so *false sharing*, of words that lie in one line, is counted like the true one. Of each pass it
//! is noted whether it is certainly that: another thread wrote last, and since it got the line it
//! has written to other bytes only than those accessed now.
//! What is done with the contents of blocks moves lines like any other access, and is counted
//! apart: the program fills and checks them (of a block above 1 KiB both ends), and the allocator
//! clears what has to be zero and copies what becomes longer. The words of the allocator that lie
//! in blocks are link and seal.
//!
//! **What is not modelled**: capacity and associativity, lines that are fetched ahead, memory that
//! a miss is served from (a line that nobody wrote costs nothing here), what the system itself
//! touches in a call, the code, stacks and thread-local words. The program's mailboxes and the
//! clock are no words of the allocator, and are not counted. Nor is time: a pass is one, near or
//! far, waited for or not.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::panic::Location;

use hak_core::inspect::{self, Place};

use crate::runtime::{
    Access, Kind, Observer, Sim, ThreadId, ThreadSet, Verdict, Wants, WorldGeometry, WorldView,
};

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Who has a line.
#[derive(Clone, Copy, Debug, Default)]
struct CacheLine {
    /// Who holds a copy.
    holders: ThreadSet,
    /// Who wrote last, plus one; zero if nobody did since the memory is fresh.
    writer: u8,
    /// The granules of four bytes that it wrote since another thread did: a bit for each.
    written: u16,
}

/// Lines whose states are kept together.
const CHUNK: usize = 4096;

/// The lines of an arena, by number.
#[derive(Debug, Default)]
pub(crate) struct CacheLines(Vec<Option<Box<[CacheLine; CHUNK]>>>);

/// How often lines passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// In all.
    pub all: u64,
    /// Of these, when another thread wrote last, and to other bytes of the line only.
    pub falsely: u64,
}

impl Passes {
    /// Adds others.
    pub fn add(&mut self, other: Passes) {
        self.all += other.all;
        self.falsely += other.falsely;
    }
}

impl CacheLines {
    /// A thread reads or writes `bytes` bytes at an offset: how many lines pass.
    #[inline]
    pub(crate) fn touch(
        &mut self,
        thread: ThreadId,
        offset: usize,
        bytes: usize,
        writes: bool,
    ) -> Passes {
        let mut passes = Passes::default();
        let end = offset + bytes;
        let numbers = if bytes == 0 { 0..0 } else { offset / LINE..end.div_ceil(LINE) };
        for number in numbers {
            let start = number * LINE;
            let (from, to) = (offset.max(start) - start, end.min(start + LINE) - start);
            let granules = ((1_u32 << to.div_ceil(4)) - (1 << (from / 4))) as u16;
            let line = self.line(number);
            let others = line.holders.without(thread);
            let mine = thread as u8 + 1;
            let of_another = line.writer != 0 && line.writer != mine;
            let passes_now = if writes {
                !others.is_empty()
            } else {
                !line.holders.contains(thread) && of_another
            };
            passes.all += u64::from(passes_now);
            let falsely = passes_now && of_another && line.written & granules == 0;
            passes.falsely += u64::from(falsely);
            if writes {
                line.holders = ThreadSet::EMPTY;
                line.written = if line.writer == mine { line.written } else { 0 } | granules;
                line.writer = mine;
            }
            line.holders = line.holders.with(thread);
        }
        passes
    }

    /// The memory of these bytes is fresh, or gone: nobody holds a line of it.
    pub(crate) fn forget(&mut self, offset: usize, bytes: usize) {
        for number in offset / LINE..(offset + bytes).div_ceil(LINE) {
            if let Some(Some(chunk)) = self.0.get_mut(number / CHUNK) {
                chunk[number % CHUNK] = CacheLine::default();
            }
        }
    }

    fn line(&mut self, number: usize) -> &mut CacheLine {
        let chunk = number / CHUNK;
        if self.0.len() <= chunk {
            self.0.resize_with(chunk + 1, || None);
        }
        let lines = self.0[chunk].get_or_insert_with(|| Box::new([CacheLine::default(); CHUNK]));
        &mut lines[number % CHUNK]
    }
}

/// What a line passed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PassedFor {
    /// A word of the tables, the numbers of its structures taken out.
    Table(Place),
    /// Link and seal of a block.
    Link,
    /// A block, or what lies between blocks, that the allocator clears or copies.
    Contents,
    /// A block that the program fills or checks.
    Program,
}

/// The names of what is done with the contents of blocks, by the program, and by the allocator
/// because the program wants them cleared or kept. They are counted apart.
pub const CONTENTS: [&str; 2] =
    ["contents: filled or checked by the program", "contents: cleared or copied for it"];

impl PassedFor {
    /// `None` for what is not the allocator's.
    fn of(kind: Kind, place: Place) -> Option<PassedFor> {
        let table = match place {
            Place::Elsewhere => return None,
            Place::Memory(..) => {
                return Some(match kind {
                    Kind::Fill | Kind::Check => PassedFor::Program,
                    Kind::Zero | Kind::CopyFrom | Kind::CopyTo => PassedFor::Contents,
                    _ => PassedFor::Link,
                });
            }
            Place::Root(_) => place,
            Place::Abandoned(_, word) => Place::Abandoned(0, word),
            Place::Heap(_, word) => Place::Heap(0, word),
            Place::Bin(_, _, word) => Place::Bin(0, 0, word),
            Place::UnitMap(_) => Place::UnitMap(0),
            Place::ClassMap(..) => Place::ClassMap(0, 0),
            Place::SuperSlab(_, word) => Place::SuperSlab(0, word),
            Place::Slab(_, _, word) => Place::Slab(0, 0, word),
        };
        Some(PassedFor::Table(table))
    }

    /// As reports name it, without the numbers.
    fn name(self) -> String {
        match self {
            PassedFor::Table(place) => {
                place.to_string().replace(" 0", "").replace("superslab, slab", "slab")
            }
            PassedFor::Link => "block: link and seal".to_owned(),
            PassedFor::Program => CONTENTS[0].to_owned(),
            PassedFor::Contents => CONTENTS[1].to_owned(),
        }
    }
}

/// By word, and for each by line of the source.
pub type PassesByWord = BTreeMap<String, BTreeMap<String, Passes>>;

/// The line of the source, and what passed there.
type PassesOfSite = (&'static Location<'static>, Vec<(PassedFor, Passes)>);

/// Counts, in one run, the lines that pass while each thread does its operations from one number
/// on up to another. Stops the run once all have done theirs; until then, whoever has goes on.
pub(crate) struct Coherence<G: WorldGeometry> {
    lines: CacheLines,
    /// The operations of each thread that count: behind the first number, up to the second.
    counted: (u32, u32),
    threads: usize,
    /// Those that have done theirs.
    past: ThreadSet,
    found: HashMap<*const Location<'static>, PassesOfSite>,
    geometry: PhantomData<G>,
}

impl<G: WorldGeometry> Coherence<G> {
    /// For a run of so many threads.
    pub(crate) fn new(threads: usize, counted: (u32, u32)) -> Coherence<G> {
        Coherence {
            lines: CacheLines::default(),
            counted,
            threads,
            past: ThreadSet::EMPTY,
            found: HashMap::new(),
            geometry: PhantomData,
        }
    }

    /// What passed.
    pub(crate) fn into_passes(self) -> PassesByWord {
        let mut all = PassesByWord::new();
        for (site, words) in self.found.into_values() {
            for (word, passes) in words {
                let line = format!("{}:{}", site.file(), site.line());
                all.entry(word.name()).or_default().entry(line).or_default().add(passes);
            }
        }
        all
    }

    #[cold]
    fn note(&mut self, access: &Access, passes: Passes, view: &WorldView<'_>) {
        let place = inspect::place::<Sim<G>>(view.base() + access.offset);
        let Some(word) = PassedFor::of(access.kind, place) else { return };
        let (_, words) = self.found.entry(access.site).or_insert_with(|| (access.site, Vec::new()));
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, sum)) => sum.add(passes),
            None => words.push((word, passes)),
        }
    }
}

impl<G: WorldGeometry> Observer for Coherence<G> {
    #[inline]
    fn wants(&self) -> Wants {
        Wants::BEFORE_STEPS.and(Wants::BEFORE_PLAIN)
    }

    #[inline]
    fn before(&mut self, thread: ThreadId, access: &Access, view: &WorldView<'_>) -> Verdict {
        let operation = view.operation(thread);
        let (first, last) = self.counted;
        if operation > last && !self.past.contains(thread) {
            self.past = self.past.with(thread);
            if self.past.len() == self.threads {
                return Verdict::Stop;
            }
        }
        match access.kind {
            Kind::Decommit | Kind::Reset | Kind::Release | Kind::Relocate => {
                self.lines.forget(access.offset, access.bytes);
                return Verdict::Go;
            }
            Kind::Start
            | Kind::Fence
            | Kind::Spin
            | Kind::Reserve
            | Kind::Extend
            | Kind::Commit
            | Kind::Ensure
            | Kind::Misuse => return Verdict::Go,
            _ => {}
        }
        // What lies outside of the arena an oracle says next.
        if access.offset >= G::ARENA_BYTES || access.bytes > G::ARENA_BYTES - access.offset {
            return Verdict::Go;
        }
        let writes = access.kind.may_write();
        let passes = self.lines.touch(thread, access.offset, access.bytes, writes);
        if passes.all != 0 && first < operation && operation <= last {
            self.note(access, passes, view);
        }
        Verdict::Go
    }
}

#[cfg(test)]
mod tests {
    use hak_core::tables::{heap::Heap, root::Root, slab::Slab, superslab::SuperSlab};

    use super::*;
    use crate::runtime::Production;

    const READ: bool = false;
    const WRITE: bool = true;

    /// How many lines pass at each of these accesses: thread, offset, reads or writes.
    fn passes(accesses: &[(ThreadId, usize, bool)]) -> Vec<u64> {
        let mut lines = CacheLines::default();
        accesses
            .iter()
            .map(|&(thread, offset, writes)| lines.touch(thread, offset, 8, writes).all)
            .collect()
    }

    #[test]
    fn what_one_thread_does_alone_passes_nothing() {
        assert_eq!(passes(&[(0, 0, READ), (0, 0, WRITE), (0, 8, WRITE), (0, 0, READ)]), [0; 4]);
    }

    #[test]
    fn what_nobody_wrote_is_read_by_all_for_nothing() {
        assert_eq!(passes(&[(0, 0, READ), (1, 0, READ), (2, 0, READ), (1, 0, READ)]), [0; 4]);
        // The first write takes it from all of them, and each gets it back once.
        let then = [(0, 0, READ), (1, 0, READ), (0, 0, WRITE), (1, 0, READ), (1, 0, READ)];
        assert_eq!(passes(&then), [0, 0, 1, 1, 0]);
    }

    #[test]
    fn a_word_that_each_thread_writes_in_turn_passes_each_time() {
        let mut accesses = Vec::new();
        for turn in 0..6 {
            accesses.extend([(turn % 3, 64, READ), (turn % 3, 64, WRITE), (turn % 3, 64, WRITE)]);
        }
        // The reader gets a copy and the writer keeps one: the write passes again.
        let expected = [[0, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]];
        assert_eq!(passes(&accesses), expected.concat());
    }

    #[test]
    fn a_word_that_one_writes_and_many_read_passes_once_for_each_reader() {
        let accesses = [(0, 0, WRITE), (1, 0, READ), (2, 0, READ), (3, 0, READ), (0, 0, WRITE)];
        assert_eq!(passes(&accesses), [0, 1, 1, 1, 1]);
    }

    #[test]
    fn words_of_one_line_share_and_those_of_two_do_not() {
        assert_eq!(passes(&[(0, 0, WRITE), (1, 56, WRITE), (0, 0, WRITE)]), [0, 1, 1]);
        assert_eq!(passes(&[(0, 0, WRITE), (1, 64, WRITE), (0, 0, WRITE)]), [0, 0, 0]);
    }

    #[test]
    fn it_is_told_whether_only_other_words_were_written() {
        let mut lines = CacheLines::default();
        let (truly, falsely) = (Passes { all: 1, falsely: 0 }, Passes { all: 1, falsely: 1 });
        lines.touch(0, 8, 8, WRITE);
        lines.touch(0, 32, 8, WRITE);
        assert_eq!(lines.touch(1, 16, 8, READ), falsely);
        assert_eq!(lines.touch(2, 12, 4, READ), truly);
        assert_eq!(lines.touch(3, 32, 4, WRITE), truly);
        assert_eq!(lines.touch(2, 12, 4, READ), falsely);
        // Whose was the line all along takes it from a reader: nothing is known of that.
        assert_eq!(lines.touch(3, 0, 8, WRITE), truly);
        assert_eq!(lines.touch(0, 0, 64, WRITE), truly);
    }

    #[test]
    fn a_range_is_an_access_to_each_of_its_lines() {
        let mut lines = CacheLines::default();
        lines.touch(0, 0, 256, WRITE);
        // From the middle of the first line to the first byte of the fourth.
        assert_eq!(lines.touch(1, 32, 161, READ), Passes { all: 4, falsely: 0 });
        assert_eq!(lines.touch(1, 0, 256, READ), Passes::default());
        assert_eq!(lines.touch(2, 32, 0, READ), Passes::default());
    }

    #[test]
    fn fresh_memory_is_nobodys() {
        let mut lines = CacheLines::default();
        lines.touch(0, 0, 256, WRITE);
        lines.forget(64, 128);
        assert_eq!(lines.touch(1, 0, 256, WRITE).all, 2);
        lines.forget(0, 1 << 30);
    }

    #[test]
    fn words_are_named_without_their_numbers() {
        let name = |place| PassedFor::of(Kind::Load, place).map(PassedFor::name);
        let field = inspect::SlabField::Slot;
        assert_eq!(name(Place::Slab(3, 20, field)).as_deref(), Some("slab: slot word"));
        let field = inspect::DirectoryField::Count;
        let expected = "root: number of abandoned slabs of class";
        assert_eq!(name(Place::Abandoned(10, field)).as_deref(), Some(expected));
        let field = inspect::BinField::Cache;
        assert_eq!(name(Place::Bin(1, 20, field)).as_deref(), Some("heap, class: thread cache"));
        assert_eq!(name(Place::UnitMap(30)).as_deref(), Some("unit map: word"));
        assert_eq!(name(Place::Elsewhere), None);
        assert_eq!(name(Place::Memory(1, 2, 64)).as_deref(), Some("block: link and seal"));
        let program = PassedFor::of(Kind::Fill, Place::Memory(1, 2, 64)).map(PassedFor::name);
        assert_eq!(program.as_deref(), Some(CONTENTS[0]));
    }

    #[test]
    fn the_layout_is_that_of_the_allocator_that_ships() {
        type Simulated = Sim<Production>;
        fn measures<T>() -> (usize, usize) {
            (size_of::<T>(), align_of::<T>())
        }
        assert_eq!(measures::<Root<Simulated>>(), measures::<Root<hak::Native>>());
        assert_eq!(measures::<Heap<Simulated>>(), measures::<Heap<hak::Native>>());
        assert_eq!(measures::<Slab<Simulated>>(), measures::<Slab<hak::Native>>());
        assert_eq!(measures::<SuperSlab<Simulated>>(), measures::<SuperSlab<hak::Native>>());
        assert_eq!(align_of::<Root<Simulated>>() % LINE, 0);
    }
}
