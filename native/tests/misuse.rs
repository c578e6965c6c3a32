//! What a program does wrong ends with one line on standard error and an abort.
//!
//! Invariants:
//! 1. What is wrong happens in a process of its own, which is to end by it. Until then one thread
//!    at a time touches the block, and nobody relies on what is in it.
//! 2. A block stays readable when it was freed, in the cache of the thread that has it.

mod common;

use std::os::unix::process::ExitStatusExt;

use common::{is_child, run_as_child};
use hak::Hak;

fn allocate(size: usize) -> *mut u8 {
    // SAFETY: [common 1] the alignment is a power of two.
    unsafe { Hak::allocate(size, 16) }
}

/// Runs `wrong` in a process of its own and checks how that ends.
fn ends_with(test: &str, what: &str, wrong: impl FnOnce() -> *mut u8) {
    if is_child() {
        let address = wrong();
        // SAFETY: [misuse 1] none: this is the misuse.
        unsafe { Hak::free(address) };
        unreachable!("the misuse was not noticed");
    }
    let output = run_as_child(test, || {
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: [lib 1, common 4] reads the limits given: no core file.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) };
    });
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{message}");
    let line = message.lines().last().unwrap();
    assert!(line.starts_with(&format!("hak: {what}: address 0x")), "{message}");
    assert!(line.len() < 320, "{message}");
}

#[test]
fn freeing_a_pointer_into_the_stack_is_reported() {
    ends_with("freeing_a_pointer_into_the_stack_is_reported", "foreign pointer", || {
        let mut place = 0_u64;
        (&raw mut place).cast()
    });
}

#[test]
fn freeing_a_pointer_that_is_no_mapping_is_reported() {
    ends_with("freeing_a_pointer_that_is_no_mapping_is_reported", "foreign pointer", || {
        std::ptr::without_provenance_mut(0x1000)
    });
}

#[test]
fn freeing_the_middle_of_a_large_block_is_reported() {
    ends_with("freeing_the_middle_of_a_large_block_is_reported", "interior pointer", || {
        // SAFETY: [common 1] the alignment is a power of two.
        unsafe { Hak::allocate(1 << 20, 16) }.wrapping_add(64)
    });
}

#[test]
fn freeing_a_block_twice_is_reported() {
    ends_with("freeing_a_block_twice_is_reported", "double free", || {
        let block = allocate(64);
        // SAFETY: [misuse 1] the block is ours; the second time is the misuse.
        unsafe { Hak::free(block) };
        block
    });
}

#[test]
fn freeing_a_block_twice_is_reported_also_when_others_were_freed_between() {
    let name = "freeing_a_block_twice_is_reported_also_when_others_were_freed_between";
    ends_with(name, "double free", || {
        let blocks: Vec<_> = (0..10_000).map(|_| allocate(48)).collect();
        for &block in &blocks {
            // SAFETY: [misuse 1] the block is ours; the second time is the misuse.
            unsafe { Hak::free(block) };
        }
        blocks[4_711]
    });
}

#[test]
fn freeing_on_another_thread_what_was_freed_here_is_reported() {
    ends_with("freeing_on_another_thread_what_was_freed_here_is_reported", "double free", || {
        let address = allocate(16).expose_provenance();
        let free = move || {
            // SAFETY: [misuse 1] the block is ours; the second time is the misuse.
            unsafe { Hak::free(std::ptr::with_exposed_provenance_mut(address)) }
        };
        std::thread::spawn(free).join().unwrap();
        std::ptr::with_exposed_provenance_mut(address)
    });
}

#[test]
fn freeing_a_large_block_twice_is_reported() {
    ends_with("freeing_a_large_block_twice_is_reported", "double free", || {
        let block = allocate(5 << 20);
        // SAFETY: [misuse 1] the block is ours; the second time is the misuse.
        unsafe { Hak::free(block) };
        block
    });
}

