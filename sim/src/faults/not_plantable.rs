//! The known bugs that cannot be planted, and why: the core is built so that there is no line to
//! take away, and no promise to break.
//!
//! Together with those of [`Fault::ALL`](hak_core::Fault::ALL) they are the whole list: a row is in
//! exactly one of the two.

/// A row without a planted fault.
pub struct Absent {
    /// The row.
    pub origin: &'static str,
    /// What went wrong there, in one sentence.
    pub about: &'static str,
    /// Why nothing is planted, in one sentence.
    pub why: &'static str,
}

/// Every row without a planted fault.
pub const ABSENT: &[Absent] = &[
    Absent {
        origin: "S3",
        about: "the registry is full, and a SuperSlab is silently not registered",
        why: "nothing is registered: a block's slab is found by arithmetic on its address, and \
            the table has a place for every slab of the range",
    },
    Absent {
        origin: "S7",
        about: "a block that no slab has memory for comes from another allocator, and free cannot \
            tell",
        why: "the core has no other allocator to ask: out of memory is null, and a pointer \
            outside of the range is refused",
    },
    Absent {
        origin: "S11",
        about: "a table of the allocator grows with memory of the allocator, in an endless loop",
        why: "no table grows: all of them lie in front of the units, have their memory from the \
            system before the range is published, and the core is built without an allocator that \
            it could call",
    },
    Absent {
        origin: "H6",
        about: "two locks are taken in both orders",
        why: "the core has no lock",
    },
    Absent {
        origin: "H10",
        about: "a benchmark measures another allocator than the one that it names",
        why: "it is about benchmarks, not about the core: those of hak call it by name, and a \
            search in which nothing could have happened is an error",
    },
    Absent {
        origin: "D14",
        about: "a spinner starves the holder of the lock that it waits for",
        why: "no thread of the core waits for another one; a search with --kill stops a thread \
            for ever at any step, and the others must finish",
    },
    Absent {
        origin: "D19",
        about: "malloc is called under the allocator's own lock",
        why: "the core has no lock, and calls nothing that allocates",
    },
    Absent {
        origin: "D25",
        about: "the process forks while another thread is inside the allocator",
        why: "the core has no lock that a fork could leave locked: to the child the other threads \
            have stopped for ever, as they do under --kill, and what their caches held is lost to \
            it",
    },
    Absent {
        origin: "D28",
        about: "fork handlers assume that forks come one at a time",
        why: "there is no fork handler",
    },
];
