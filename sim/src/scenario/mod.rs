//! Scenarios: named generators of programs, each built around one protocol of the allocator.
//!
//! A scenario is the situation, on the correct core; what is wrong is planted separately. The
//! program is drawn from the seed and the schedule's number, so that a search meets many programs
//! and each of them can be run alone.

pub mod protocols;

use hak_core::Geometry;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::program::{MAILBOXES, Operation, Program, REGISTERS, Written};
use crate::runtime::{GeometryName, Production, THREADS_MAX, Tiny, Wide, WorldGeometry};
use crate::scenario::protocols::PROTOCOLS;

/// A scenario.
pub struct Scenario {
    /// The name on the command line and in traces.
    pub name: &'static str,
    /// What happens in it, in one sentence.
    pub about: &'static str,
    /// The rows of the list of known bugs that it is about.
    pub origins: &'static str,
    /// Threads unless asked otherwise.
    pub threads: usize,
    /// Operations of each thread unless asked otherwise.
    pub operations: usize,
    /// Whether the system refuses now and then.
    pub failing_system_calls: bool,
    /// Whether thread 0 prepares: the others begin once it has ended.
    pub prologue: bool,
    pub(crate) generate: fn(&mut Draw, thread: usize, operations: usize) -> Vec<Operation>,
}

/// All scenarios that are drawn; the first is the default. See also [`PROTOCOLS`].
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mixed",
        about: "three threads do all of it at once: local and remote frees, reallocations, large \
            blocks, thread ends, collections",
        origins: "S1 S2 S5 S6 S12 H2 H3 D1 D3 D6 D8 D16 D17 D20 D29 R1 C4",
        threads: 3,
        operations: 32,
        failing_system_calls: false,
        prologue: false,
        generate: mixed,
    },
    Scenario {
        name: "remote-free",
        about: "producers put blocks into mailboxes, consumers take them out and free them",
        origins: "S1 S2 S5 H4 D3 D11 D16 D20",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: remote_free,
    },
    Scenario {
        name: "larson",
        about: "every thread replaces random blocks of a shared table, whoever allocated them",
        origins: "S1 S2 D3",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: larson,
    },
    Scenario {
        name: "thread-churn",
        about: "threads end while others hold and free their blocks; their slabs are abandoned \
            and adopted, their heaps used again under new identities",
        origins: "H9 D2 D5 D7 D10 D27 D29 R1",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: thread_churn,
    },
    Scenario {
        name: "adoption",
        about: "threads that have ended or end often: slabs are abandoned and adopted, emptied by \
            others, and used again for another class",
        origins: "H9 D2 D5 D10 R1",
        threads: 4,
        operations: 40,
        failing_system_calls: false,
        prologue: false,
        generate: adoption,
    },
    Scenario {
        name: "superslab-free",
        about: "everything is freed and the memory goes back to the system while others allocate \
            again",
        origins: "S4 S6 S8 S9 S10 H5 D1 D4 D8 D12 D17 D21 D23 D24",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: superslab_free,
    },
    Scenario {
        name: "decay",
        about: "time passes while slabs, runs and mappings lie idle: their memory goes back while \
            others take it again",
        origins: "D17 D21 D30 B1 B3",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: decay,
    },
    Scenario {
        name: "large-blocks",
        about: "runs of slabs and mappings change hands, grow and shrink in place or move, must \
            be zero, and are kept and given back as time passes",
        origins: "S6 S9 D4 D11 D17 D20 D21 D23 D24",
        threads: 4,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: large_blocks,
    },
    Scenario {
        name: "unwritten",
        about: "programs leave bytes unwritten, and copy, move and swap them between blocks, \
            while slabs go from class to class",
        origins: "S6 D8 A1",
        threads: 3,
        operations: 32,
        failing_system_calls: false,
        prologue: false,
        generate: unwritten,
    },
    Scenario {
        name: "guests",
        about: "threads that have ended go on to free blocks that others allocated, and their \
            own; some of them allocate again",
        origins: "S5 D3 D10 D29 A2",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: guests,
    },
    Scenario {
        name: "system-calls-fail",
        about: "memory comes and goes back while one system call in eight is refused, at any \
            place",
        origins: "D30 S8",
        threads: 4,
        operations: 24,
        failing_system_calls: true,
        prologue: false,
        generate: system_calls_fail,
    },
    Scenario {
        name: "limited",
        about: "a limit is set and changed while threads ask for more than it allows, and for \
            what fits",
        origins: "D30 A3 A4",
        threads: 4,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: limited,
    },
    Scenario {
        name: "aligned",
        about: "blocks at multiples of up to several units come and go, and are measured",
        origins: "D20 D23",
        threads: 3,
        operations: 24,
        failing_system_calls: false,
        prologue: false,
        generate: aligned,
    },
    Scenario {
        name: "ticking",
        about: "one thread does nothing but look whether a round of decay is due, and has no \
            heap; the others leave memory idle",
        origins: "D17 D21 D30 B2 B3",
        threads: 3,
        operations: 8,
        failing_system_calls: false,
        prologue: false,
        generate: ticking,
    },
];

