//! The oracles by name: one table for all of them, also for those that are written further up.
//!
//! A new oracle is a row here and the place that accuses: an [`Observer`](super::Observer) of its
//! own, which `observe::RunObservers` lists, or a `Finding::new(oracle::NAME, message)` where the
//! rule is looked at. Reports, lists, the planted faults' rows and the tests that hold docs against
//! the program take it from here.

/// A constant for each oracle, and the list of all.
macro_rules! oracles {
    ($($NAME:ident: $name:literal, $about:literal;)*) => {
        $(#[doc = concat!("`", $name, "`: ", $about, ".")] pub const $NAME: &str = $name;)*

        /// Every oracle, with one sentence on what it checks.
        pub const ALL: &[(&str, &str)] = &[$(($NAME, $about)),*];
    };
}

oracles! {
    OVERLAP: "overlap", "no two live blocks overlap";
    DOUBLE_HAND_OUT: "double-hand-out", "no live block is handed out again";
    ALIGNMENT: "alignment", "blocks and accesses are aligned as asked for";
    CONTENT: "content", "a live block keeps its contents; a zeroed one is zero";
    LIVE_BLOCK: "live-block", "the allocator does not touch a block that the program holds";
    USABLE_SIZE: "usable-size", "of a block at least what was asked for may be used";
    INVALID_FREE: "invalid-free", "the program returns only what it holds";
    FOREIGN_ACCESS: "foreign-access", "no access leaves the arena";
    RELEASED_MEMORY: "released-memory",
        "no access to memory that was never obtained, or was given back";
    PAGE_STATE: "page-state", "pages are reserved, committed and released in order";
    DATA_RACE: "data-race", "accesses to a plain word are ordered by happens-before";
    OWNER_ONLY: "owner-only", "only the owner touches a slab's freelist and counts";
    TRANSITION: "transition",
        "slabs and SuperSlabs take only the steps of their lifecycle, made by who may make them";
    ACCOUNTING: "accounting",
        "at rest each block is in exactly one place, counts and stacks agree, memory goes back";
    OUT_OF_MEMORY: "out-of-memory",
        "null is the answer only where no room was left, or the system refused it";
    LIMIT: "limit", "what is counted as committed never exceeds the limit that was read";
    PAUSE: "pause", "an operation takes a bounded number of steps";
    PROGRESS: "progress", "the run ends within its bound of steps, and not in spinning alone";
    ASSERTION: "assertion", "no assertion of the core fails";
    MISUSE: "misuse", "a correct program is never accused";
    SECRET: "secret", "no memory that the program gets shows the seal of a free block";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_in_the_table_of_the_page() {
        let page = include_str!("../../../docs/SIMULATOR.md");
        let section = page.split("\n## ").find(|section| section.starts_with("What is checked"));
        let rows = section.expect("the section").lines().filter_map(|line| line.strip_prefix("| "));
        let names: Vec<&str> = rows.filter_map(|row| row.split('|').next()).collect();
        for (name, _) in ALL {
            let written = format!("`{name}`");
            let places = names.iter().filter(|names| names.contains(&written)).count();
            assert_eq!(places, 1, "docs/SIMULATOR.md, what is checked: {name}");
        }
    }
}
