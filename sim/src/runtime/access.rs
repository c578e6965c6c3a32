//! Accesses: what a simulated thread is about to do to the world.
//!
//! An [`Access`] is known in full *before* it has any effect. Those whose [`Kind::is_choice`] holds
//! are the scheduler's choice points; the others (plain words, ranges) are checked but never
//! interleaved, because a race on them is found by happens-before whatever the interleaving was.

use std::panic::Location;

pub use hak_core::Ordering;

/// The most simulated threads in one world.
pub const THREADS_MAX: usize = 8;

/// A simulated thread: its place in the list of bodies.
pub type ThreadId = usize;

/// What an access does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The first step of a thread.
    #[default]
    Start,
    /// Atomic read.
    Load,
    /// Atomic write.
    Store,
    /// Atomic exchange.
    Swap,
    /// Atomic compare and exchange.
    CompareExchange,
    /// Atomic compare and exchange that may fail spuriously.
    CompareExchangeWeak,
    /// Atomic addition.
    FetchAdd,
    /// Atomic subtraction.
    FetchSub,
    /// Atomic bitwise and.
    FetchAnd,
    /// Atomic bitwise or.
    FetchOr,
    /// A fence.
    Fence,
    /// A spin hint.
    Spin,
    /// Address space is reserved.
    Reserve,
    /// Pages get memory.
    Commit,
    /// Pages lose their memory.
    Decommit,
    /// A reserved range is given back.
    Release,
    /// Read of a plain word.
    PlainGet,
    /// Write of a plain word.
    PlainSet,
    /// A range is cleared.
    Zero,
    /// The source of a copy.
    CopyFrom,
    /// The target of a copy.
    CopyTo,
    /// The program fills a block that it received.
    Fill,
    /// The program checks a block that it returns.
    Check,
    /// The program is accused of misuse.
    Misuse,
    /// Pages lose their memory and get fresh memory.
    Reset,
    /// Pages are moved to other ones, which are more.
    Relocate,
    /// Certain addresses are reserved behind a range.
    Extend,
    /// Pages get memory that have none.
    Ensure,
}

impl Kind {
    /// Every kind; the place in this list is the kind's number.
    pub const ALL: &'static [Kind] = &[
        Kind::Start,
        Kind::Load,
        Kind::Store,
        Kind::Swap,
        Kind::CompareExchange,
        Kind::CompareExchangeWeak,
        Kind::FetchAdd,
        Kind::FetchSub,
        Kind::FetchAnd,
        Kind::FetchOr,
        Kind::Fence,
        Kind::Spin,
        Kind::Reserve,
        Kind::Commit,
        Kind::Decommit,
        Kind::Release,
        Kind::PlainGet,
        Kind::PlainSet,
        Kind::Zero,
        Kind::CopyFrom,
        Kind::CopyTo,
        Kind::Fill,
        Kind::Check,
        Kind::Misuse,
        Kind::Reset,
        Kind::Relocate,
        Kind::Extend,
        Kind::Ensure,
    ];

    /// The kind with this number, which there is.
    pub(crate) const fn numbered(number: u8) -> Kind {
        Kind::ALL[number as usize]
    }

    /// The words for messages and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::Load => "load",
            Kind::Store => "store",
            Kind::Swap => "swap",
            Kind::CompareExchange => "compare-exchange",
            Kind::CompareExchangeWeak => "weak compare-exchange",
            Kind::FetchAdd => "fetch-add",
            Kind::FetchSub => "fetch-sub",
            Kind::FetchAnd => "fetch-and",
            Kind::FetchOr => "fetch-or",
            Kind::Fence => "fence",
            Kind::Spin => "spin",
            Kind::Reserve => "reserve",
            Kind::Commit => "commit",
            Kind::Decommit => "decommit",
            Kind::Release => "release",
            Kind::PlainGet => "plain read",
            Kind::PlainSet => "plain write",
            Kind::Zero => "zeroing",
            Kind::CopyFrom => "copy from",
            Kind::CopyTo => "copy to",
            Kind::Fill => "fill by the program",
            Kind::Check => "check by the program",
            Kind::Misuse => "misuse",
            Kind::Reset => "reset",
            Kind::Relocate => "relocate",
            Kind::Extend => "extend",
            Kind::Ensure => "ensure",
        }
    }

    /// Whether the scheduler chooses in front of it.
    pub const fn is_choice(self) -> bool {
        (self as u8) < (Kind::PlainGet as u8) || (self as u8) >= (Kind::Reset as u8)
    }

    /// Whether it is an operation on a shared word.
    pub const fn is_atomic(self) -> bool {
        (self as u8) >= (Kind::Load as u8) && (self as u8) <= (Kind::FetchOr as u8)
    }

    /// Whether it may change the memory that it names.
    pub const fn may_write(self) -> bool {
        let reads = matches!(self, Kind::Load | Kind::PlainGet | Kind::CopyFrom | Kind::Check);
        let touches_nothing = matches!(
            self,
            Kind::Start | Kind::Fence | Kind::Spin | Kind::Reserve | Kind::Extend | Kind::Misuse
        );
        !reads && !touches_nothing
    }
}

