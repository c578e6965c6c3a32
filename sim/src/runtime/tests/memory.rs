//! What memory exists.

use std::ptr::NonNull;

use super::super::{Access, Choice, ChoicePoint, Chooser, Kind, SimAtomic};
use super::*;

/// The shared word at an address.
fn word(address: *mut u8) -> &'static SimAtomic<u64> {
    // SAFETY: [runtime/tests 1] a shared word.
    unsafe { &*address.cast() }
}

#[test]
#[should_panic(expected = "a plain word lies outside of the arena")]
fn a_plain_word_of_another_world_is_refused() {
    let (mut here, mut there) = (world(), world());
    let index = plain_word(0);
    let kept = here.inspect(|| &*index);
    assert_eq!(here.inspect(|| kept.get()), 0);
    there.inspect(|| kept.get());
}

#[test]
fn areas_that_are_larger_than_any_memory_are_refused() {
    let half = 1 << (usize::BITS - 1);
    for (root_bytes, user_bytes) in [(half, half), (half, 64), (64, half), (usize::MAX, 64)] {
        let config = WorldConfig { root_bytes, user_bytes, ..WorldConfig::TINY };
        assert!(World::new(&config).is_err());
    }
    assert!(World::new(&WorldConfig { arena_bytes: usize::MAX, ..WorldConfig::TINY }).is_err());
}

#[test]
fn memory_is_there_and_zero_between_commit_and_decommit_only() {
    let body = |then: fn(*mut u8)| {
        move || {
            let start = Platform64::reserve(256, 128, 0);
            assert!(!start.is_null() && start.addr() % 128 == 0);
            assert!(Platform64::commit(start, 128));
            assert_eq!(word(start).load(Relaxed), 0);
            word(start).store(u64::MAX, Relaxed);
            then(start);
        }
    };
    finds_nothing(&[at_once(&body(|start| {
        assert!(Platform64::decommit(start, 64));
        assert!(Platform64::commit(start, 64));
        assert_eq!(word(start).load(Relaxed), 0);
        Platform64::release(start, 256);
    }))]);
    let decommitted = |start| {
        assert!(Platform64::decommit(start, 64));
        word(start).load(Relaxed);
    };
    let violation = finds(oracle::RELEASED_MEMORY, &[at_once(&body(decommitted))]);
    assert!(violation.message.contains("reserved but not committed"), "{violation}");
    let released = |start| {
        Platform64::release(start, 256);
        word(start).store(1, Relaxed);
    };
    let violation = finds(oracle::RELEASED_MEMORY, &[at_once(&body(released))]);
    assert!(violation.message.contains("not reserved"), "{violation}");
    // SAFETY: [runtime/tests 2] two pages are committed; the third is not, which is the test.
    let zeroed = |start| unsafe { Platform64::zero(start, 136) };
    finds(oracle::RELEASED_MEMORY, &[at_once(&body(zeroed))]);
}

#[test]
fn page_operations_on_pages_in_the_wrong_state_are_found() {
    let body = |then: fn(*mut u8)| {
        move || {
            let start = Platform64::reserve(256, 64, 0);
            assert!(Platform64::commit(start, 128));
            then(start);
        }
    };
    let wrong: [fn(*mut u8); 6] = [
        |start| _ = Platform64::commit(start, 64),
        |start| _ = Platform64::decommit(start, 0),
        |start| _ = Platform64::decommit(start, 192),
        |start| _ = Platform64::commit(start.wrapping_add(128), 256),
        |start| _ = Platform64::decommit(start.wrapping_add(8), 64),
        |start| Platform64::release(start, 128),
    ];
    for then in wrong {
        finds(oracle::PAGE_STATE, &[at_once(&body(then))]);
    }
}

#[test]
fn a_released_range_is_reserved_again() {
    let body = || {
        let first = Platform64::reserve(1024, 1024, 0);
        let second = Platform64::reserve(1024, 1024, 0);
        assert!(second > first);
        Platform64::release(first, 1024);
        assert_eq!(Platform64::reserve(1024, 1024, 0), first);
        assert!(Platform64::reserve(1 << 30, 64, 0).is_null());
        assert!(Platform64::reserve(usize::MAX & !63, 64, 0).is_null());
    };
    finds_nothing(&[at_once(&body)]);
}

