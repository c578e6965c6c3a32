//! What memory a program is left with, and how long its longest call takes: the rows that have
//! figures of their own, and not a time.
//!
//! | Name        | What happens                                                                |
//! |-------------|-----------------------------------------------------------------------------|
//! | `gib-freed` | 4 threads fill 1 GiB and free it; then they do nothing, then a little       |
//! | `phases`    | a heap is filled, freed to a tenth and filled with other sizes, twice       |
//! | `sleepers`  | 2,000 threads allocate a little, free half of it, and sleep                 |
//! | `start`     | nothing                                                                     |
//! | `longest`   | of 1 GiB in blocks of 64 KiB a tenth is freed, then random ones are replaced |
//! | `random`    | blocks of 16 MiB are filled, then words are read and written at random; in   |
//! |             | no row: for `HAK_HUGE`, by hand                                             |
//!
//! Who holds which block is noted in mappings of the program's own ([`Table`]), so that lists are
//! no part of what is measured.
//!
//! Invariants:
//! 1. A table's mapping has room for the number of blocks that it was made for; the first `len` of
//!    them were written. Blocks are plain numbers, and need no drop.
//! 2. The calls of the system here fill structures and buffers of their caller, of the size that
//!    is given, and keep nothing; or they make a mapping, or change one of their caller's.

use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::allocator::{Block, allocate, allocate_untouched, free};
use crate::workloads::{Draw, write_pages};

const MIB: usize = 1 << 20;

/// How long a program does nothing, or little, before it is looked at again.
const WHILE: Duration = Duration::from_secs(1);

/// Names and values.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// Runs the workload of this size: MiB, threads or calls. `None` if there is no such workload.
pub(crate) fn run(name: &str, amount: u64) -> Option<Figures> {
    let amount = amount as usize;
    Some(match name {
        "gib-freed" => filled_and_freed(amount * MIB),
        "phases" => phases(amount * MIB),
        "sleepers" => sleepers(amount),
        "longest" => longest(amount),
        "random" => random(amount * MIB),
        _ => return None,
    })
}

/// What the process has had so far, without an allocation: for a program that does nothing.
pub(crate) fn at_start() -> Figures {
    // SAFETY: [memory 2] a structure of this function, for which zero is a value.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let resident = resident_bytes();
    vec![("faults", usage.ru_minflt as f64), ("resident", mib(resident))]
}

/// Four threads fill their share with mixed sizes, write each page, and free everything. They stay
/// while nothing happens, and while each of them does a thousand small pairs every millisecond.
fn filled_and_freed(bytes: usize) -> Figures {
    const THREADS: usize = 4;
    let barrier = Barrier::new(THREADS + 1);
    let mut figures = Vec::new();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut draw = Draw(42 + 77 * number as u32);
                fill_and_free(&mut draw, bytes / THREADS);
                barrier.wait(); // Everything is free.
                barrier.wait(); // It was looked at, and again after a while.
                small_work(&mut draw);
                barrier.wait(); // The small work is done.
                barrier.wait(); // It was looked at.
            });
        }
        barrier.wait();
        figures.push(("right-after", mib(resident_bytes())));
        thread::sleep(WHILE);
        figures.push(("idle", mib(resident_bytes())));
        barrier.wait();
        barrier.wait();
        figures.push(("small-work", mib(resident_bytes())));
        barrier.wait();
    });
    figures
}

/// Of 100 blocks 90 are of 16 to 1,024 bytes, 9 of up to 32 KiB and one of up to 1 MiB.
fn fill_and_free(draw: &mut Draw, bytes: usize) {
    // The mean is far above 256 bytes.
    let mut held = Table::new(bytes / 256);
    let mut total = 0;
    while total < bytes {
        let size = match draw.below(100) {
            0..90 => 16 + draw.below(1_009),
            90..99 => 1_025 + draw.below(31 << 10),
            _ => (32 << 10) + draw.below(992 << 10),
        };
        let block = allocate(size as usize);
        write_pages(block);
        held.push(block);
        total += block.size;
    }
    for unfreed in (1..=held.len()).rev() {
        held.swap(unfreed - 1, draw.below(unfreed as u32) as usize);
        free(held[unfreed - 1]);
    }
}

