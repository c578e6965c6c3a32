//! What allocators do with atomics, as small tests: each with the orderings that are right and with
//! those that are not. The numbers in the names are those of the catalogue of bugs that real
//! allocators shipped.
//!
//! Invariants:
//! 1. References to words that are not in the user area's table lead into the arena of the world
//!    that runs, and are used while it runs: there any bytes are a value, and words look for their
//!    place themselves. Shared and plain words of one size are cells of the same bytes.

use hak_core::Plain;

use super::*;

/// A list of two producers, drained by one exchange: the blocks' links are plain.
fn drain_by_exchange(push: Ordering, take: Ordering, expected: &str) {
    let node = |index: usize| plain_word(8 + index);
    let producer = |index: usize| {
        move |_: &Registers| {
            let mut head = X.load(Relaxed);
            loop {
                node(index).set(head);
                match X.compare_exchange(head, index as u64, push, Relaxed) {
                    Ok(_) => return,
                    Err(seen) => head = seen,
                }
            }
        }
    };
    let consumer = |registers: &Registers| {
        let mut block = X.swap(0, take);
        while block != 0 {
            registers.put(0, registers.get(0) + block);
            block = node(block as usize).get();
        }
    };
    Litmus::new(1, &[&producer(1), &producer(2), &consumer]).expect_both(expected);
}

#[test]
fn d16_draining_a_list_by_an_acquiring_exchange() {
    drain_by_exchange(Release, Acquire, "0 1 2 3");
}

#[test]
fn d16_draining_a_list_by_a_relaxed_exchange_races() {
    drain_by_exchange(Release, Relaxed, "0 data-race");
}

#[test]
fn d16_pushing_on_a_list_relaxed_races() {
    drain_by_exchange(Relaxed, Acquire, "0 data-race");
}

/// Two threads come first at once: one makes the table, both use it.
fn first_touch(publish: Ordering, look: Ordering, plain: bool, sequential: &str, weak: &str) {
    // x: 0 untouched, 1 being made, 2 ready. z: the table.
    let body = |register| {
        move |registers: &Registers| {
            if exchanged(X, 0, 1, Relaxed, Relaxed) {
                if plain {
                    DATA.set(7);
                } else {
                    Z.store(7, Relaxed);
                }
                X.store(2, publish);
            }
            if X.load(look) == 2 {
                registers.put(register, if plain { DATA.get() } else { Z.load(Relaxed) } + 1);
            }
        }
    };
    Litmus::new(2, &[&body(0), &body(1)]).expect(sequential, weak);
}

#[test]
fn d6_first_touch_with_release_and_acquire() {
    first_touch(Release, Acquire, true, "08 80 88", "08 80 88");
    first_touch(Release, Acquire, false, "08 80 88", "08 80 88");
}

#[test]
fn d6_first_touch_published_relaxed_is_seen_half_done() {
    first_touch(Relaxed, Acquire, true, "08 80 data-race", "08 80 data-race");
    first_touch(Relaxed, Acquire, false, "08 80 88", "08 18 80 81 88");
    first_touch(Release, Relaxed, false, "08 80 88", "08 18 80 81 88");
}

/// A slab is prepared and its bit set in a mask; another thread clears the bit and uses the slab.
fn publish_by_bitmap(set: Ordering, clear: Ordering, sequential: &str, weak: &str) {
    let publisher = |_: &Registers| {
        Y.store(5, Relaxed);
        X.fetch_or(1, set);
    };
    let other = |_: &Registers| {
        X.fetch_or(2, Relaxed);
    };
    let claimer = |registers: &Registers| {
        if X.fetch_and(!1, clear) & 1 == 1 {
            registers.put(0, Y.load(Relaxed) + 1);
        }
    };
    Litmus::new(1, &[&publisher, &other, &claimer]).expect(sequential, weak);
}

#[test]
fn d1_publication_by_a_bitmap() {
    publish_by_bitmap(Release, Acquire, "0 6", "0 6");
}

#[test]
fn d1_publication_by_a_bitmap_with_relaxed_ordering_shows_a_stale_slab() {
    publish_by_bitmap(Relaxed, Acquire, "0 6", "0 1 6");
    publish_by_bitmap(Release, Relaxed, "0 6", "0 1 6");
}

/// A flag says that a service is active; what it serves was prepared before.
fn activation(raise: Ordering, look: Ordering, sequential: &str, weak: &str) {
    let starter = |_: &Registers| {
        X.store(1, Relaxed);
        Y.store(1, raise);
    };
    let user = |registers: &Registers| {
        if Y.load(look) == 1 {
            registers.put(0, 1 + X.load(Relaxed));
        }
    };
    Litmus::new(1, &[&starter, &user]).expect(sequential, weak);
}

#[test]
fn d20_an_activation_flag() {
    activation(Release, Acquire, "0 2", "0 2");
    activation(Relaxed, Relaxed, "0 2", "0 1 2");
}

