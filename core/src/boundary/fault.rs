//! Planted faults: the bugs that the simulator must be able to find.
//!
//! A planted fault takes away, or reorders, one line of the core that protects against a known bug,
//! or makes one of its orderings relaxed; where no single line protects, it breaks the promise
//! itself (S5, D5). A word of `Plant` stands at that line and asks [`Platform::planted`]. The
//! native platform answers with a constant `false`, so that neither the question nor the faulty
//! path is in the shipped machine code; the simulator answers as the run was configured.
//!
//! To add one:
//! 1. a row in `faults!` below, behind the others of its origin;
//! 2. at the line, a word: `P::skipped(Fault::Name, || the_line())`, or another one of `Plant`;
//! 3. its name in the row of `docs/BUGS.md`, and the file of the line if that is a new one there;
//! 4. `hak-sim explore --plant name`: it is found, by the oracles that its row names;
//! 5. its trace: `hak-sim corpus --record --only name`, at the end, for any change of the core
//!    makes traces stale.

use crate::boundary::platform::{Ordering, Platform};

/// Words for healthy lines of the core, each with what becomes of the line while a fault is
/// planted: whoever leaves the word and the fault out reads what the core does. Natively each is
/// its healthy part and nothing else.
pub(crate) trait Plant: Platform {
    /// Does `action`; planted: does not.
    #[inline(always)]
    fn skipped(fault: Fault, action: impl FnOnce()) {
        if !Self::planted(fault) {
            action();
        }
    }

    /// Does `first`, and then `then`; planted: the other way round.
    #[inline(always)]
    fn swapped<A, B>(fault: Fault, first: impl FnOnce() -> A, then: impl FnOnce() -> B) -> (A, B) {
        if Self::planted(fault) {
            let then = then();
            (first(), then)
        } else {
            (first(), then())
        }
    }

    /// Looks at `first`, and if that holds, at `then`; whether both hold. Planted: the other way
    /// round.
    #[inline(always)]
    fn swapped_looks<A>(
        fault: Fault,
        first: impl FnOnce() -> Option<A>,
        then: impl FnOnce() -> bool,
    ) -> Option<A> {
        if Self::planted(fault) {
            if then() { first() } else { None }
        } else {
            first().filter(|_| then())
        }
    }

    /// Does `healthy`; planted: `faulty` in its place.
    #[inline(always)]
    fn replaced<T>(fault: Fault, healthy: impl FnOnce() -> T, faulty: impl FnOnce() -> T) -> T {
        if Self::planted(fault) { faulty() } else { healthy() }
    }

    /// Does nothing; planted: `action`, which belongs elsewhere or nowhere.
    #[inline(always)]
    fn added(fault: Fault, action: impl FnOnce()) {
        if Self::planted(fault) {
            action();
        }
    }

    /// The value `healthy`; planted: `faulty`. Both are worked out.
    #[inline(always)]
    fn wrong<T>(fault: Fault, healthy: T, faulty: T) -> T {
        if Self::planted(fault) { faulty } else { healthy }
    }

    /// The ordering of an access; planted: relaxed.
    #[inline(always)]
    fn relaxed(fault: Fault, order: Ordering) -> Ordering {
        if Self::planted(fault) { Ordering::Relaxed } else { order }
    }
}

impl<P: Platform> Plant for P {}

/// What is known of a fault. It is for people, and for whoever chooses a search: no oracle reads
/// it.
pub struct FaultRow {
    /// The name on the command line and in traces.
    pub name: &'static str,
    /// Its row in the list of known bugs, `docs/BUGS.md`.
    pub origin: &'static str,
    /// What it takes away.
    pub takes: Takes,
    /// What a run needs besides, so that it shows.
    pub needs: Needs,
    /// The oracles that are the first to find it, in one search or another; a run that goes on may
    /// break other rules.
    pub oracles: &'static [&'static str],
    /// What is wrong while it is planted, in one sentence.
    pub about: &'static str,
}

/// What a fault takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A line, its place or its ordering.
    Line,
    /// A check, a comparison or an exchange's condition.
    Check,
}

