//! The models, written once over the memory of whoever runs them: the same accesses in every world.

use std::sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst};

/// The memory of one run, all zero at first: shared words, each access of which is a step, and
/// plain words, which one thread at a time may touch.
pub(crate) trait Memory {
    fn load(&self, word: usize, order: Ordering) -> u64;
    fn store(&self, word: usize, value: u64, order: Ordering);
    fn swap(&self, word: usize, value: u64, order: Ordering) -> u64;
    fn compare_exchange(
        &self,
        word: usize,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64>;
    fn get(&self, word: usize) -> u64;
    fn set(&self, word: usize, value: u64);
    /// The thread comes to a place of its program, the `place`-th, at which it holds nothing in
    /// locals.
    fn rest(&self, _place: u32) {}
}

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// Each of two threads pushes the node that it holds on a stack and pops one, twice.
    Stack2,
    /// Each of three threads pushes its own node and pops one.
    Stack3,
    /// A slab's owner allocates twice, takes the remote list, and gives the slab up; two others
    /// free two blocks each on the remote list, and claim the slab if it has no owner.
    Drain,
    /// Four threads of 250 accesses each to four words.
    Long,
}

impl Model {
    pub(crate) const ALL: [Model; 4] = [Model::Stack2, Model::Stack3, Model::Drain, Model::Long];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Model::Stack2 => "Treiber stack, 2 threads",
            Model::Stack3 => "Treiber stack, 3 threads",
            Model::Drain => "slab drain, 3 threads",
            Model::Long => "long, 4 threads",
        }
    }

    pub(crate) const fn threads(self) -> usize {
        match self {
            Model::Stack2 => 2,
            Model::Stack3 | Model::Drain => 3,
            Model::Long => 4,
        }
    }

    /// Shared accesses of one schedule, at least: an attempt that fails is made again.
    pub(crate) const fn steps(self) -> u64 {
        match self {
            Model::Stack2 => 24,
            Model::Stack3 => 18,
            Model::Drain => 16,
            Model::Long => 1_000,
        }
    }

    /// How many shared words and how many plain words it uses.
    pub(crate) const fn words(self) -> (usize, usize) {
        match self {
            Model::Stack2 => (3, 2),
            Model::Stack3 => (4, 3),
            Model::Drain => (2, 9),
            Model::Long => (4, 0),
        }
    }

    /// What thread `thread` does.
    pub(crate) fn run(self, memory: &impl Memory, thread: usize) {
        match self {
            Model::Stack2 => push_and_pop(memory, thread, 2),
            Model::Stack3 => push_and_pop(memory, thread, 1),
            Model::Drain if thread == 0 => own(memory),
            Model::Drain => (0..2).for_each(|number| free(memory, thread, number)),
            Model::Long => mix(memory, thread),
        }
    }
}

/// The stack's head: a tag above the number of the top node, from 1. Word `n` links node `n` to the
/// next one. Plain word `n - 1` belongs to whoever holds node `n`: two threads that hold the same
/// node race for it.
const HEAD: usize = 0;

/// The thread pushes its own node and pops one, its own or another's, since nobody pops more than
/// was pushed; so it goes on with the node that it holds.
fn push_and_pop(memory: &impl Memory, thread: usize, rounds: u32) {
    let mut held = thread as u64 + 1;
    for round in 0..rounds {
        memory.set(held as usize - 1, thread as u64);
        push(memory, held);
        held = pop(memory, round);
        memory.set(held as usize - 1, thread as u64);
    }
}

fn push(memory: &impl Memory, node: u64) {
    let mut head = memory.load(HEAD, Relaxed);
    loop {
        memory.store(node as usize, head & 0xff, Relaxed);
        match memory.compare_exchange(HEAD, head, tagged(head, node), Release, Relaxed) {
            Ok(_) => return,
            Err(seen) => head = seen,
        }
    }
}

fn pop(memory: &impl Memory, round: u32) -> u64 {
    loop {
        memory.rest(round);
        let head = memory.load(HEAD, Acquire);
        let node = head & 0xff;
        assert_ne!(node, 0, "a node is on the stack");
        let next = memory.load(node as usize, Relaxed);
        if memory.compare_exchange(HEAD, head, tagged(head, next), Acquire, Relaxed).is_ok() {
            return node;
        }
    }
}

fn tagged(head: u64, node: u64) -> u64 {
    ((head >> 8) + 1) << 8 | node
}

/// The slab's remote list, and its slot word: whether somebody owns it.
const REMOTE: usize = 0;
const SLOT: usize = 1;
const OWNED: u64 = 0;
const ABANDONED: u64 = 1;
/// The plain words: the freelist, which is the owner's, then the link and the holder's mark of each
/// block, from 1.
const FREELIST: usize = 0;
const LINKS: usize = 0;
const MARKS: usize = 4;
const FREED: u64 = 1;
const HELD: u64 = 2;

/// The slab's owner allocates and gives the slab up. What was freed before it did so, it must not
/// leave behind.
fn own(memory: &impl Memory) {
    (0..2).for_each(|number| allocate(memory, number));
    memory.rest(2);
    memory.store(SLOT, ABANDONED, SeqCst);
    if memory.load(REMOTE, SeqCst) != 0 {
        claim(memory);
    }
}

fn allocate(memory: &impl Memory, number: u32) {
    memory.rest(number);
    if memory.get(FREELIST) == 0 && memory.load(REMOTE, Relaxed) != 0 {
        drain(memory);
    }
    let block = memory.get(FREELIST) as usize;
    if block != 0 {
        memory.set(FREELIST, memory.get(LINKS + block));
        assert_eq!(memory.get(MARKS + block), FREED, "a block that was freed once");
        memory.set(MARKS + block, HELD);
    }
}

fn drain(memory: &impl Memory) {
    let mut block = memory.swap(REMOTE, 0, Acquire);
    while block != 0 {
        let next = memory.get(LINKS + block as usize);
        memory.set(LINKS + block as usize, memory.get(FREELIST));
        memory.set(FREELIST, block);
        block = next;
    }
}

/// Frees a block to a slab that another owns, or nobody: then it is claimed.
fn free(memory: &impl Memory, thread: usize, number: usize) {
    let block = 2 * thread - number;
    memory.set(MARKS + block, FREED);
    loop {
        memory.rest(2 * number as u32);
        let head = memory.load(REMOTE, Relaxed);
        memory.set(LINKS + block, head);
        if memory.compare_exchange(REMOTE, head, block as u64, SeqCst, Relaxed).is_ok() {
            break;
        }
    }
    memory.rest(2 * number as u32 + 1);
    if memory.load(SLOT, SeqCst) == ABANDONED {
        claim(memory);
    }
}

fn claim(memory: &impl Memory) {
    if memory.compare_exchange(SLOT, ABANDONED, OWNED, Acquire, Relaxed).is_ok() {
        drain(memory);
        memory.store(SLOT, ABANDONED, Release);
    }
}

/// 250 accesses.
fn mix(memory: &impl Memory, thread: usize) {
    for round in 0..50 {
        let seen = memory.load(round % 4, Acquire);
        memory.store(thread, seen, Release);
        let other = memory.swap((round + thread) % 4, seen + 1, AcqRel);
        _ = memory.compare_exchange(0, other, seen, AcqRel, Acquire);
        memory.store(thread, other, Relaxed);
    }
}