/// The scenario of that name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().chain(PROTOCOLS).find(|scenario| scenario.name == name)
}

impl Scenario {
    /// The program of this seed and schedule.
    pub fn program(
        &self,
        seed: u64,
        schedule: u64,
        threads: usize,
        operations: usize,
        sizes: Sizes,
    ) -> Program {
        assert!(threads < THREADS_MAX, "one thread is the epilogue's");
        let threads = (0..threads)
            .map(|thread| self.thread_program(seed, schedule, thread, operations, sizes))
            .collect();
        Program { threads }
    }

    /// What one thread does in the program of this seed and schedule, however many others there
    /// are.
    pub fn thread_program(
        &self,
        seed: u64,
        schedule: u64,
        thread: usize,
        operations: usize,
        sizes: Sizes,
    ) -> Vec<Operation> {
        let mut draw = Draw::new(seed, schedule, thread, sizes);
        (self.generate)(&mut draw, thread, operations)
    }
}

/// What sizes a program's blocks have.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The largest block of a slab.
    pub small_max: usize,
    /// About the largest block of all.
    pub large_max: usize,
}

impl Sizes {
    /// What sizes a program's blocks have in a geometry.
    pub const fn named(geometry: GeometryName) -> Sizes {
        match geometry {
            GeometryName::Tiny => Sizes::of(&Tiny::GEOMETRY),
            GeometryName::Wide => Sizes::of(&Wide::GEOMETRY),
            GeometryName::Production => Sizes::of(&Production::GEOMETRY),
        }
    }

    /// Blocks of at most so many times the largest block of a slab, in any case.
    const LARGE: usize = 48;

    /// Sizes for an allocator of which no more is known than its largest block of a slab.
    pub const fn around(small_max: usize) -> Sizes {
        Sizes { small_max, large_max: small_max * Sizes::LARGE }
    }

    /// Sizes that meet all of a geometry: some mappings are so large that they grow by moving.
    pub const fn of(geometry: &Geometry) -> Sizes {
        let sizes = Sizes::around(geometry.small_max);
        let moving = geometry.relocate_min * 5 / 2;
        if moving > sizes.large_max { Sizes { large_max: moving, ..sizes } } else { sizes }
    }
}

/// Draws numbers for one thread's operations.
pub(crate) struct Draw {
    random: ChaCha8Rng,
    small_max: usize,
    /// The largest blocks of all, if no others are as large.
    largest: Option<usize>,
    classes: [u32; 2],
}

