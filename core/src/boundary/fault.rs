//! Planted faults: the bugs that the simulator must be able to find.
//!
//! A planted fault takes away, or reorders, one line of the core that protects against a known bug, or makes one of its
//! orderings relaxed; where no single line protects, it breaks the promise itself (S5, D5). The core asks
//! [`Platform::planted`] at that line. The native platform answers with a constant `false`, so that neither the question nor
//! the faulty path is in the shipped machine code; the simulator answers as the run was configured.

use crate::boundary::platform::{Ordering, Platform};

/// The ordering of an access; relaxed while `fault` is planted. Natively it is the ordering and nothing else.
#[inline(always)]
pub(crate) fn unless_planted<P: Platform>(fault: Fault, order: Ordering) -> Ordering {
    if P::planted(fault) { Ordering::Relaxed } else { order }
}

/// A bug that can be planted at run time, in the simulator only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Fault {
    /// S1: refill drains the remote list of a slab that it does not own.
    UnownedDrain,
    /// S2: the remote list is drained first and the owner claimed afterwards.
    DrainBeforeClaim,
    /// S4: a slab is found with one size of a SuperSlab and given back with another.
    LgMismatch,
    /// S5: a free asks its thread's copy of the registry, which a thread that never allocated does not have.
    RegistryUninit,
    /// S6: blocks that were flushed to their slabs stay in the thread cache too.
    FrontCacheBypass,
    /// S6: a slab that goes to the pool keeps its class in the class map.
    ClassLeftBehind,
    /// S8: the pool does not grow beyond its first SuperSlab.
    SlabExhaustion,
    /// S9: a slot is taken that was seen free, without looking whether its SuperSlab was retired meanwhile.
    StaleSlot,
    /// S10: a SuperSlab that was seen wholly free is retired, without looking whether a slot was claimed meanwhile.
    StaleClaim,
    /// S12: only one bit of the owner identity is compared.
    OwnerAlias,
    /// H2: a batch that leaves the freelist is not counted.
    ActiveUnderflow,
    /// H3: a pointer's slab is guessed, without looking whether the pointer lies in the range.
    GuessUnmapped,
    /// H4: a remote free that loses its exchange is not tried again.
    DropOnMiss,
    /// H5: blocks in a thread cache are not counted, so that their SuperSlab is retired.
    RetireWhileCached,
    /// H9: a thread ends with blocks in its cache.
    CacheStrand,
    /// D1: a SuperSlab's word is exchanged with relaxed ordering.
    StaleBitmap,
    /// D2: the tag of a stack of descriptors does not change.
    StackAba,
    /// D3: a released slab's remote list is not looked at again.
    ReleaseWithoutLook,
    /// D3: whoever frees remotely does not look whether the slab was released meanwhile.
    PushWithoutLook,
    /// D4: a flag is changed with a load and a store, while the rest of its word changes.
    FlagLost,
    /// D4: decay marks a kept mapping with a store, while its entry changes.
    AgedWithoutExchange,
    /// D5: a heap that is used again keeps its owner identity.
    IdentityReused,
    /// D6: a piece of the range is published before its tables have memory.
    PublishBeforeReady,
    /// D6: how far the range has grown is read with relaxed ordering.
    InitHalfSeen,
    /// D6: a heap is counted as used before it has memory.
    HeapBeforeMemory,
    /// D7: a thread that has ended goes on with its old heap.
    HeapAfterExit,
    /// D8: a slab is claimed by a store, not by an exchange.
    ClaimWithoutExchange,
    /// D10: a thread that only freed ends with blocks in its cache.
    FreeOnlyStrand,
    /// D10: a thread ends with counts of slots that nobody knows of then.
    CountStrand,
    /// D10: a thread without a heap keeps the slab that it took a block of.
    GuestKeepsSlab,
    /// D11: a slot is offered before its slab is ready for it.
    OfferBeforeReady,
    /// D11: slots are offered before their pages were purged.
    OfferBeforePurge,
    /// D12: a SuperSlab's memory is taken away before the SuperSlab is closed.
    UnmapBeforeRetire,
    /// D16: a remote list is taken with relaxed ordering.
    DrainWithoutAcquire,
    /// D17: a heap keeps a slab in its list that it gave to the pool.
    SlabUsedAfterPurge,
    /// D17: a run grows into slots that were seen free, without looking whether they were taken meanwhile.
    GrownOnOldLook,
    /// D20: the look at a released slab's remote list is no part of the total order.
    MissedWakeUp,
    /// D20: a round of decay is taken for made after it, not before: what becomes idle meanwhile waits for none.
    RoundMissed,
    /// D21: whether a SuperSlab is listed is seen before the exchange that lists it.
    ListedTwice,
    /// D21: pages are purged whose slots were seen free, and not taken.
    PurgeWithoutTaking,
    /// D23: a SuperSlab is opened before it has memory.
    OpenBeforeReady,
    /// D23: a mapping's units are free for others before its memory was taken away.
    ReleaseBeforeUnmap,
    /// D23: a mapping is in the table of kept ones before its block was closed.
    KeptBeforeClosed,
    /// D23: the units of a mapping are free for others before its pages were moved away.
    OfferBeforeMove,
    /// D24: units are given back with a load and a store of the unit map.
    MapUpdateLost,
    /// D24: touched slots are noted with a load and a store.
    TouchLost,
    /// D24: a kept mapping is taken by a store, not by an exchange.
    KeptWithoutExchange,
    /// D27: a slab that comes back to a heap while its thread ends is not given up again.
    ReopenedAtExit,
    /// D29: a heap is free for the next thread before its slabs were given up.
    HeapReusedEarly,
    /// D30: after a failed commit the unit stays claimed.
    CommitFailureLeak,
    /// D30: after a failed commit of its end a kept mapping stays claimed.
    ReuseFailureLeak,
    /// D30: after a failed commit the units stay claimed that a mapping was to grow into.
    GrowthFailureLeak,
    /// D30: after a refused move the units stay claimed that a mapping's pages were to be moved to.
    MoveFailureLeak,
    /// D30: memory that the system did not take back is forgotten.
    LeftoverForgotten,
    /// D30: a SuperSlab whose memory the system did not take back is not opened again.
    RefusedRetirement,
    /// D30: pages that the system refused to reset are taken for fresh.
    RefusedResetTrusted,
    /// D30: a block is taken to be as it was whose end the system did not wholly take back.
    RefusedShrink,
    /// D30: a claim of units that fails in its second word of the map keeps those of the first.
    RollbackForgotten,
    /// R1: an abandoned slab is listed after it was released.
    ListedAfterRelease,
    /// R1: a slab's class is looked at before its slot word, so that a slab is adopted that got another class meanwhile.
    ClassSeenFirst,
    /// A1: seals stay in memory that becomes blocks of another size, or a run.
    SealsLeftBehind,
    /// A2: a block that is freed straight to its slab gets a link, and no seal.
    UnsealedPush,
    /// A2: a refilled thread cache takes one block more than it has room for.
    RoomOffByOne,
    /// A3: after memory went back there is no further attempt to allocate.
    NoSecondAttempt,
    /// A3: no memory for a run is said to be there before every SuperSlab was looked at.
    RunsLookedForShortly,
    /// A4: the bytes of a decommit stay counted.
    DecommitUncounted,
    /// A4: the bytes of a commit that the system refuses stay counted.
    RefusedCommitCounted,
    /// A4: what a moved mapping is longer by is not counted.
    MoveUncounted,
    /// B1: nothing is ever taken for too much idle memory.
    IdleBoundOff,
    /// B1: a kept mapping that is taken stays counted as kept.
    KeptBytesNotLowered,
    /// B1: a thread adds what its heap counted after it gave the heap up.
    CountsAfterHeap,
    /// B1: every heap counts as much for itself as the first one may.
    ShareOfTheFirst,
    /// B2: the last of several slices does not ask for another round.
    SliceForgets,
    /// B2: a slice that is under way keeps others out for ever, although its thread has stopped.
    SliceOwnedForEver,
    /// B3: a round of decay finds what is old and gives nothing of it back.
    RoundGivesNothing,
    /// B3: the next round of decay is 49 days ahead.
    NextRoundLate,
    /// C4: a slab is taken to have one block more than fit.
    OneBlockTooMany,
}