#[test]
fn freeing_the_old_address_of_a_block_that_was_moved_is_reported() {
    let name = "freeing_the_old_address_of_a_block_that_was_moved_is_reported";
    ends_with(name, "double free", || {
        let (block, _blocker) = (allocate(64 << 20), allocate(2 << 20));
        // SAFETY: [misuse 1] the block is ours; that it is freed at its old address is the misuse.
        let moved = unsafe { Hak::reallocate(block, 128 << 20, 16) };
        assert!(!moved.is_null() && moved != block);
        block
    });
}

#[test]
fn freeing_the_middle_of_a_small_block_is_reported() {
    ends_with("freeing_the_middle_of_a_small_block_is_reported", "interior pointer", || {
        let first = allocate(112);
        // SAFETY: [common 2] the block is ours.
        unsafe { Hak::free(first) };
        allocate(112).wrapping_add(16)
    });
}

/// Frees two blocks, lets `write` change the one that was freed last, and allocates twice.
fn written_after_free(test: &str, write: fn(*mut u8)) {
    ends_with(test, "corrupted link", || {
        let (first, second) = (allocate(80), allocate(80));
        // SAFETY: [misuse 1] the blocks are ours; the write after the free is the misuse.
        unsafe {
            Hak::free(first);
            Hak::free(second);
        }
        write(second);
        std::hint::black_box(allocate(80));
        std::hint::black_box(allocate(80));
        std::ptr::null_mut()
    });
}

#[test]
fn a_write_to_a_free_block_is_reported() {
    written_after_free("a_write_to_a_free_block_is_reported", |block| {
        // SAFETY: [misuse 1] none: this is the misuse, as in the tests below.
        unsafe { block.cast::<usize>().write(0x6261) }
    });
}

#[test]
fn a_number_below_zero_written_to_a_free_block_is_reported() {
    written_after_free("a_number_below_zero_written_to_a_free_block_is_reported", |block| {
        // SAFETY: [misuse 1] none.
        unsafe { block.cast::<i64>().write(-1) }
    });
}

#[test]
fn a_broken_number_written_to_a_free_block_is_reported() {
    written_after_free("a_broken_number_written_to_a_free_block_is_reported", |block| {
        // SAFETY: [misuse 1] none.
        unsafe { block.cast::<f64>().write(-1.5) }
    });
}

#[test]
fn one_byte_written_to_a_free_block_is_reported() {
    written_after_free("one_byte_written_to_a_free_block_is_reported", |block| {
        // SAFETY: [misuse 1] none. Whatever the byte was, it is another one now.
        unsafe { *block = !*block }
    });
}

#[test]
fn the_address_of_another_block_written_to_a_free_block_is_reported() {
    let name = "the_address_of_another_block_written_to_a_free_block_is_reported";
    written_after_free(name, |block| {
        let other = allocate(80).expose_provenance();
        let block = block.cast::<usize>();
        // SAFETY: [misuse 1] none: the block is the one that was handed out again, and is freed and
        // written to again.
        unsafe {
            assert_eq!(other, block.expose_provenance());
            Hak::free(block.cast());
            block.write(allocate(96).expose_provenance());
        }
    });
}

#[test]
fn a_write_to_the_second_word_of_a_free_block_is_reported() {
    written_after_free("a_write_to_the_second_word_of_a_free_block_is_reported", |block| {
        // SAFETY: [misuse 1] none.
        unsafe { block.cast::<usize>().add(1).write(0) }
    });
}

#[test]
fn freeing_the_end_of_a_slab_where_no_block_fits_is_reported() {
    let name = "freeing_the_end_of_a_slab_where_no_block_fits_is_reported";
    ends_with(name, "foreign pointer", || {
        const SLAB: usize = 64 << 10;
        let block = (0..4_000).map(|_| allocate(48)).next_back().unwrap();
        let slab = block.expose_provenance() & !(SLAB - 1);
        std::ptr::with_exposed_provenance_mut(slab + SLAB / 48 * 48)
    });
}

