//! What several tests need: the allocator under test, random numbers, and blocks whose content is
//! checked.
//!
//! Invariants:
//! 1. Alignments are powers of two, and the size of a layout is not zero.
//! 2. A block is freed once, by who allocated it or was handed it. (`misuse` alone does otherwise.)
//! 3. A [`Block`] is one of its layout, nobody else has it, and all of its bytes were written.
//! 4. What runs in a child in front of its program makes system calls, and does not allocate.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use hak::Hak;

#[global_allocator]
static GLOBAL: Hak = Hak;

/// Whether the tests run on the allocator that they are meant for.
pub fn assert_hak_is_in_use() {
    let boxed = Box::new(1_u64);
    assert!(Hak::owns((&raw const *boxed).cast()));
    let large = vec![1_u8; 8 << 20];
    assert!(Hak::owns(large.as_ptr()));
    assert!(!Hak::owns((&raw const GLOBAL).cast()));
}

/// Random numbers (xorshift64*): the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    /// A size of at least 1: each power of two below `end` is as likely as the others.
    pub fn size(&mut self, end: usize) -> usize {
        let bits = self.below(end.ilog2() as usize) + 1;
        (1 + self.below(1 << bits)).min(end)
    }
}

/// A block with a layout, filled with bytes that follow from a tag, checked and freed on drop.
pub struct Block {
    start: NonNull<u8>,
    layout: Layout,
    tag: u8,
}

// SAFETY: [common 3] the block belongs to its `Block`, and blocks may be freed by any thread.
unsafe impl Send for Block {}

impl Block {
    /// Null is `None`.
    pub fn new(size: usize, align: usize, tag: u8) -> Option<Block> {
        Block::with(size, align, tag, false)
    }

    /// As [`Block::new`], and checks that the memory is zero before filling it.
    pub fn zeroed(size: usize, align: usize, tag: u8) -> Option<Block> {
        Block::with(size, align, tag, true)
    }

    fn with(size: usize, align: usize, tag: u8, zeroed: bool) -> Option<Block> {
        let layout = Layout::from_size_align(size, align).unwrap();
        assert_ne!(size, 0);
        // SAFETY: [common 1] the size is not zero.
        let start =
            unsafe { if zeroed { alloc::alloc_zeroed(layout) } else { alloc::alloc(layout) } };
        let block = Block { start: NonNull::new(start)?, layout, tag };
        assert!(start.addr().is_multiple_of(align), "{start:p} for {layout:?}");
        // SAFETY: [common 3] the block is in use.
        let usable = unsafe { Hak::usable_size(start) };
        assert!(usable >= size, "{usable} usable bytes for {layout:?}");
        if zeroed {
            let dirty = block.bytes().iter().position(|&byte| byte != 0);
            assert_eq!(dirty, None, "not zero at this offset of {layout:?}");
        }
        block.fill(0);
        Some(block)
    }

    pub fn size(&self) -> usize {
        self.layout.size()
    }

    pub fn address(&self) -> usize {
        self.start.addr().get()
    }

    /// Makes the block larger or smaller; the content that stays is checked, what is new is filled.
    pub fn resize(&mut self, size: usize) -> bool {
        assert_ne!(size, 0);
        let kept = size.min(self.size());
        // SAFETY: [common 1, common 3] a block of this layout, and the size is not zero.
        let start = unsafe { alloc::realloc(self.start.as_ptr(), self.layout, size) };
        let Some(start) = NonNull::new(start) else {
            self.check(self.size());
            return false;
        };
        assert!(start.addr().get().is_multiple_of(self.layout.align()));
        self.start = start;
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        self.check(kept);
        self.fill(kept);
        true
    }

    /// Checks the first `end` bytes.
    fn check(&self, end: usize) {
        for (offset, &byte) in self.bytes()[..end].iter().enumerate() {
            let expected = expected(self.tag, offset);
            assert_eq!(byte, expected, "at offset {offset} of {:?}", self.layout);
        }
    }

    /// Fills from `begin` to the end.
    fn fill(&self, begin: usize) {
        for offset in begin..self.size() {
            // SAFETY: [common 3] in the block, and the block is ours alone.
            unsafe { self.start.as_ptr().add(offset).write(expected(self.tag, offset)) };
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: [common 3] the block has so many bytes. Before they are filled they were zeroed.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.size()) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check(self.size());
        }
        // SAFETY: [common 2, common 3] a block of this layout, given up now.
        unsafe { alloc::dealloc(self.start.as_ptr(), self.layout) };
    }
}

fn expected(tag: u8, offset: usize) -> u8 {
    tag ^ (offset as u8) ^ ((offset >> 8) as u8).wrapping_mul(31)
}

/// Resident bytes of this process.
#[cfg(target_os = "linux")]
pub fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    // SAFETY: [lib 1] it has no precondition.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages * usize::try_from(page).unwrap()
}

/// Runs the named test of this test program in a process of its own, with `HAK_TEST_CHILD` set,
/// after `prepare`.
pub fn run_as_child(
    test: &str,
    prepare: impl Fn() + Send + Sync + 'static,
) -> std::process::Output {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env("HAK_TEST_CHILD", "1");
    // SAFETY: [common 4] what the tests pass in makes a system call and does not allocate.
    unsafe {
        command.pre_exec(move || {
            prepare();
            Ok(())
        });
    }
    command.output().unwrap()
}

/// Whether this process was started by [`run_as_child`].
pub fn is_child() -> bool {
    std::env::var_os("HAK_TEST_CHILD").is_some()
}