/// What a run needs so that a fault shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but the right interleaving.
    Nothing,
    /// Some word has to be read stale.
    WeakMemory,
    /// A thread has to stop for ever.
    StoppedThread,
    /// The map of units has to have more than one word.
    WideMap,
}

macro_rules! faults {
    ($(
        $fault:ident, $name:literal, $origin:ident, $takes:ident, $needs:ident,
        [$($oracle:literal),+], $about:literal;
    )+) => {
        /// A bug that can be planted at run time, in the simulator only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Fault {
            $(
                #[doc = concat!(stringify!($origin), ": ", $about, ".")]
                $fault,
            )+
        }

        impl Fault {
            /// Every fault, in the order of the list of known bugs.
            pub const ALL: &'static [Fault] = &[$(Fault::$fault),+];
        }

        /// One for each fault, in the same order.
        const ROWS: &[FaultRow] = &[$(
            FaultRow {
                name: $name,
                origin: stringify!($origin),
                takes: Takes::$takes,
                needs: Needs::$needs,
                oracles: &[$($oracle),+],
                about: $about,
            },
        )+];
    };
}

impl Fault {
    /// What is known of it.
    pub const fn row(self) -> &'static FaultRow {
        &ROWS[self as usize]
    }

    /// The name on the command line and in traces.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}