#[test]
fn a_use_of_memory_that_nothing_orders_with_its_recycling_is_a_race() {
    let owner = || {
        let start = Platform64::reserve(64, 64, 0);
        assert!(Platform64::commit(start, 64));
        atomic_word(0).store(start.expose_provenance() as u64, Release);
        assert!(Platform64::decommit(start, 64));
        assert!(Platform64::commit(start, 64));
        atomic_word(1).store(1, Release);
    };
    let stale = |order| {
        move || {
            let start = atomic_word(0).load(Acquire);
            if start != 0 && atomic_word(1).load(order) == 1 {
                word(std::ptr::with_exposed_provenance_mut(start as usize)).load(Relaxed);
            }
        }
    };
    finds_nothing(&[at_once(&owner), at_once(&stale(Acquire))]);
    let violation = finds(oracle::DATA_RACE, &[at_once(&owner), at_once(&stale(Relaxed))]);
    assert!(violation.message.contains("commit"), "{violation}");
}

#[test]
fn a_decommit_that_nothing_orders_with_a_use_is_a_race() {
    let owner = || {
        let start = Platform64::reserve(64, 64, 0);
        assert!(Platform64::commit(start, 64));
        atomic_word(0).store(start.expose_provenance() as u64, Release);
        if atomic_word(1).load(Relaxed) == 1 {
            Platform64::decommit(start, 64);
        }
    };
    let user = || {
        let start = atomic_word(0).load(Acquire);
        if start != 0 {
            word(std::ptr::with_exposed_provenance_mut(start as usize)).load(Relaxed);
            atomic_word(1).store(1, Release);
        }
    };
    finds(oracle::DATA_RACE, &[at_once(&owner), at_once(&user)]);
}

#[test]
fn accesses_outside_of_the_arena_are_found() {
    let null = || {
        word(std::ptr::without_provenance_mut(16)).load(Relaxed);
    };
    let violation = finds(oracle::FOREIGN_ACCESS, &[at_once(&null)]);
    assert!(violation.message.contains("0x10 bytes from a null pointer"), "{violation}");
    let behind = || {
        let root: NonNull<_> = Platform64::root();
        word(root.as_ptr().cast::<u8>().wrapping_add(1 << 20)).store(1, Relaxed);
    };
    finds(oracle::FOREIGN_ACCESS, &[at_once(&behind)]);
    let elsewhere = || {
        let local = 7_u64;
        word(std::ptr::from_ref(&local).cast_mut().cast()).load(Relaxed);
    };
    finds(oracle::FOREIGN_ACCESS, &[at_once(&elsewhere)]);
}

/// Two pages with something in them are moved to three others, eight pages behind them.
fn moved(then: fn(*mut u8, *mut u8)) -> impl Fn() {
    move || {
        let from = Platform64::reserve(1024, 64, 0);
        let to = from.wrapping_add(512);
        assert!(Platform64::commit(from, 128));
        // What is there from an earlier life of the pages does not come back.
        assert!(Platform64::commit(to, 192));
        word(to.wrapping_add(128)).store(3, Relaxed);
        assert!(Platform64::decommit(to, 192));
        word(from.wrapping_add(64)).store(7, Relaxed);
        assert!(Platform64::relocate(from, 128, to, 192));
        then(from, to);
    }
}

#[test]
fn what_is_moved_is_elsewhere_and_the_rest_is_zero() {
    finds_nothing(&[at_once(&moved(|from, to| {
        let read = |place| word(to.wrapping_add(place)).load(Relaxed);
        assert_eq!([read(0), read(64), read(128)], [0, 7, 0]);
        assert!(Platform64::commit(from, 128));
        assert_eq!(word(from.wrapping_add(64)).load(Relaxed), 0);
    }))]);
    let old = |from, _| _ = word(from).load(Relaxed);
    finds(oracle::RELEASED_MEMORY, &[at_once(&moved(old))]);
    let wrong: [fn(*mut u8, *mut u8); 4] = [
        |from, _| _ = Platform64::decommit(from, 64),
        |from, to| _ = Platform64::relocate(from, 64, to.wrapping_add(192), 64),
        |_, to| _ = Platform64::relocate(to, 64, to.wrapping_add(128), 64),
        |_, to| _ = Platform64::relocate(to, 64, to.wrapping_add(192), 1024),
    ];
    for then in wrong {
        finds(oracle::PAGE_STATE, &[at_once(&moved(then))]);
    }
}