/// A waiter announces itself and looks at the lock once more; the holder frees the lock and looks
/// for waiters.
fn wake_up(order: Ordering, look: Ordering, weak: &str) {
    // x: the lock, held at first as 0, free as 1. y: whether somebody waits.
    let holder = |registers: &Registers| {
        X.store(1, order);
        registers.put(0, Y.load(look));
    };
    let waiter = |registers: &Registers| {
        Y.store(1, order);
        registers.put(1, X.load(look));
    };
    // 00 is the missed wake-up.
    Litmus::new(2, &[&holder, &waiter]).expect("01 10 11", weak);
}

#[test]
fn d20_a_missed_wake_up() {
    wake_up(SeqCst, SeqCst, "01 10 11");
    wake_up(Release, Acquire, "00 01 10 11");
}

#[test]
fn the_release_of_a_full_slab_against_a_remote_free() {
    // The allocator's own pair: the releaser stores the slot word and looks at the remote list, the
    // pusher exchanges the remote list and looks at the slot word. If neither sees the other the
    // block is lost: 00.
    let protocol = |order: Ordering, look: Ordering, weak: &str| {
        let releaser = |registers: &Registers| {
            X.store(1, order);
            registers.put(0, Y.load(look));
        };
        let pusher = |registers: &Registers| {
            exchanged(Y, 0, 1, order, Relaxed);
            registers.put(1, X.load(look));
        };
        Litmus::new(2, &[&releaser, &pusher]).expect("01 10 11", weak);
    };
    protocol(SeqCst, SeqCst, "01 10 11");
    protocol(Release, Acquire, "00 01 10 11");
}

#[test]
fn dekker_by_read_modify_writes_on_one_word_needs_no_more() {
    // Both flags in one word: read-modify-writes of one word are in one order, whatever their
    // ordering.
    let body = |bit: u64, register| {
        move |registers: &Registers| {
            registers.put(register, u64::from(X.fetch_or(bit, Relaxed) != 0))
        }
    };
    Litmus::new(2, &[&body(1, 0), &body(2, 1)]).expect_both("01 10");
}

#[test]
fn a_stack_of_indices_with_a_tag_gives_each_node_to_one_thread() {
    // Top of the stack is node 1, above node 2; the tag is in the upper digit.
    let link = |node: u64| atomic_word(4 + node as usize);
    let pop = |register| {
        move |registers: &Registers| {
            let top = X.load(Acquire);
            let node = top & 0xf;
            if node == 0 {
                return;
            }
            let next = link(node).load(Relaxed);
            if exchanged(X, top, ((top >> 4) + 1) << 4 | next, Relaxed, Relaxed) {
                registers.put(register, node);
            }
        }
    };
    let prepare = |_: &Registers| {
        link(1).store(2, Relaxed);
        exchanged(X, 0, 1, Release, Relaxed);
    };
    Litmus::new(2, &[&prepare, &pop(0), &pop(1)]).expect_both("00 01 10 12 21");
}

#[test]
fn memory_that_was_committed_again_holds_nothing_old() {
    // A word of a page that goes and comes back: its history begins anew.
    let body = |registers: &Registers| {
        type Platform = Sim<Tiny>;
        use hak_core::Platform as _;
        let start = Platform::reserve(64, 64, 0);
        assert!(Platform::commit(start, 64));
        // SAFETY: [patterns 1] a word that was just committed.
        let word: &SimAtomic<u64> = unsafe { &*start.cast() };
        for value in 1..5 {
            word.store(value, Relaxed);
        }
        assert!(Platform::decommit(start, 64));
        assert!(Platform::commit(start, 64));
        registers.put(0, word.load(Relaxed));
        word.store(1, Relaxed);
        X.store(start.expose_provenance() as u64, Release);
    };
    let other = |registers: &Registers| {
        let start = X.load(Acquire);
        if start != 0 {
            // SAFETY: [patterns 1] the word that the other thread has committed.
            let word: &SimAtomic<u64> =
                unsafe { &*std::ptr::with_exposed_provenance(start as usize) };
            registers.put(1, word.load(Relaxed));
        }
    };
    Litmus::new(2, &[&body, &other]).expect_both("00 01");
}

#[test]
fn a_word_that_was_written_plainly_holds_nothing_old() {
    // A block's first word: a list's link while it is free, anything while it is used.
    fn shared() -> &'static SimAtomic<u64> {
        let word: &SimPlain<u64> = &DATA;
        // SAFETY: [patterns 1] a plain word as a shared one.
        unsafe { &*std::ptr::from_ref(word).cast() }
    }
    let first = |_: &Registers| {
        shared().store(1, Relaxed);
        shared().store(2, Relaxed);
        DATA.set(3);
        X.store(1, Release);
    };
    let second = |registers: &Registers| {
        if X.load(Acquire) == 1 {
            registers.put(0, shared().load(Relaxed));
        }
    };
    Litmus::new(1, &[&first, &second]).expect_both("0 3");
}