impl Draw {
    fn new(seed: u64, schedule: u64, thread: usize, sizes: Sizes) -> Draw {
        let Sizes { small_max, large_max } = sizes;
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&schedule.to_le_bytes());
        key[16..24].copy_from_slice(b"programs");
        let mut random = ChaCha8Rng::from_seed(key);
        // All threads of a program prefer the same two sizes, so that they meet in the same slabs:
        // the largest, of which few fit into a slab, so that slabs fill up, or in one program of
        // four one that does not divide a slab; and the largest or a smaller one.
        let first = if random.next_u32() % 4 == 0 { small_max / 4 * 3 } else { small_max };
        let second = small_max >> (random.next_u32() % 3);
        let classes = [first, second].map(|size| size as u32);
        random.set_stream(thread as u64 + 1);
        random.set_word_pos(0);
        let largest = (large_max > small_max * Sizes::LARGE).then_some(large_max);
        Draw { random, small_max, largest, classes }
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.random.next_u32()) * bound as u64) >> 32) as usize
    }

    fn register(&mut self) -> u8 {
        self.below(REGISTERS) as u8
    }

    fn mailbox(&mut self) -> u8 {
        self.below(MAILBOXES / 2) as u8
    }

    /// A small size, mostly one of the program's two.
    fn size(&mut self) -> u32 {
        match self.below(8) {
            0 => 1 + self.below(self.small_max) as u32,
            1..=5 => self.classes[0],
            _ => self.classes[1],
        }
    }

    /// Any size, seldom one that no slab holds.
    fn any_size(&mut self) -> u32 {
        if self.below(16) == 0 { self.large_size() } else { self.size() }
    }

    /// A size that no slab holds.
    fn large_size(&mut self) -> u32 {
        match self.below(2) {
            0 => (self.small_max + 1 + self.below(self.small_max * 8)) as u32,
            _ => (self.small_max + 1 + self.below(self.small_max * 48)) as u32,
        }
    }

    /// A size that takes slabs whole, or units; in every third program runs of slabs only.
    fn whole_size(&mut self) -> u32 {
        let only_runs = self.classes[1] as usize == self.small_max;
        let most = match (self.below(8), only_runs) {
            (0..=4, true) | (0..=1, false) => 4,
            (_, true) | (2..=3, false) => 8,
            (4..=5, false) => 16,
            (_, false) => 48,
        };
        (self.small_max + 1 + self.below(self.small_max * (most - 1))) as u32
    }

    /// As [`Draw::whole_size`]; in every third program, mappings of their own only, of one to three
    /// units of the tiny geometry, or so large that they grow by moving.
    fn large_or_whole_size(&mut self) -> u32 {
        if self.classes[1] as usize * 4 == self.small_max {
            if let Some(largest) = self.largest
                && self.below(8) == 0
            {
                return (largest * 2 / 5 + 1 + self.below(largest * 3 / 5)) as u32;
            }
            (self.small_max * 8 + 1 + self.below(self.small_max * 40)) as u32
        } else {
            self.whole_size()
        }
    }

    /// A size to grow or shrink to: runs grow from one slab to two.
    fn new_size(&mut self) -> u32 {
        let only_runs = self.classes[1] as usize == self.small_max;
        if only_runs && self.below(2) == 0 {
            (self.small_max * 4 + 1 + self.below(self.small_max * 4)) as u32
        } else {
            self.large_or_whole_size()
        }
    }

    fn allocate(&mut self) -> Operation {
        let align_shift = if self.below(8) == 0 { self.below(7) as u8 } else { 0 };
        Operation::Allocate {
            register: self.register(),
            size: self.any_size(),
            align_shift,
            zeroed: self.below(8) == 0,
            written: Written::All,
        }
    }

    fn allocate_small(&mut self, register: usize) -> Operation {
        Operation::Allocate {
            register: (register % REGISTERS) as u8,
            size: self.size(),
            align_shift: 0,
            zeroed: false,
            written: Written::All,
        }
    }

    fn free(&mut self) -> Operation {
        Operation::Free { register: self.register() }
    }

    fn replace(&mut self) -> Operation {
        Operation::Replace { mailbox: self.mailbox(), size: self.size() }
    }

    /// As [`Draw::replace`], with blocks of all classes alike.
    fn replace_any(&mut self) -> Operation {
        let size = (self.small_max / 4 * (1 + self.below(4))) as u32;
        Operation::Replace { mailbox: self.mailbox(), size }
    }

    fn rare(&mut self) -> Operation {
        match self.below(6) {
            0 => Operation::Exit,
            1 => Operation::Collect,
            _ => Operation::Reallocate { register: self.register(), size: self.any_size() },
        }
    }

    /// A limit of a few units, seldom none.
    fn limit(&mut self, unit: usize) -> Operation {
        let units = if self.below(8) == 0 { 0 } else { 2 + self.below(8) };
        Operation::Limit { bytes: (units * unit) as u32 }
    }

    fn take(&mut self) -> Operation {
        Operation::Take { mailbox: self.mailbox() }
    }
}