#[test]
fn a_use_that_nothing_orders_with_a_move_is_a_race() {
    let owner = || {
        let from = Platform64::reserve(128, 64, 0);
        assert!(Platform64::commit(from, 64));
        atomic_word(0).store(from.expose_provenance() as u64, Release);
        assert!(Platform64::relocate(from, 64, from.wrapping_add(64), 64));
        atomic_word(1).store(1, Release);
    };
    let user = |order| {
        move || {
            let start = atomic_word(0).load(Acquire);
            if start != 0 && atomic_word(1).load(order) == 1 {
                let address = start as usize + 64;
                word(std::ptr::with_exposed_provenance_mut(address)).load(Relaxed);
            }
        }
    };
    finds_nothing(&[at_once(&owner), at_once(&user(Acquire))]);
    let violation = finds(oracle::DATA_RACE, &[at_once(&owner), at_once(&user(Relaxed))]);
    assert!(violation.message.contains("relocate"), "{violation}");
}

/// Refuses system calls of some kind; one thread after the other comes to its end.
struct Refuse<F>(F);

impl<F: FnMut(&Access) -> bool> Chooser for Refuse<F> {
    fn begin(&mut self, _: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        Choice::Run(point.runnable.first())
    }

    fn system_call_fails(&mut self, _: usize, access: &Access) -> bool {
        self.0(access)
    }
}

#[test]
fn system_calls_fail_where_the_chooser_says_so() {
    let body = || {
        let start = Platform64::reserve(256, 64, 0);
        assert!(!start.is_null());
        assert!(!Platform64::commit(start, 64));
        assert!(Platform64::commit(start, 128));
        word(start).store(7, Relaxed);
        assert!(!Platform64::relocate(start, 64, start.wrapping_add(128), 128));
        assert_eq!(word(start).load(Relaxed), 7);
        assert!(Platform64::commit(start.wrapping_add(128), 128));
        Platform64::release(start, 256);
    };
    let mut refuse = Refuse(|access: &Access| {
        access.bytes == 64 && matches!(access.kind, Kind::Relocate | Kind::Commit)
    });
    let run = world().run(&Plan::default(), &[at_once(&body)], &mut refuse, &mut ());
    assert!(matches!(run.end, End::Finished), "{:?}", run.end);
}

#[test]
fn a_decommit_or_reset_that_fails_has_done_half_of_its_pages() {
    for kind in [Kind::Decommit, Kind::Reset] {
        let body = || {
            let start = Platform64::reserve(256, 64, 0);
            assert!(Platform64::commit(start, 256));
            let words = [0, 64, 128, 192].map(|at| word(start.wrapping_add(at)));
            let set = || words.iter().for_each(|word| word.store(7, Relaxed));
            let held = || words.map(|word| word.load(Relaxed));
            let refused = |bytes| match kind {
                Kind::Decommit => !Platform64::decommit(start, bytes),
                _ => !Platform64::reset(start, bytes),
            };
            set();
            assert!(refused(256));
            assert_eq!(held(), [0, 0, 7, 7]);
            set();
            assert!(refused(192));
            assert_eq!(held(), [0, 7, 7, 7], "of three pages one");
            set();
            assert!(refused(64));
            assert_eq!(held(), [7; 4], "of one page nothing");
        };
        let run = world().run(
            &Plan::default(),
            &[at_once(&body)],
            &mut Refuse(|access: &Access| access.kind == kind),
            &mut (),
        );
        assert!(matches!(run.end, End::Finished), "{kind:?}: {:?}", run.end);
    }
}

#[test]
fn a_call_that_fails_is_to_be_ordered_with_what_it_has_done() {
    let owner = || {
        let start = Platform64::reserve(128, 64, 0);
        assert!(Platform64::commit(start, 128));
        atomic_word(0).store(start.expose_provenance() as u64, Release);
        assert!(!Platform64::reset(start, 128));
    };
    let reader = |page: usize| {
        move || {
            let start = atomic_word(0).load(Acquire);
            if start != 0 {
                word(std::ptr::with_exposed_provenance_mut(start as usize + 64 * page))
                    .load(Relaxed);
            }
        }
    };
    // The owner comes to its end first.
    for (page, expected) in [(0, Some(oracle::DATA_RACE)), (1, None)] {
        let reader = reader(page);
        let bodies = [at_once(&owner), at_once(&reader)];
        let run = world().run(
            &Plan::default(),
            &bodies,
            &mut Refuse(|access: &Access| access.kind == Kind::Reset),
            &mut (),
        );
        assert_eq!(run.violation().map(|violation| violation.oracle), expected, "{:?}", run.end);
    }
}