/// One access: all that is known before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Where in the arena (address minus base; wrapped around if the address is outside).
    pub offset: usize,
    /// How many bytes.
    pub bytes: usize,
    /// The line of the program.
    pub site: &'static Location<'static>,
    /// What it does.
    pub kind: Kind,
    /// With which ordering; relaxed where it has none.
    pub order: Ordering,
    /// Whether it is an operation on a shared word of a type that may hold an address.
    pub may_be_address: bool,
}

impl Access {
    /// The access that every thread begins with.
    #[track_caller]
    pub fn start() -> Access {
        Access::plain(Kind::Start, 0, 0, Location::caller())
    }

    /// An access without an ordering: everything but operations on shared words and fences.
    #[inline]
    pub(crate) fn plain(
        kind: Kind,
        offset: usize,
        bytes: usize,
        site: &'static Location<'static>,
    ) -> Access {
        Access { offset, bytes, site, kind, order: Ordering::Relaxed, may_be_address: false }
    }

    /// Whether the two touch a common word and at least one of them may write: their order then
    /// matters.
    pub fn conflicts(&self, other: &Access) -> bool {
        (self.kind.may_write() || other.kind.may_write())
            && self.offset < other.offset.wrapping_add(other.bytes)
            && other.offset < self.offset.wrapping_add(self.bytes)
    }
}

/// A set of simulated threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ThreadSet(pub u8);

impl ThreadSet {
    /// No thread.
    pub const EMPTY: ThreadSet = ThreadSet(0);

    /// How many.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this thread is in it.
    pub const fn contains(self, thread: ThreadId) -> bool {
        thread < THREADS_MAX && self.0 >> thread & 1 == 1
    }

    /// The set with this thread.
    #[must_use]
    pub const fn with(self, thread: ThreadId) -> ThreadSet {
        ThreadSet(self.0 | 1 << thread)
    }

    /// The set without this thread.
    #[must_use]
    pub const fn without(self, thread: ThreadId) -> ThreadSet {
        ThreadSet(self.0 & !(1 << thread))
    }

    /// The thread with the least number. The set is not empty.
    pub const fn first(self) -> ThreadId {
        debug_assert!(self.0 != 0);
        self.0.trailing_zeros() as ThreadId
    }

    /// The `place`-th thread by number, counted from zero. The set has more than `place` threads.
    #[inline]
    pub fn nth(self, place: usize) -> ThreadId {
        debug_assert!(place < self.len());
        NTH[self.0 as usize][place % THREADS_MAX] as ThreadId
    }

    /// The threads by number.
    pub fn iter(self) -> impl Iterator<Item = ThreadId> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let thread = rest.trailing_zeros() as ThreadId;
                rest &= rest - 1;
                thread
            })
        })
    }
}

/// For each set, its threads in order: a choice among them is one load, where a loop would be a
/// branch that nothing can predict.
static NTH: [[u8; THREADS_MAX]; 256] = {
    let mut table = [[0; THREADS_MAX]; 256];
    let mut set = 0;
    while set < 256 {
        let (mut thread, mut place) = (0, 0);
        while thread < THREADS_MAX {
            if set >> thread & 1 == 1 {
                table[set][place] = thread as u8;
                place += 1;
            }
            thread += 1;
        }
        set += 1;
    }
    table
};