/// Phases in which the thread mostly allocates, mostly frees, or mostly trades blocks with others,
/// so that slabs fill up, come back and change hands.
fn mixed(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    let mut list = Vec::with_capacity(operations);
    while list.len() < operations {
        let phase = draw.below(4);
        for _ in 0..8 + draw.below(8) {
            list.push(match (draw.below(8), phase) {
                (0, _) => draw.rare(),
                (1..=3, _) => draw.replace(),
                (_, 0) => draw.allocate(),
                (_, 1) => draw.free(),
                (_, 2) => draw.replace(),
                (_, _) => draw.take(),
            });
        }
    }
    list.truncate(operations);
    list
}

fn remote_free(draw: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    (0..operations)
        .map(|number| match thread % 2 {
            0 if draw.below(6) == 0 => draw.allocate_small(number),
            0 => draw.replace(),
            _ if draw.below(8) == 0 => draw.allocate_small(number),
            _ => draw.take(),
        })
        .collect()
}

fn larson(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    (0..operations).map(|_| draw.replace()).collect()
}

/// In one program of three the threads have ended from the beginning, and go on without heaps.
fn thread_churn(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    let guests = draw.classes[1] as usize * 4 == draw.small_max;
    (0..operations)
        .map(|number| match draw.below(8) {
            _ if guests && number == 0 => Operation::End,
            1.. if guests => draw.replace_any(),
            0 => Operation::Exit,
            1..=2 => draw.allocate_small(number),
            3 => draw.free(),
            4..=6 => draw.replace(),
            _ => draw.take(),
        })
        .collect()
}

/// A few blocks of all classes, which change hands. In eleven programs of twelve the threads have
/// ended: a thread without a heap adopts a slab, takes one block and leaves the slab to the next
/// one. In the others a thread mostly ends after each block. So slabs are adopted all the time, and
/// many that become empty are in the directory again soon, with another class.
fn adoption(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    let [first, second] = draw.classes.map(|size| size as usize);
    let guests = first == draw.small_max || second != draw.small_max;
    let mut list = Vec::with_capacity(operations);
    if guests {
        list.push(Operation::End);
    }
    while list.len() < operations {
        if draw.below(6) == 0 {
            list.push(draw.take());
        }
        list.push(draw.replace_any());
        if !guests && draw.below(5) > 0 {
            list.push(Operation::Exit);
        }
    }
    list.truncate(operations);
    list
}

/// Waves: fill registers, empty them, give back; now and then through a mailbox.
fn superslab_free(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    let mut list = Vec::with_capacity(operations);
    while list.len() < operations {
        let wave = 1 + draw.below(REGISTERS);
        for register in 0..wave {
            list.push(draw.allocate_small(register));
        }
        if draw.below(2) == 0 {
            list.push(draw.replace());
        }
        for register in 0..wave {
            list.push(Operation::Free { register: register as u8 });
        }
        list.push(match draw.below(4) {
            0 => draw.take(),
            1 => Operation::Exit,
            2 => draw.allocate(),
            _ => Operation::Collect,
        });
    }
    list.truncate(operations);
    list
}

/// Waves of small and large blocks, with time between them.
fn decay(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    waves(draw, 6, operations)
}

/// Waves of so many blocks at most that are allocated and freed, while time passes.
fn waves(draw: &mut Draw, most: usize, operations: usize) -> Vec<Operation> {
    let mut list = Vec::with_capacity(operations);
    while list.len() < operations {
        let wave = 1 + draw.below(most);
        for register in 0..wave {
            list.push(match draw.below(4) {
                half @ 0..=1 => {
                    let size = if half == 0 { draw.large_size() } else { draw.whole_size() };
                    let zeroed = draw.below(2) == 0;
                    Operation::Allocate {
                        register: register as u8,
                        size,
                        align_shift: 0,
                        zeroed,
                        written: Written::All,
                    }
                }
                _ => draw.allocate_small(register),
            });
        }
        if draw.below(3) == 0 {
            list.push(draw.replace());
        }
        for register in 0..wave {
            list.push(Operation::Free { register: register as u8 });
            if draw.below(2) == 0 {
                list.push(Operation::Wait);
            }
        }
        list.push(match draw.below(4) {
            0 => Operation::Exit,
            1 => draw.take(),
            _ => Operation::Wait,
        });
    }
    list.truncate(operations);
    list
}