fn small_work(draw: &mut Draw) {
    let mut held: [Block; 64] = std::array::from_fn(|_| allocate(16));
    let start = Instant::now();
    while start.elapsed() < WHILE {
        for _ in 0..1_000 {
            let place = draw.below(64) as usize;
            free(held[place]);
            held[place] = allocate(16 + draw.below(497) as usize);
        }
        thread::sleep(Duration::from_millis(1));
    }
    held.into_iter().for_each(free);
}

/// A heap whose sizes change: what the process has for each byte that lives in the end.
fn phases(bytes: usize) -> Figures {
    let mut draw = Draw(42);
    // Blocks have 123 bytes in the mean at the end; what lives on from before are fewer and longer.
    let mut held = Table::new(bytes / 100);
    let mut live = 0;
    let new = |draw: &mut Draw, least: u32, span: u32| {
        let block = allocate((least + draw.below(span)) as usize);
        write_pages(block);
        block
    };
    let fill = |draw: &mut Draw, held: &mut Table, live: &mut usize, least, span| {
        while *live < bytes {
            let block = new(draw, least, span);
            *live += block.size;
            held.push(block);
        }
    };
    let thin_out = |draw: &mut Draw, held: &mut Table, live: &mut usize| {
        let mut kept = 0;
        for place in 0..held.len() {
            let block = held[place];
            if draw.below(10) == 0 {
                held[kept] = block;
                kept += 1;
            } else {
                *live -= block.size;
                free(block);
            }
        }
        held.truncate(kept);
    };
    fill(&mut draw, &mut held, &mut live, 16, 1_009);
    thin_out(&mut draw, &mut held, &mut live);
    fill(&mut draw, &mut held, &mut live, 1_024, 7 * 1_024 + 1);
    for _ in 0..held.len() / 2 {
        let place = draw.below(held.len() as u32) as usize;
        let block = new(&mut draw, 1_024, 7 * 1_024 + 1);
        live = live - held[place].size + block.size;
        free(std::mem::replace(&mut held[place], block));
    }
    thin_out(&mut draw, &mut held, &mut live);
    fill(&mut draw, &mut held, &mut live, 24, 200);
    let resident = resident_bytes() - held.resident_bytes();
    let ratio = resident as f64 / live as f64;
    held.iter().copied().for_each(free);
    vec![("per-live-byte", ratio)]
}

/// Threads that have little, and do nothing.
fn sleepers(threads: usize) -> Figures {
    /// Four blocks of each are allocated, and two of them freed.
    const SIZES: [usize; 8] = [16, 32, 48, 96, 200, 400, 1_000, 3_000];
    const STACK: usize = 64 << 10;
    let barrier = Barrier::new(threads + 1);
    // Lists and names of threads come from the allocator, as in any program.
    let before = resident_bytes();
    let mut during = 0;
    thread::scope(|scope| {
        for _ in 0..threads {
            let sleep = || {
                let blocks = SIZES.map(|size| [(); 4].map(|()| allocate(black_box(size))));
                for [one, _, other, _] in blocks {
                    free(one);
                    free(other);
                }
                barrier.wait(); // Everybody has its blocks.
                barrier.wait(); // They were looked at.
                for [_, one, _, other] in blocks {
                    free(one);
                    free(other);
                }
            };
            let started = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, sleep);
            started.expect("the system lets a process have some thousand threads");
        }
        barrier.wait();
        during = resident_bytes();
        barrier.wait();
    });
    vec![("per-thread", during.saturating_sub(before) as f64 / 1_024.0 / threads as f64)]
}

/// The longest call in microseconds, and the longest of `free`, among those that free a tenth of
/// the blocks and then replace random ones of the others.
fn longest(pairs: usize) -> Figures {
    const SIZE: usize = 64 << 10;
    const BLOCKS: usize = (1 << 30) / SIZE;
    let mut draw = Draw(42);
    let mut held = Table::new(BLOCKS);
    for _ in 0..BLOCKS {
        let block = allocate(SIZE);
        write_pages(block);
        held.push(block);
    }
    let (mut longest, mut longest_free) = (Duration::ZERO, Duration::ZERO);
    let mut timed_free = |block| {
        let start = Instant::now();
        free(block);
        longest_free = longest_free.max(start.elapsed());
    };
    for _ in 0..BLOCKS / 10 {
        let (place, last) = (draw.below(held.len() as u32) as usize, held.len() - 1);
        timed_free(held[place]);
        held.swap(place, last);
        held.truncate(last);
    }
    for _ in 0..pairs {
        let place = draw.below(held.len() as u32) as usize;
        timed_free(held[place]);
        let start = Instant::now();
        let block = allocate_untouched(SIZE);
        longest = longest.max(start.elapsed());
        write_pages(block);
        held[place] = block;
    }
    longest = longest.max(longest_free);
    held.iter().copied().for_each(free);
    vec![
        ("longest-call", longest.as_secs_f64() * 1e6),
        ("longest-free", longest_free.as_secs_f64() * 1e6),
    ]
}