/// A thread whose heap is gone, as in the destructor of a key that is younger than hak's.
#[test]
fn freeing_a_block_twice_is_reported_also_when_a_thread_without_a_heap_was_first() {
    /// # Safety
    /// The block is the thread's.
    unsafe extern "C" fn free(block: *mut libc::c_void) {
        // SAFETY: [contract] the block was handed to this thread.
        unsafe { Hak::free(block.cast()) }
    }
    extern "C" fn body(argument: *mut libc::c_void) -> *mut libc::c_void {
        // SAFETY: [lib 1] the argument is a key and a block, which live as long as the thread.
        let &(key, block) = unsafe { &*argument.cast::<(libc::pthread_key_t, usize)>() };
        let (small, block) = (allocate(10), std::ptr::with_exposed_provenance(block));
        // SAFETY: [lib 1, common 2] the key was made, and the small block is ours.
        unsafe {
            Hak::free(small);
            assert_eq!(libc::pthread_setspecific(key, block), 0);
        }
        std::ptr::null_mut()
    }
    let name = "freeing_a_block_twice_is_reported_also_when_a_thread_without_a_heap_was_first";
    ends_with(name, "double free", || {
        // This makes hak's key.
        let block = allocate(3_000);
        let mut argument = (0, block.expose_provenance());
        let mut thread = 0;
        // SAFETY: [lib 1] places for the results; the argument lives until the thread has ended.
        unsafe {
            assert_eq!(libc::pthread_key_create(&mut argument.0, Some(free)), 0);
            let argument = (&raw mut argument).cast();
            assert_eq!(libc::pthread_create(&mut thread, std::ptr::null(), body, argument), 0);
            assert_eq!(libc::pthread_join(thread, std::ptr::null_mut()), 0);
        }
        block
    });
}

/// The words of a block, whatever is in them.
fn words(block: *mut u8, bytes: usize) -> impl Iterator<Item = usize> {
    // SAFETY: [misuse 2] the block is that long, and memory of the allocator, which is not
    // undefined to the machine.
    (0..bytes / 8).map(move |word| unsafe { block.cast::<usize>().add(word).read_volatile() })
}

#[test]
fn a_copy_of_a_free_block_is_taken_for_what_it_is() {
    let (free, live) = (allocate(64), allocate(64));
    // SAFETY: [common 2, misuse 2] both blocks are ours. That the free one is read is a misuse that
    // the allocator cannot notice; with its seal, the live one must not be taken for free.
    unsafe {
        Hak::free(free);
        let seal = words(free, 16).nth(1).unwrap();
        assert_eq!(seal >> 56, SEAL_TAG);
        for (index, word) in words(free, 64).enumerate() {
            live.cast::<usize>().add(index).write_volatile(word);
        }
        Hak::free(live);
    }
}

#[test]
fn a_live_block_whose_data_looks_like_a_seal_at_first_is_freed() {
    for filler in [SEAL_TAG as u8, 0xff, 0] {
        let blocks: Vec<_> = (0..1_000).map(|_| allocate(48)).collect();
        for &block in &blocks {
            // SAFETY: [common 2] the block is ours and that long.
            unsafe { block.write_bytes(filler, 48) };
        }
        for block in blocks {
            // SAFETY: [common 2] it is freed once.
            unsafe { Hak::free(block) };
        }
    }
}

/// The highest byte of every seal (`core/src/tables/block.rs`).
const SEAL_TAG: usize = 0xf9;

/// What is handed out shows no seal, and so no secret.
#[test]
fn no_block_shows_what_free_blocks_are_sealed_with() {
    const SIZES: [usize; 9] = [16, 480, 32, 112, 40_000, 64, 2_000, 300_000, 16];
    for (old, new) in SIZES.into_iter().zip(SIZES.into_iter().cycle().skip(1)) {
        let blocks: Vec<_> = (0..(4 << 20) / old).map(|_| allocate(old)).collect();
        for block in blocks {
            // SAFETY: [common 2] it is freed once.
            unsafe { Hak::free(block) };
        }
        let blocks: Vec<_> = (0..(8 << 20) / new).map(|_| allocate(new)).collect();
        for block in blocks {
            let shown = words(block, new).find(|word| word >> 56 == SEAL_TAG);
            assert_eq!(shown, None, "after {old} bytes, in {new} bytes");
            // SAFETY: [common 2] it is freed once.
            unsafe { Hak::free(block) };
        }
    }
}