/// Few places, so that blocks of many sizes follow each other in the same memory.
fn large_blocks(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    (0..operations)
        .map(|number| {
            let register = draw.below(4) as u8;
            match draw.below(16) {
                0..=3 => Operation::Allocate {
                    register,
                    size: draw.large_or_whole_size(),
                    align_shift: 0,
                    zeroed: draw.below(2) == 0,
                    written: Written::All,
                },
                4..=5 => Operation::Replace { mailbox: draw.mailbox(), size: draw.whole_size() },
                6..=7 => draw.take(),
                8..=10 => Operation::Reallocate { register, size: draw.new_size() },
                11..=12 => Operation::Free { register },
                13 => draw.allocate_small(number % 4),
                14 => Operation::Wait,
                _ => draw.rare(),
            }
        })
        .collect()
}

/// Every second thread ends early and goes on to free; now and then one allocates again.
fn guests(draw: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let mut list = Vec::with_capacity(operations);
    while list.len() < operations {
        let wave = 1 + draw.below(5);
        for register in 0..wave {
            list.push(match draw.below(8) {
                0 => draw.allocate(),
                1..=3 => draw.replace(),
                _ => draw.allocate_small(register),
            });
        }
        let ends = thread % 2 == 1 || draw.below(4) == 0;
        list.push(if ends { Operation::End } else { Operation::Exit });
        for register in 0..wave {
            list.push(match draw.below(4) {
                0 => draw.take(),
                _ => Operation::Free { register: register as u8 },
            });
        }
        match draw.below(8) {
            0 => list.push(Operation::Collect),
            1 => list.push(Operation::Wait),
            2..=3 => list.push(draw.take()),
            _ => (0..4 + draw.below(8)).for_each(|_| list.push(draw.replace_any())),
        }
    }
    list.truncate(operations);
    list
}

/// The first thing is a limit of a few units. One thread in three asks for what never fits.
fn limited(draw: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let unit = draw.small_max * 16;
    let mut list = vec![draw.limit(unit)];
    while list.len() < operations {
        let register = draw.below(5) as u8;
        list.push(match draw.below(16) {
            0 => draw.limit(unit),
            1..=2 if thread % 3 == 2 => Operation::Allocate {
                register,
                size: (unit * 24 + draw.below(unit * 8)) as u32,
                align_shift: 0,
                zeroed: false,
                written: Written::All,
            },
            1..=5 => Operation::Allocate {
                register,
                size: draw.whole_size(),
                align_shift: 0,
                zeroed: draw.below(2) == 0,
                written: Written::All,
            },
            6..=7 => Operation::Reallocate { register, size: draw.new_size() },
            8..=9 => draw.allocate_small(register.into()),
            10..=12 => Operation::Free { register },
            13 => draw.replace(),
            14 => draw.take(),
            _ => draw.rare(),
        });
    }
    list
}

/// Alignments from that of a block of a slab to that of several units.
fn aligned(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    let unit_shift = (draw.small_max * 16).ilog2();
    (0..operations)
        .map(|_| {
            let register = draw.below(5) as u8;
            match draw.below(12) {
                0..=4 => Operation::Allocate {
                    register,
                    size: if draw.below(3) == 0 { draw.any_size() } else { draw.whole_size() },
                    align_shift: (3 + draw.below(unit_shift as usize)) as u8,
                    zeroed: draw.below(3) == 0,
                    written: Written::All,
                },
                5..=8 => Operation::Free { register },
                9 => Operation::Measure { register },
                10 => Operation::Reallocate { register, size: draw.new_size() },
                _ => match draw.below(4) {
                    0 => draw.rare(),
                    1 => Operation::Wait,
                    2 => draw.replace(),
                    _ => draw.take(),
                },
            }
        })
        .collect()
}