// Fault, name, origin, what it takes, what it needs, oracles, sentence.
faults! {
    UnownedDrain, "unowned-drain", S1, Line, Nothing, ["owner-only"],
        "refill drains the remote lists of the slabs around it without owning them";
    DrainBeforeClaim, "drain-before-claim", S2, Line, Nothing, ["owner-only"],
        "a slab's remote list is drained first and the slab claimed afterwards";
    LgMismatch, "lg-mismatch", S4, Line, Nothing,
        ["released-memory", "accounting", "live-block", "data-race"],
        "a slab is found with one size of a SuperSlab and given back with another";
    RegistryUninit, "registry-uninit", S5, Line, Nothing, ["misuse"],
        "the promise that any thread may free is broken: a free asks its thread's heap for the \
         range, and a thread that never allocated has no heap";
    FrontCacheBypass, "front-cache-bypass", S6, Line, Nothing,
        ["live-block", "assertion", "data-race", "misuse", "progress"],
        "blocks that went back to their slabs stay in the thread cache too";
    ClassLeftBehind, "class-left-behind", S6, Line, Nothing, ["accounting"],
        "a slab that goes to the pool keeps its class in the class map";
    SlabExhaustion, "slab-exhaustion", S8, Line, Nothing, ["out-of-memory"],
        "the pool does not grow beyond its first SuperSlab";
    StaleSlot, "stale-slot", S9, Check, Nothing,
        ["transition", "accounting", "data-race", "owner-only"],
        "a slot is taken that was seen free, though its SuperSlab was retired meanwhile";
    StaleClaim, "stale-claim", S10, Check, Nothing, ["transition"],
        "a SuperSlab is retired that was seen wholly free, though a slot of it was claimed \
         meanwhile";
    OwnerAlias, "owner-alias", S12, Check, Nothing, ["owner-only"],
        "only one bit of the owner identity is compared";
    ActiveUnderflow, "active-underflow", H2, Line, Nothing,
        ["foreign-access", "accounting", "assertion", "misuse", "live-block", "progress"],
        "a batch that leaves the freelist is not counted";
    GuessUnmapped, "guess-unmapped", H3, Check, Nothing, ["accounting"],
        "a pointer's slab is guessed, wherever the pointer leads";
    DropOnMiss, "drop-on-miss", H4, Line, Nothing, ["accounting"],
        "a remote free that loses its exchange is not tried again";
    RetireWhileCached, "retire-while-cached", H5, Line, Nothing,
        ["misuse", "live-block", "assertion"],
        "blocks in a thread cache are not counted, and their SuperSlab is retired";
    CacheStrand, "cache-strand", H9, Line, Nothing, ["accounting", "misuse"],
        "a thread ends with blocks in its cache";
    ReserveLostByFlush, "reserve-lost-by-flush", H9, Line, Nothing, ["accounting"],
        "a thread cache that is given up, or shrinks, forgets its reserve";
    StaleBitmap, "stale-bitmap", D1, Line, Nothing, ["data-race"],
        "the word of a SuperSlab's slot mask is exchanged with relaxed ordering";
    StackAba, "stack-aba", D2, Check, Nothing, ["data-race"],
        "the tag of the stacks of descriptors does not change";
    ReleaseWithoutLook, "release-without-look", D3, Check, Nothing, ["accounting"],
        "a released slab's remote list is not looked at again";
    PushWithoutLook, "push-without-look", D3, Check, Nothing, ["accounting"],
        "who frees remotely does not look whether the slab was released meanwhile";
    FlagLost, "flag-lost", D4, Check, Nothing, ["accounting", "data-race"],
        "a flag is changed by load and store while the rest of its word changes";
    AgedWithoutExchange, "aged-without-exchange", D4, Check, Nothing,
        ["overlap", "accounting", "page-state", "released-memory", "data-race", "misuse",
        "live-block", "transition", "double-hand-out"],
        "a kept mapping is marked as old by a store, though it may be taken meanwhile";
    IdentityReused, "identity-reused", D5, Line, Nothing, ["transition"],
        "the promise that an owner identity has one life is broken: the next thread of a heap \
         gets that of the last one";
    PublishBeforeReady, "publish-before-ready", D6, Line, Nothing, ["data-race", "released-memory"],
        "a piece of the range is published before its tables have memory";
    InitHalfSeen, "init-half-seen", D6, Line, Nothing, ["data-race"],
        "the word that says how far the range has grown is read with relaxed ordering";
    HeapBeforeMemory, "heap-before-memory", D6, Line, Nothing, ["released-memory"],
        "a heap is counted as used before it has memory";
    HeapAfterExit, "heap-after-exit", D7, Line, Nothing, ["transition", "assertion"],
        "a thread that has ended goes on with its old heap";
    ClaimWithoutExchange, "claim-without-exchange", D8, Check, Nothing, ["transition", "data-race"],
        "a slab is claimed by a store, not by an exchange";
    FreeOnlyStrand, "free-only-strand", D10, Line, Nothing, ["accounting"],
        "a thread that only freed ends with blocks in its cache";
    CountStrand, "count-strand", D10, Line, Nothing, ["accounting"],
        "a thread ends with counts of slots in its heap: from then on more or less is taken to \
         be idle than is";
    GuestKeepsSlab, "guest-keeps-slab", D10, Line, Nothing, ["accounting"],
        "a thread without a heap keeps the slab that it took a block of";
    OfferBeforeReady, "offer-before-ready", D11, Line, Nothing,
        ["transition", "data-race", "owner-only"],
        "a slot is offered before its slab is ready for the next owner";
    OfferBeforePurge, "offer-before-purge", D11, Line, Nothing, ["data-race"],
        "slots are offered again before their pages were purged";
    UnmapBeforeRetire, "unmap-before-retire", D12, Line, Nothing,
        ["accounting", "released-memory", "page-state", "live-block", "data-race"],
        "a SuperSlab's memory is taken away before the SuperSlab is closed";
    DrainWithoutAcquire, "drain-without-acquire", D16, Line, Nothing, ["data-race"],
        "a remote list is taken with relaxed ordering";
    SlabUsedAfterPurge, "slab-used-after-purge", D17, Line, Nothing, ["owner-only"],
        "a slab that was given to the pool stays in its heap's list";
    GrownOnOldLook, "grown-on-old-look", D17, Check, Nothing,
        ["overlap", "data-race", "live-block", "double-hand-out", "secret", "transition"],
        "a run grows into slots that were seen free, though they were taken meanwhile";
    HoleOnOldLook, "hole-on-old-look", D17, Check, Nothing,
        ["overlap", "data-race", "live-block", "double-hand-out", "secret", "transition"],
        "a run is put into a hole that was left free, though its slots were taken meanwhile";
    MissedWakeUp, "missed-wake-up", D20, Line, WeakMemory, ["accounting"],
        "the look at a released slab's remote list is relaxed: releaser and remote free may \
         miss each other";
    RoundMissed, "round-missed", D20, Line, Nothing, ["accounting"],
        "a round of decay is noted as made at its end, not at its beginning: what becomes idle \
         meanwhile has no round to come";
    ListedTwice, "listed-twice", D21, Check, Nothing, ["accounting", "progress"],
        "whether a SuperSlab is listed is decided by an earlier look, though others list it too";
    PurgeWithoutTaking, "purge-without-taking", D21, Check, Nothing, ["data-race", "live-block"],
        "pages of slots are purged that were seen free and not taken";
    OpenBeforeReady, "open-before-ready", D23, Line, Nothing, ["data-race"],
        "a SuperSlab is opened before it has memory";
    ReleaseBeforeUnmap, "release-before-unmap", D23, Line, Nothing, ["data-race", "page-state"],
        "a mapping's units are free for others before its memory was taken away";
    KeptBeforeClosed, "kept-before-closed", D23, Line, Nothing, ["misuse", "accounting"],
        "a freed mapping is there for others before its block was closed";
    OfferBeforeMove, "offer-before-move", D23, Line, Nothing,
        ["page-state", "data-race", "accounting"],
        "a mapping's units are free for others before its pages were moved away";
    ExtendedOnOldLook, "extended-on-old-look", D23, Check, Nothing,
        ["overlap", "data-race", "accounting", "page-state", "transition"],
        "a kept mapping is made longer by units that were seen free, though they were taken \
         meanwhile";
    MapUpdateLost, "map-update-lost", D24, Line, Nothing, ["data-race", "page-state", "accounting"],
        "a unit is given back by a load and a store of the unit map, while others claim";
    TouchLost, "touch-lost", D24, Line, Nothing, ["content", "accounting"],
        "which slots were touched is noted by a load and a store, while others touch theirs";
    KeptWithoutExchange, "kept-without-exchange", D24, Check, Nothing,
        ["double-hand-out", "data-race", "live-block", "page-state", "released-memory",
         "accounting"], "a kept mapping is taken by a store, not by an exchange";
    JoinedOverGap, "joined-over-gap", D24, Line, Nothing,
        ["page-state", "released-memory", "accounting"],
        "two kept mappings become one, although the end of the first one has no memory";
    CutTooLong, "cut-too-long", D24, Line, Nothing,
        ["overlap", "page-state", "data-race", "accounting", "transition", "misuse"],
        "of a kept mapping that is cut, the rest is kept with what was cut off";
    ReopenedAtExit, "reopened-at-exit", D27, Check, Nothing, ["accounting"],
        "a slab that a late free brings back while its thread ends is not given up again";
    HeapReusedEarly, "heap-reused-early", D29, Line, Nothing, ["data-race"],
        "a heap is free for the next thread before its slabs were given up";
    CommitFailureLeak, "commit-failure-leak", D30, Line, Nothing, ["accounting"],
        "after a failed commit the unit stays claimed";
    ReuseFailureLeak, "reuse-failure-leak", D30, Line, Nothing, ["accounting"],
        "a kept mapping that the system refuses to make longer is lost";
    GrowthFailureLeak, "growth-failure-leak", D30, Line, Nothing, ["accounting"],
        "a mapping that cannot grow keeps the units that it was to grow into";
    MoveFailureLeak, "move-failure-leak", D30, Line, Nothing, ["accounting"],
        "a mapping whose pages the system refuses to move keeps the units that they were to be \
         moved to";
    LeftoverForgotten, "leftover-forgotten", D30, Line, Nothing, ["accounting", "page-state"],
        "memory of a mapping that the system did not take back is forgotten";
    RefusedRetirement, "refused-retirement", D30, Line, Nothing, ["accounting"],
        "a SuperSlab whose memory the system did not take back is not opened again";
    RefusedResetTrusted, "refused-reset-trusted", D30, Line, Nothing, ["content"],
        "pages that the system refused to reset are taken for fresh";
    RefusedShrink, "refused-shrink", D30, Line, Nothing, ["content", "out-of-memory"],
        "a block whose end the system did not wholly take back is taken to be as it was";
    RollbackForgotten, "rollback-forgotten", D30, Line, WideMap, ["accounting"],
        "a claim of units that fails in its second word of the map keeps those of the first";
    ListedAfterRelease, "listed-after-release", R1, Line, Nothing, ["accounting", "out-of-memory"],
        "an abandoned slab is listed after it was released, when others may have claimed it";
    ClassSeenFirst, "class-seen-first", R1, Line, Nothing, ["assertion"],
        "a slab's class is looked at before its slot word: it is adopted for a class that it \
         had before";
    SealsLeftBehind, "seals-left-behind", A1, Line, Nothing, ["secret"],
        "seals of free blocks stay in memory that becomes blocks of another size, or a run: the \
         program can read the secret off them";
    UnsealedPush, "unsealed-push", A2, Line, Nothing, ["misuse", "accounting"],
        "a block that is freed straight to its slab gets a link, and no seal: it is not known \
         to be free";
    RoomOffByOne, "room-off-by-one", A2, Line, Nothing, ["accounting"],
        "a refilled thread cache has one block more of room than it should";
    NoSecondAttempt, "no-second-attempt", A3, Line, Nothing, ["out-of-memory"],
        "after memory went back to the system, there is no further attempt to allocate";
    RunsLookedForShortly, "runs-looked-for-shortly", A3, Line, Nothing, ["out-of-memory"],
        "a run is refused before every SuperSlab was looked at";
    DecommitUncounted, "decommit-uncounted", A4, Line, Nothing, ["accounting"],
        "the bytes of a decommit are not taken off what is counted as committed";
    RefusedCommitCounted, "refused-commit-counted", A4, Line, Nothing, ["accounting"],
        "the bytes of a commit that the system refuses stay counted";
    MoveUncounted, "move-uncounted", A4, Line, Nothing, ["accounting"],
        "what a moved mapping is longer by is not counted";
    LimitAddedFirst, "limit-added-first", A4, Line, Nothing, ["limit"],
        "bytes are counted first, and taken off again if they exceed the limit: others are \
         refused meanwhile what fits";
    IdleBoundOff, "idle-bound-off", B1, Line, Nothing, ["accounting"],
        "however much lies idle, it is not taken for too much";
    KeptBytesNotLowered, "kept-bytes-not-lowered", B1, Line, Nothing, ["accounting"],
        "the bytes of a kept mapping that is taken stay counted as kept";
    CountsAfterHeap, "counts-after-heap", B1, Line, Nothing, ["data-race"],
        "a thread that ends adds what its heap counted after the heap was given up, when \
         another may have it";
    ShareOfTheFirst, "share-of-the-first", B1, Line, Nothing, ["accounting"],
        "every heap counts as many slots for itself as the first one may: together they hide more \
         than a constant";
    SliceForgets, "slice-forgets", B2, Line, Nothing, ["accounting"],
        "the last of several slices of a round does not ask for another one";
    SliceOwnedForEver, "slice-owned-for-ever", B2, Line, StoppedThread, ["accounting"],
        "a slice of decay keeps others out for ever, although its thread has stopped in the \
         middle of it";
    RoundGivesNothing, "round-gives-nothing", B3, Line, Nothing, ["accounting"],
        "a round of decay marks and finds what is old, and gives none of it back";
    NextRoundLate, "next-round-late", B3, Line, Nothing, ["accounting"],
        "the next round of decay is due in 49 days";
    NeverTidied, "never-tidied", B3, Check, Nothing, ["accounting"],
        "what a living thread's heap holds and has not used for two intervals does not go back";
    OneBlockTooMany, "one-block-too-many", C4, Line, Nothing, ["misuse", "secret"],
        "the blocks of a slab are rounded up, so that its last one does not fit";
}