/// Nanoseconds of a random access to blocks of 16 MiB, right after all of it was written, and some
/// seconds later.
fn random(bytes: usize) -> Figures {
    const SIZE: usize = 16 * MIB;
    const ACCESSES: u32 = 10_000_000;
    const LATER: Duration = Duration::from_secs(8);
    let mut draw = Draw(42);
    let mut held = Table::new(bytes / SIZE);
    for _ in 0..bytes / SIZE {
        let block = allocate(SIZE);
        write_pages(block);
        held.push(block);
    }
    let mut access = |held: &Table| {
        let start = Instant::now();
        for _ in 0..ACCESSES {
            let block = held[draw.below(held.len() as u32) as usize];
            let word = draw.below((SIZE / 8) as u32) as usize * 8;
            // SAFETY: [workloads 1] the word lies in the block.
            unsafe {
                let word = block.start.add(word).cast::<u64>();
                word.write(word.read_volatile() ^ 1);
            }
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(ACCESSES)
    };
    let first = access(&held);
    thread::sleep(LATER);
    let later = access(&held);
    let resident = mib(resident_bytes());
    held.iter().copied().for_each(free);
    vec![("first", first), ("later", later), ("resident", resident)]
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / MIB as f64
}

/// Resident memory of this process, as the kernel counts it now. Allocates nothing.
fn resident_bytes() -> usize {
    let mut text = [0_u8; 128];
    // SAFETY: [memory 2] a C string, and a buffer with its size.
    let (length, page) = unsafe {
        let file = libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY);
        let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        (length, libc::sysconf(libc::_SC_PAGESIZE))
    };
    let text = &text[..usize::try_from(length).unwrap_or(0)];
    // The second number of the line.
    let number = text.split(|&byte| byte == b' ').nth(1).and_then(|word| str::from_utf8(word).ok());
    let pages: usize = number.and_then(|word| word.parse().ok()).unwrap_or_else(|| {
        eprintln!("the kernel does not say how much is resident");
        std::process::exit(1);
    });
    pages * page as usize
}

/// A list of blocks in a mapping of its own.
struct Table {
    start: *mut Block,
    room: usize,
    len: usize,
    /// The most blocks that it ever had: so far the mapping has pages.
    most: usize,
}

impl Table {
    fn new(room: usize) -> Table {
        let bytes = room * size_of::<Block>();
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: [memory 2] a new mapping, wherever the system likes.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            eprintln!("out of memory: a mapping of {bytes} bytes was refused");
            std::process::exit(1);
        }
        // Whole pages, so that the mapping is as large as what was written.
        // SAFETY: [memory 2] the mapping of this function.
        unsafe { libc::madvise(start, bytes, libc::MADV_NOHUGEPAGE) };
        Table { start: start.cast(), room, len: 0, most: 0 }
    }

    fn push(&mut self, block: Block) {
        assert!(self.len < self.room, "the table is too short for this workload");
        // SAFETY: [memory 1] there is room.
        unsafe { self.start.add(self.len).write(block) };
        self.len += 1;
        self.most = self.most.max(self.len);
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// What of the mapping is resident.
    fn resident_bytes(&self) -> usize {
        (self.most * size_of::<Block>()).next_multiple_of(4_096)
    }
}

impl Deref for Table {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        // SAFETY: [memory 1]
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl DerefMut for Table {
    fn deref_mut(&mut self) -> &mut [Block] {
        // SAFETY: [memory 1]
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: [memory 1] the mapping of this table, which nobody else has.
        unsafe { libc::munmap(self.start.cast(), self.room * size_of::<Block>()) };
    }
}