/// The last thread ticks, and time passes; the others work, also through caches, and leave things
/// idle.
fn ticking(draw: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    if thread % 3 != 2 {
        return waves(draw, 2, operations);
    }
    (0..operations)
        .map(|_| match draw.below(8) {
            0..=2 => Operation::Wait,
            3 if draw.below(4) == 0 => draw.take(),
            _ => Operation::Tick,
        })
        .collect()
}

/// Blocks of few sizes that are not written, or only in part, and bytes that go from one to
/// another: what the allocator left in them comes by in all places where it looks for it.
fn unwritten(draw: &mut Draw, _thread: usize, operations: usize) -> Vec<Operation> {
    (0..operations)
        .map(|_| {
            let (register, other) = (draw.below(6) as u8, draw.below(6) as u8);
            match draw.below(16) {
                0..=5 => Operation::Allocate {
                    register,
                    size: (draw.small_max >> draw.below(3)) as u32,
                    align_shift: 0,
                    zeroed: draw.below(8) == 0,
                    written: match draw.below(4) {
                        0 => Written::Half,
                        1 => Written::All,
                        _ => Written::Nothing,
                    },
                },
                6..=8 => Operation::Copy {
                    from: register,
                    from_word: draw.below(8) as u8,
                    to: if draw.below(2) == 0 { register } else { other },
                    to_word: draw.below(3) as u8,
                    words: draw.below(3) as u8,
                },
                9 => Operation::Swap { one: register, other },
                10..=12 => Operation::Free { register },
                13 => match draw.below(4) {
                    0 => Operation::Exit,
                    1 => Operation::Collect,
                    _ => Operation::Reallocate { register, size: draw.any_size() },
                },
                14 => draw.replace(),
                _ => draw.take(),
            }
        })
        .collect()
}

/// Blocks of all sizes come and go, so that memory is obtained and given back all the time; in half
/// of the programs with a limit.
fn system_calls_fail(draw: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let only_runs = draw.classes[1] as usize == draw.small_max;
    let limit = (thread == 0 && !only_runs).then(|| draw.limit(draw.small_max * 16));
    let mut list: Vec<_> = limit.into_iter().collect();
    // Blocks shrink and grow by a little, too: what is behind the new end is looked at whole then.
    let mut sizes = [0_u32; 4];
    let rest = (list.len()..operations).map(|number| match draw.below(12) {
        0..=2 => {
            let (register, size) = (draw.below(4), draw.whole_size());
            sizes[register] = size;
            let (register, written) = (register as u8, Written::All);
            Operation::Allocate { register, size, align_shift: 0, zeroed: true, written }
        }
        3..=5 => {
            let register = draw.below(4);
            let little = 1 + draw.below(draw.small_max * 4) as u32;
            let size = match draw.below(4) {
                0..=1 if sizes[register] > little => sizes[register] - little,
                2 if sizes[register] != 0 => sizes[register] + little,
                _ => draw.new_size(),
            };
            sizes[register] = size;
            Operation::Reallocate { register: register as u8, size }
        }
        6 => Operation::Free { register: draw.below(4) as u8 },
        7..=8 => draw.allocate_small(number),
        9 => Operation::Collect,
        10 => draw.replace(),
        _ => draw.free(),
    });
    list.extend(rest);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_depends_on_seed_schedule_and_thread_only() {
        for scenario in SCENARIOS {
            let program =
                |seed, schedule| scenario.program(seed, schedule, 3, 20, Sizes::around(64));
            assert_eq!(program(42, 7), program(42, 7));
            assert_ne!(program(42, 7), program(42, 8));
            assert_ne!(program(42, 7), program(43, 7));
            let program = program(42, 7);
            assert_ne!(program.threads[0], program.threads[2]);
            assert!(program.threads.iter().all(|operations| operations.len() == 20));
        }
    }

    #[test]
    fn a_longer_program_begins_with_the_shorter_one() {
        for scenario in SCENARIOS {
            let short = scenario.program(1, 2, 2, 10, Sizes::around(64));
            let long = scenario.program(1, 2, 3, 20, Sizes::around(64));
            for thread in 0..2 {
                assert_eq!(short.threads[thread], long.threads[thread][..10]);
            }
        }
    }
}