impl Fault {
    /// Every fault, in the order of the acceptance list.
    pub const ALL: &'static [Fault] = &[
        Fault::UnownedDrain,
        Fault::DrainBeforeClaim,
        Fault::LgMismatch,
        Fault::RegistryUninit,
        Fault::FrontCacheBypass,
        Fault::ClassLeftBehind,
        Fault::SlabExhaustion,
        Fault::StaleSlot,
        Fault::StaleClaim,
        Fault::OwnerAlias,
        Fault::ActiveUnderflow,
        Fault::GuessUnmapped,
        Fault::DropOnMiss,
        Fault::RetireWhileCached,
        Fault::CacheStrand,
        Fault::StaleBitmap,
        Fault::StackAba,
        Fault::ReleaseWithoutLook,
        Fault::PushWithoutLook,
        Fault::FlagLost,
        Fault::AgedWithoutExchange,
        Fault::IdentityReused,
        Fault::PublishBeforeReady,
        Fault::InitHalfSeen,
        Fault::HeapBeforeMemory,
        Fault::HeapAfterExit,
        Fault::ClaimWithoutExchange,
        Fault::FreeOnlyStrand,
        Fault::CountStrand,
        Fault::GuestKeepsSlab,
        Fault::OfferBeforeReady,
        Fault::OfferBeforePurge,
        Fault::UnmapBeforeRetire,
        Fault::DrainWithoutAcquire,
        Fault::SlabUsedAfterPurge,
        Fault::GrownOnOldLook,
        Fault::MissedWakeUp,
        Fault::RoundMissed,
        Fault::ListedTwice,
        Fault::PurgeWithoutTaking,
        Fault::OpenBeforeReady,
        Fault::ReleaseBeforeUnmap,
        Fault::KeptBeforeClosed,
        Fault::OfferBeforeMove,
        Fault::MapUpdateLost,
        Fault::TouchLost,
        Fault::KeptWithoutExchange,
        Fault::ReopenedAtExit,
        Fault::HeapReusedEarly,
        Fault::CommitFailureLeak,
        Fault::ReuseFailureLeak,
        Fault::GrowthFailureLeak,
        Fault::MoveFailureLeak,
        Fault::LeftoverForgotten,
        Fault::RefusedRetirement,
        Fault::RefusedResetTrusted,
        Fault::RefusedShrink,
        Fault::RollbackForgotten,
        Fault::ListedAfterRelease,
        Fault::ClassSeenFirst,
        Fault::SealsLeftBehind,
        Fault::UnsealedPush,
        Fault::RoomOffByOne,
        Fault::NoSecondAttempt,
        Fault::RunsLookedForShortly,
        Fault::DecommitUncounted,
        Fault::RefusedCommitCounted,
        Fault::MoveUncounted,
        Fault::IdleBoundOff,
        Fault::KeptBytesNotLowered,
        Fault::CountsAfterHeap,
        Fault::ShareOfTheFirst,
        Fault::SliceForgets,
        Fault::SliceOwnedForEver,
        Fault::RoundGivesNothing,
        Fault::NextRoundLate,
        Fault::OneBlockTooMany,
    ];

    /// The name on the command line and in traces.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::UnownedDrain => "unowned-drain",
            Fault::DrainBeforeClaim => "drain-before-claim",
            Fault::LgMismatch => "lg-mismatch",
            Fault::RegistryUninit => "registry-uninit",
            Fault::FrontCacheBypass => "front-cache-bypass",
            Fault::ClassLeftBehind => "class-left-behind",
            Fault::SlabExhaustion => "slab-exhaustion",
            Fault::StaleSlot => "stale-slot",
            Fault::StaleClaim => "stale-claim",
            Fault::OwnerAlias => "owner-alias",
            Fault::ActiveUnderflow => "active-underflow",
            Fault::GuessUnmapped => "guess-unmapped",
            Fault::DropOnMiss => "drop-on-miss",
            Fault::RetireWhileCached => "retire-while-cached",
            Fault::CacheStrand => "cache-strand",
            Fault::StaleBitmap => "stale-bitmap",
            Fault::StackAba => "stack-aba",
            Fault::ReleaseWithoutLook => "release-without-look",
            Fault::PushWithoutLook => "push-without-look",
            Fault::FlagLost => "flag-lost",
            Fault::AgedWithoutExchange => "aged-without-exchange",
            Fault::IdentityReused => "identity-reused",
            Fault::PublishBeforeReady => "publish-before-ready",
            Fault::InitHalfSeen => "init-half-seen",
            Fault::HeapBeforeMemory => "heap-before-memory",
            Fault::HeapAfterExit => "heap-after-exit",
            Fault::ClaimWithoutExchange => "claim-without-exchange",
            Fault::FreeOnlyStrand => "free-only-strand",
            Fault::CountStrand => "count-strand",
            Fault::GuestKeepsSlab => "guest-keeps-slab",
            Fault::OfferBeforeReady => "offer-before-ready",
            Fault::OfferBeforePurge => "offer-before-purge",
            Fault::UnmapBeforeRetire => "unmap-before-retire",
            Fault::DrainWithoutAcquire => "drain-without-acquire",
            Fault::SlabUsedAfterPurge => "slab-used-after-purge",
            Fault::GrownOnOldLook => "grown-on-old-look",
            Fault::MissedWakeUp => "missed-wake-up",
            Fault::RoundMissed => "round-missed",
            Fault::ListedTwice => "listed-twice",
            Fault::PurgeWithoutTaking => "purge-without-taking",
            Fault::OpenBeforeReady => "open-before-ready",
            Fault::ReleaseBeforeUnmap => "release-before-unmap",
            Fault::KeptBeforeClosed => "kept-before-closed",
            Fault::OfferBeforeMove => "offer-before-move",
            Fault::MapUpdateLost => "map-update-lost",
            Fault::TouchLost => "touch-lost",
            Fault::KeptWithoutExchange => "kept-without-exchange",
            Fault::ReopenedAtExit => "reopened-at-exit",
            Fault::HeapReusedEarly => "heap-reused-early",
            Fault::CommitFailureLeak => "commit-failure-leak",
            Fault::ReuseFailureLeak => "reuse-failure-leak",
            Fault::GrowthFailureLeak => "growth-failure-leak",
            Fault::MoveFailureLeak => "move-failure-leak",
            Fault::LeftoverForgotten => "leftover-forgotten",
            Fault::RefusedRetirement => "refused-retirement",
            Fault::RefusedResetTrusted => "refused-reset-trusted",
            Fault::RefusedShrink => "refused-shrink",
            Fault::RollbackForgotten => "rollback-forgotten",
            Fault::ListedAfterRelease => "listed-after-release",
            Fault::ClassSeenFirst => "class-seen-first",
            Fault::SealsLeftBehind => "seals-left-behind",
            Fault::UnsealedPush => "unsealed-push",
            Fault::RoomOffByOne => "room-off-by-one",
            Fault::NoSecondAttempt => "no-second-attempt",
            Fault::RunsLookedForShortly => "runs-looked-for-shortly",
            Fault::DecommitUncounted => "decommit-uncounted",
            Fault::RefusedCommitCounted => "refused-commit-counted",
            Fault::MoveUncounted => "move-uncounted",
            Fault::IdleBoundOff => "idle-bound-off",
            Fault::KeptBytesNotLowered => "kept-bytes-not-lowered",
            Fault::CountsAfterHeap => "counts-after-heap",
            Fault::ShareOfTheFirst => "share-of-the-first",
            Fault::SliceForgets => "slice-forgets",
            Fault::SliceOwnedForEver => "slice-owned-for-ever",
            Fault::RoundGivesNothing => "round-gives-nothing",
            Fault::NextRoundLate => "next-round-late",
            Fault::OneBlockTooMany => "one-block-too-many",
        }
    }

    /// The fault of that name.
    pub fn from_name(name: &str) -> Option<Fault> {
        Fault::ALL.iter().copied().find(|fault| fault.name() == name)
    }
}
