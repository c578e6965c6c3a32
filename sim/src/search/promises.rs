//! What is promised beside being right: what an operation costs, and that memory is used again and
//! given back. Small programs in the simulated world, one thread after the other, each with an
//! assertion or a bound: what was measured, and a fifth more for paths that are not the fastest.
//!
//! - *Costs.* Steps (accesses to shared words, and system calls) of a round, once it is warm. A
//!   fast path that is not taken is right, too.
//! - *Memory.* What one thread leaves another one finds; what is kept or idle is given back before
//!   null is said; a limit is obeyed, and what just fits is obtained; behind everything, nothing is
//!   committed.
//! - *Threads that stop.* A thread that stops for ever in a slice of decay does not keep idle
//!   memory from going back.
//! - *Threads that wait.* Nor does one that waits in a slice while another takes a slot or gives
//!   some back, or to which the system refuses to take memory back.
//! - *Refusals.* Each of those programs again, with each of its system calls for memory refused in
//!   turn: what was begun is taken back.
//! - *Growth*, *the range* and *slabs*: see the modules below this one.
//!
//! Invariants:
//! 1. A block of these programs has one holder: the thread that got it, until it leaves it to
//!    others in a word of the user area; and whoever frees it forgets it. What was not shown to the
//!    runtime as received is freed by the lines that asked for it.

mod growth;
mod range;
mod slabs;

use std::io;
use std::marker::PhantomData;
use std::ptr::with_exposed_provenance_mut;

use hak_core::range::Range;
use hak_core::tables::superslab::Use;
use hak_core::{Allocator, Fault, Plain, inspect};

use crate::program;
use crate::run::settings::GeometryName;
use crate::run::simulation::prepared;
use crate::runtime::{
    Access, Body, Choice, ChoicePoint, Chooser, Kind, Plan, Production, Run, Sim, Start, ThreadId,
    Tiny, Wide, World, WorldGeometry, user,
};

/// Goes on with the first thread, and refuses one system call: not one that takes memory away,
/// which then stays for a while.
struct InOrder {
    calls: u32,
    refused: Option<u32>,
}

impl InOrder {
    fn new(refused: Option<u32>) -> InOrder {
        InOrder { calls: 0, refused }
    }
}

impl Chooser for InOrder {
    fn begin(&mut self, _threads: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        Choice::Run(point.runnable.first())
    }

    fn system_call_fails(&mut self, _thread: ThreadId, access: &Access) -> bool {
        if matches!(access.kind, Kind::Decommit | Kind::Reset) {
            return false;
        }
        self.calls += 1;
        self.refused == Some(self.calls - 1)
    }

    fn read_from(&mut self, _thread: ThreadId, _access: &Access, _candidates: usize) -> usize {
        0
    }

    fn spurious_failure(&mut self, _thread: ThreadId, _access: &Access) -> bool {
        false
    }
}

/// Lets the thread that ticks go on as far as `behind` of its steps, then another one to its end.
/// Refuses the system call `refused` of those of the thread that ticks that take memory away.
struct Waits {
    behind: u32,
    refused: Option<u32>,
    calls: u32,
    waited: bool,
}

/// The thread that ticks, and the one for which it waits.
const TICKS: ThreadId = 1;
const MEANWHILE: ThreadId = 2;

impl Chooser for Waits {
    fn begin(&mut self, _threads: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let waits = point.steps[TICKS] >= self.behind;
        self.waited |= waits && point.runnable.contains(TICKS);
        let next = if waits { MEANWHILE } else { TICKS };
        let next = if point.runnable.contains(next) { next } else { point.runnable.first() };
        Choice::Run(next)
    }

    fn system_call_fails(&mut self, thread: ThreadId, access: &Access) -> bool {
        if thread != TICKS || !matches!(access.kind, Kind::Decommit | Kind::Reset) {
            return false;
        }
        self.calls += 1;
        self.refused == Some(self.calls - 1)
    }
}

/// What a thread of these programs does.
struct Does<G>(PhantomData<G>);

/// A block, with its size. Address 0 for none.
type HeldBlock = (usize, usize);

impl<G: WorldGeometry> Does<G> {
    /// A block, or nothing.
    fn ask(size: usize, align: usize) -> HeldBlock {
        let block = Allocator::<Sim<G>>::allocate(size, align);
        if !block.is_null() {
            user::received(block, size, align);
        }
        (block.expose_provenance(), size)
    }

    fn free((address, _): HeldBlock) {
        if address != 0 {
            let block = with_exposed_provenance_mut(address);
            user::returning(block);
            // SAFETY: [promises 1, user 4] the program's block until now.
            unsafe { Allocator::<Sim<G>>::free(block) };
        }
    }

    fn grow(held: HeldBlock, size: usize) -> HeldBlock {
        if held.0 == 0 {
            return held;
        }
        let old = with_exposed_provenance_mut(held.0);
        let pattern = user::returning_for(old, size);
        // SAFETY: [promises 1, user 4] the program's block until now.
        let new = unsafe { Allocator::<Sim<G>>::reallocate(old, size, 16) };
        if new.is_null() {
            user::received_with_prefix(old, pattern.bytes(), 16, &pattern.whole(), pattern.bytes());
            return held;
        }
        user::received_with_prefix(new, size, 16, &pattern, size.min(pattern.bytes()));
        (new.expose_provenance(), size)
    }

    /// No block can be that long: this one stays as it is.
    fn grow_too_far(held: HeldBlock, size: usize) {
        if held.0 == 0 {
            return;
        }
        let old = with_exposed_provenance_mut(held.0);
        let pattern = user::returning_for(old, size);
        // SAFETY: [promises 1, user 4] the program's block until now, and after null.
        let new = unsafe { Allocator::<Sim<G>>::reallocate(old, size, 16) };
        assert!(new.is_null(), "a block of {size} bytes");
        user::received_with_prefix(old, pattern.bytes(), 16, &pattern.whole(), pattern.bytes());
    }

    /// Leaves a block to others.
    fn leave(place: usize, held: HeldBlock) {
        user::plain_word(place).set(held.0 as u64);
    }

    /// Frees all blocks that were left.
    fn take_all() {
        let count = G::GEOMETRY.unit_size() / G::GEOMETRY.small_max;
        for place in 0..count {
            Self::free((user::plain_word(place).get() as usize, G::GEOMETRY.small_max));
        }
    }

    /// None of these requests was refused, as long as the system refused nothing.
    fn expect(refuses: bool, requests: &[HeldBlock]) {
        if !refuses {
            let refused = requests.iter().filter(|held| held.0 == 0).count();
            assert!(refused == 0, "{refused} requests were refused");
        }
    }

    /// How many slabs a heap owns.
    fn owned() -> usize {
        let range = Range::<Sim<G>>::get().expect("a range");
        let slabs = G::GEOMETRY.slabs_per_superslab;
        let mut owned = 0;
        inspect::units(range, |unit| {
            if unit.word.usage() == Use::Shared {
                let slabs = unit.index * slabs..(unit.index + 1) * slabs;
                let owner = |index| inspect::slot(range, index).owner().heap();
                owned += slabs.filter(|&index| owner(index).is_some()).count();
            }
        });
        owned
    }

    fn end() {
        Allocator::<Sim<G>>::thread_exit();
    }

    /// Everything was freed: nothing may be committed after this.
    fn finish() {
        Allocator::<Sim<G>>::collect();
        Allocator::<Sim<G>>::thread_exit();
        Allocator::<Sim<G>>::collect();
        let left = Allocator::<Sim<G>>::committed();
        assert!(left == 0, "{left} bytes are committed, and no block is left");
    }

    /// As many blocks of `size` as fit into so many SuperSlabs, roughly.
    fn fill(superslabs: usize, size: usize) -> Vec<HeldBlock> {
        let count = superslabs * G::GEOMETRY.unit_size() / size;
        (0..count).map(|_| Self::ask(size, 16)).collect()
    }
}

/// Runs threads one after the other; each begins when the first one has ended, in their order.
fn run(world: &mut World, bodies: &[&dyn Fn()], refused: Option<u32>) -> (Run, u32) {
    let bodies: Vec<Body<'_>> = bodies
        .iter()
        .enumerate()
        .map(|(thread, &run)| Body {
            start: if thread == 0 { Start::AtOnce } else { Start::Joining(thread - 1) },
            run,
        })
        .collect();
    let plan = Plan { steps_max: 2_000_000, ..Plan::default() };
    let mut chooser = InOrder::new(refused);
    let run = world.run(&plan, &bodies, &mut chooser, &mut ());
    (run, chooser.calls)
}

/// A round, by name, and how many steps a hundred of them may have in the tiny and in the
/// production geometry.
type Cost<G> = (&'static str, fn(PhantomData<G>), [u64; 2]);

fn costs<G: WorldGeometry>() -> [Cost<G>; 9] {
    [
        ("a pair of the least size", |_| Does::<G>::free(Does::<G>::ask(16, 16)), [100, 100]),
        ("a pair of another size", |_| Does::<G>::free(Does::<G>::ask(48, 1)), [100, 100]),
        (
            "a pair of the largest small size",
            |_| Does::<G>::free(Does::<G>::ask(G::GEOMETRY.small_max, 16)),
            [100, 100],
        ),
        ("a pair with an alignment", |_| Does::<G>::free(Does::<G>::ask(40, 64)), [100, 100]),
        (
            "as many blocks as a thread cache holds, and back",
            |_| {
                let blocks = G::GEOMETRY.cache_bytes / 16;
                let blocks = blocks.min(G::GEOMETRY.cache_blocks_max as usize);
                let held: Vec<HeldBlock> = (0..blocks).map(|_| Does::<G>::ask(16, 16)).collect();
                held.into_iter().for_each(Does::<G>::free);
            },
            [1_300, 32_000],
        ),
        (
            "a run",
            |_| Does::<G>::free(Does::<G>::ask(G::GEOMETRY.small_max + 1, 16)),
            [4_200, 4_200],
        ),
        (
            "the longest run",
            |_| Does::<G>::free(Does::<G>::ask(G::GEOMETRY.run_max(), 16)),
            [4_200, 4_200],
        ),
        (
            "a mapping",
            |_| Does::<G>::free(Does::<G>::ask(G::GEOMETRY.run_max() + 1, 16)),
            [3_200, 11_000],
        ),
        (
            "a block that grows a little",
            |_| {
                let held = Does::<G>::ask(40, 16);
                Does::<G>::free(Does::<G>::grow(held, 44));
            },
            [480, 480],
        ),
    ]
}

/// Steps of a hundred warm rounds.
fn cost<G: WorldGeometry>(world: &mut World, round: fn(PhantomData<G>)) -> Result<u64, String> {
    let mut steps = |rounds: u32| {
        let body = || {
            (0..rounds).for_each(|_| round(PhantomData));
            Does::<G>::end();
        };
        let (run, _) = run(world, &[&body], None);
        run.violation().map_or(Ok(run.steps), |violation| Err(violation.to_string()))
    };
    Ok(steps(110)? - steps(10)?)
}

/// A program, by name: what its threads do, one after the other, by number, and whether a system
/// call is refused; and how many there are.
type PromiseProgram<G> = (&'static str, fn(PhantomData<G>, usize, bool), usize);

fn programs<G: WorldGeometry>() -> Vec<PromiseProgram<G>> {
    vec![
        (
            "blocks of every kind come and go",
            |_, thread, _| {
                if thread == 0 {
                    let geometry = G::GEOMETRY;
                    let sizes = [
                        16,
                        geometry.small_max,
                        geometry.small_max + 1,
                        geometry.run_max(),
                        geometry.run_max() + 1,
                        geometry.unit_size() + 1,
                        geometry.relocate_min + 1,
                    ];
                    let held: Vec<HeldBlock> =
                        sizes.iter().map(|&size| Does::<G>::ask(size, 16)).collect();
                    held.into_iter().for_each(Does::<G>::free);
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "mappings grow, in place, by moving, and again out of what is kept",
            |_, thread, _| {
                if thread == 0 {
                    let size = (G::GEOMETRY.run_max() + 1).max(G::GEOMETRY.relocate_min);
                    let (one, other) = (Does::<G>::ask(size, 16), Does::<G>::ask(size, 16));
                    let one = Does::<G>::grow(one, size + G::GEOMETRY.unit_size());
                    let other = Does::<G>::grow(other, size + G::GEOMETRY.page_size);
                    Does::<G>::free(one);
                    let kept = Does::<G>::ask(size, 16);
                    let kept = Does::<G>::grow(kept, size + 2 * G::GEOMETRY.unit_size());
                    let less = Does::<G>::grow(other, size);
                    Does::<G>::free(kept);
                    Does::<G>::free(less);
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "blocks that a thread leaves behind are found by the next one",
            |_, thread, _| match thread {
                0 => {
                    // Every other block is freed, so that each slab is abandoned with free blocks.
                    let held = Does::<G>::fill(2, G::GEOMETRY.small_max);
                    for (number, held) in held.into_iter().enumerate() {
                        if number % 2 == 0 {
                            Does::<G>::free(held);
                        } else {
                            Does::<G>::leave(number / 2, held);
                        }
                    }
                    Does::<G>::end();
                }
                1 => {
                    let before = Allocator::<Sim<G>>::committed();
                    let count = G::GEOMETRY.unit_size() / G::GEOMETRY.small_max / 2;
                    let held: Vec<HeldBlock> =
                        (0..count).map(|_| Does::<G>::ask(G::GEOMETRY.small_max, 16)).collect();
                    let more = Allocator::<Sim<G>>::committed() - before;
                    assert!(more == 0, "{more} bytes more, although blocks are free");
                    held.into_iter().for_each(Does::<G>::free);
                    Does::<G>::end();
                }
                _ => {
                    Does::<G>::take_all();
                    Does::<G>::finish();
                }
            },
            3,
        ),
        (
            "a slab that was left far away is found at once",
            |_, thread, _| match thread {
                // In the production geometry that is as much memory as all other programs together
                // have.
                _ if G::GEOMETRY.unit_size() > 1 << 16 => Does::<G>::end(),
                0 => {
                    // More SuperSlabs than a search looks at; the last one alone has a free block.
                    let superslabs = G::GEOMETRY.abandoned_probes as usize + 3;
                    let mut held = Does::<G>::fill(superslabs, G::GEOMETRY.small_max);
                    let last = held.pop().expect("there are many");
                    Does::<G>::free(last);
                    Does::<G>::end();
                }
                1 => {
                    let before = Allocator::<Sim<G>>::committed();
                    let held = Does::<G>::ask(G::GEOMETRY.small_max, 16);
                    let more = Allocator::<Sim<G>>::committed() - before;
                    assert!(more == 0, "{more} bytes more, although a block is free");
                    Does::<G>::free(held);
                    Does::<G>::end();
                }
                _ => Does::<G>::end(),
            },
            2,
        ),
        (
            "a block that shrinks gives memory back",
            |_, thread, refuses| {
                if thread == 0 {
                    let unit = G::GEOMETRY.unit_size();
                    for from in [G::GEOMETRY.run_max(), 3 * unit] {
                        for to in [16, G::GEOMETRY.small_max + 1, unit] {
                            let held = Does::<G>::grow(Does::<G>::ask(from, 16), to.min(from));
                            Allocator::<Sim<G>>::collect();
                            let left = Allocator::<Sim<G>>::committed();
                            assert!(refuses || left <= unit, "{left} bytes for {to}");
                            Does::<G>::free(held);
                        }
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "what is kept or idle is given back before a limit says no",
            |_, thread, refuses| {
                if thread == 0 {
                    let geometry = G::GEOMETRY;
                    let unit = geometry.unit_size();
                    // Kept: a mapping. Idle: the slots of a SuperSlab.
                    let (kept, run) =
                        (Does::<G>::ask(unit, 16), Does::<G>::ask(geometry.run_max(), 16));
                    Does::<G>::free(kept);
                    Does::<G>::free(run);
                    user::limits();
                    let limit = 2 * unit;
                    Allocator::<Sim<G>>::set_limit(limit);
                    let first = Does::<G>::ask(2 * unit, 16);
                    assert!(Allocator::<Sim<G>>::committed() <= limit, "the limit is obeyed");
                    let second = Does::<G>::ask(16, 16);
                    assert!(first.0 == 0 || second.0 == 0, "there is no room beside it");
                    assert!(Allocator::<Sim<G>>::committed() <= limit, "the limit is obeyed");
                    Does::<G>::free(first);
                    Does::<G>::free(second);
                    let third = Does::<G>::ask(geometry.run_max(), 16);
                    let fourth = Does::<G>::ask(unit, 16);
                    Does::<G>::free(third);
                    Does::<G>::free(fourth);
                    Does::<G>::expect(refuses, &[first, third, fourth]);
                    Allocator::<Sim<G>>::set_limit(0);
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "a heap is tidied, so many slabs at a time",
            |_, thread, refuses| match thread {
                // As above; and nothing is taken back here that a refusal left.
                _ if refuses || G::GEOMETRY.unit_size() > 1 << 16 => Does::<G>::end(),
                0 => {
                    // Slabs with a free block each.
                    let held = Does::<G>::fill(40, G::GEOMETRY.small_max);
                    let (stay, go): (Vec<_>, Vec<_>) =
                        held.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
                    go.into_iter().for_each(|(_, held)| Does::<G>::free(held));
                    let mut owned = Does::<G>::owned();
                    for _ in 0..100 {
                        Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
                        let run = Does::<G>::ask(G::GEOMETRY.small_max + 1, 16);
                        let between = Does::<G>::owned();
                        Does::<G>::free(run);
                        let now = Does::<G>::owned();
                        let most = (owned - between).max(between - now);
                        assert!(most <= 16, "{most} slabs were given up in one call");
                        owned = now;
                    }
                    assert!(owned == 0, "{owned} slabs of a class that is not used are owned");
                    stay.into_iter().for_each(|(_, held)| Does::<G>::free(held));
                    Does::<G>::end();
                }
                _ => Does::<G>::finish(),
            },
            2,
        ),
        (
            "a free gives back no more than twice what it brings, and a slice",
            |_, thread, _| {
                if thread == 0 {
                    let geometry = G::GEOMETRY;
                    let unit = geometry.unit_size();
                    // So much is kept that some is to go with each more, and nearly all once
                    // nothing else is held.
                    let bytes = geometry.retained_bytes_max;
                    let sizes =
                        [bytes / 2, bytes / 2, bytes, unit, bytes / 2, unit, unit, 2 * unit];
                    let held = sizes.map(|size| Does::<G>::ask(size, 16));
                    for (held, size) in held.into_iter().zip(sizes) {
                        let before = Allocator::<Sim<G>>::committed();
                        Does::<G>::free(held);
                        let back = before - Allocator::<Sim<G>>::committed();
                        let slice = (geometry.slice_slots as usize) << geometry.slab_shift;
                        let brings = size.next_multiple_of(unit);
                        // What is not kept goes back as it is, beside the others.
                        let most = 3 * brings + slice;
                        assert!(back <= most, "{back} bytes of at most {most} with {size}");
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "a thread that only frees keeps one block of a class",
            |_, thread, refuses| {
                if thread == 0 {
                    // A few with a reserve, and without.
                    let sizes = [G::GEOMETRY.slab_size() / 128, G::GEOMETRY.small_max / 2];
                    for size in sizes.map(|size| size.max(16)) {
                        // Neighbours are freed far from one another.
                        let held = Does::<G>::fill(2, size);
                        let steps = 4 * G::GEOMETRY.slabs_per_superslab as usize;
                        for first in 0..steps {
                            held.iter().skip(first).step_by(steps).for_each(|&held| {
                                Does::<G>::free(held);
                            });
                        }
                        let owned = Does::<G>::owned();
                        assert!(refuses || owned <= 1, "{owned} slabs are owned, of {size} bytes");
                        Allocator::<Sim<G>>::collect();
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "a tick says whether another one is needed",
            |_, thread, refuses| {
                if thread == 0 {
                    let run = Does::<G>::ask(G::GEOMETRY.small_max + 1, 16);
                    Does::<G>::free(run);
                    assert!(refuses || Allocator::<Sim<G>>::tick(), "a run lies idle");
                    let mut rounds = 0;
                    while Allocator::<Sim<G>>::tick() {
                        Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
                        rounds += 1;
                        assert!(rounds < 10, "nothing is left, and a round is to come for ever");
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "blocks of no bytes are blocks",
            |_, thread, refuses| {
                if thread == 0 {
                    let unit = G::GEOMETRY.unit_size();
                    for align in [1, 64, G::GEOMETRY.slab_size(), unit, 2 * unit] {
                        let blocks = [0; 2].map(|size| Allocator::<Sim<G>>::allocate(size, align));
                        assert!(refuses || blocks.iter().all(|block| !block.is_null()));
                        assert!(refuses || blocks[0] != blocks[1], "one block twice");
                        for block in blocks.into_iter().filter(|block| !block.is_null()) {
                            assert!(block.addr().is_multiple_of(align), "{block:?} at {align}");
                            // SAFETY: [promises 1] asked for above, and not freed yet.
                            unsafe { Allocator::<Sim<G>>::free(block) };
                        }
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "a block that shrinks to no bytes is one still",
            |_, thread, refuses| {
                if thread == 0 {
                    let size = G::GEOMETRY.unit_size() + 1;
                    for align in [16, G::GEOMETRY.unit_size(), 2 * G::GEOMETRY.unit_size()] {
                        let block = Allocator::<Sim<G>>::allocate(size, align);
                        if block.is_null() {
                            continue;
                        }
                        // SAFETY: [promises 1] asked for above, and not freed yet.
                        let block = unsafe { Allocator::<Sim<G>>::reallocate(block, 0, align) };
                        let other = Allocator::<Sim<G>>::allocate(size, align);
                        assert!(!block.is_null() && block != other, "one block twice");
                        assert!(refuses || !other.is_null(), "there is room");
                        // SAFETY: [promises 1] as above.
                        let usable = unsafe { Allocator::<Sim<G>>::usable_size(block) };
                        assert!(usable > 0, "a block of no bytes at all");
                        for block in [block, other].into_iter().filter(|block| !block.is_null()) {
                            // SAFETY: [promises 1] asked for above, and not freed yet.
                            unsafe { Allocator::<Sim<G>>::free(block) };
                        }
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "a block that is to grow too far stays",
            |_, thread, _| {
                if thread == 0 {
                    let unit = G::GEOMETRY.unit_size();
                    for from in [16, G::GEOMETRY.run_max(), unit + 1] {
                        let held = Does::<G>::ask(from, 16);
                        for size in [isize::MAX as usize, usize::MAX] {
                            Does::<G>::grow_too_far(held, size);
                        }
                        Does::<G>::free(held);
                    }
                    Does::<G>::end();
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
        (
            "a thread without a heap frees",
            |_, thread, _| {
                if thread == 0 {
                    let held = Does::<G>::fill(1, G::GEOMETRY.small_max);
                    Allocator::<Sim<G>>::thread_end();
                    held.into_iter().for_each(Does::<G>::free);
                } else {
                    Does::<G>::finish();
                }
            },
            2,
        ),
    ]
}

fn broken_in<G: WorldGeometry>(world: &mut World, column: usize) -> io::Result<Option<String>> {
    for (name, round, most) in costs::<G>() {
        match cost::<G>(world, round) {
            Ok(steps) if steps <= most[column] => {}
            Ok(steps) => {
                return Ok(Some(format!(
                    "{name}: {steps} steps for a hundred, and {} are the most",
                    most[column]
                )));
            }
            Err(violation) => return Ok(Some(format!("{name}: {violation}"))),
        }
    }
    for (name, program, threads) in programs::<G>() {
        let run = |world: &mut World, refused: Option<u32>| {
            let bodies: Vec<Box<dyn Fn()>> = (0..threads)
                .map(|thread| {
                    Box::new(move || program(PhantomData, thread, refused.is_some()))
                        as Box<dyn Fn()>
                })
                .collect();
            let bodies: Vec<&dyn Fn()> = bodies.iter().map(|body| &**body).collect();
            run(world, &bodies, refused)
        };
        let (_, calls) = run(world, None);
        for refused in std::iter::once(None).chain((0..calls).map(Some)) {
            let (run, _) = run(world, refused);
            if let Some(violation) = run.violation() {
                return Ok(Some(format!("{name}, call {refused:?} refused: {violation}")));
            }
        }
    }
    let found =
        held_up_by_a_stopped_thread::<G>(world, None).or_else(|| forgotten_by_a_slice::<G>(world));
    if found.is_some() || G::GEOMETRY.unit_size() > 1 << 16 {
        // What follows fills the range, which is too much memory in the production geometry.
        return Ok(found);
    }
    let found = range::broken::<G>(world)?.or_else(|| slabs::broken::<G>(world));
    Ok(found.or_else(|| growth::broken::<G>(world)))
}

/// A thread stops for ever inside `tick`, in front of each of its steps in turn: what lies idle
/// goes back all the same when another one ticks.
fn held_up_by_a_stopped_thread<G: WorldGeometry>(
    world: &mut World,
    plant: Option<Fault>,
) -> Option<String> {
    let leaves = || {
        let sizes = [G::GEOMETRY.small_max + 1, G::GEOMETRY.unit_size() + 1];
        let held: Vec<HeldBlock> =
            [sizes, sizes].concat().into_iter().map(|size| Does::<G>::ask(size, 16)).collect();
        held.into_iter().for_each(Does::<G>::free);
        Does::<G>::end();
    };
    let ticks = || {
        // The first round marks, the second gives back, the third finds nothing.
        for _ in 0..3 {
            Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
            Allocator::<Sim<G>>::tick();
        }
    };
    let goes_on = program::goes_back::<G>;
    let bodies = [
        Body { start: Start::AtOnce, run: &leaves },
        Body { start: Start::Joining(0), run: &ticks },
        Body { start: Start::AfterAll, run: &goes_on },
    ];
    for steps in 1.. {
        let stops = Some((1, steps));
        let plan = Plan { plant, steps_max: 2_000_000, stops, ..Plan::default() };
        let run = world.run(&plan, &bodies, &mut InOrder::new(None), &mut ());
        if let Some(violation) = run.violation() {
            return Some(format!(
                "a thread that ticks stops for ever behind step {steps}: {violation}"
            ));
        }
        if !run.stopped {
            // It makes fewer steps.
            break;
        }
    }
    None
}

/// A thread ticks, waits in front of each of its steps in turn while another one takes a slot, or
/// frees a run and ticks for three rounds, and goes on. Or nobody else does anything, and one of
/// its calls that take memory away is refused. What lies idle then goes back by rounds of decay.
fn forgotten_by_a_slice<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let round = || {
        Sim::<G>::pass_time(G::GEOMETRY.decay_interval + 1);
        Allocator::<Sim<G>>::tick();
    };
    let run = || Does::<G>::ask(G::GEOMETRY.small_max + 1, 16);
    let all_idle = || {
        let mapping = Does::<G>::ask(G::GEOMETRY.unit_size() + 1, 16);
        let held = [run(), run()];
        held.into_iter().chain([mapping]).for_each(Does::<G>::free);
        Does::<G>::end();
    };
    let some_held = || {
        let held = [run(), run(), run()];
        Does::<G>::leave(0, held[0]);
        held[1..].iter().for_each(|&held| Does::<G>::free(held));
        Does::<G>::end();
    };
    let ticks = || (0..2).for_each(|_| round());
    let takes = || Does::<G>::leave(1, run());
    let gives = || {
        Does::<G>::free((user::plain_word(0).get() as usize, 1));
        (0..3).for_each(|_| round());
    };
    let nothing = || {};
    let goes_on = program::goes_back::<G>;
    type Variant<'a> = (&'a str, &'a dyn Fn(), &'a dyn Fn(), bool);
    let variants: [Variant<'_>; 4] = [
        ("another one takes a slot", &all_idle, &takes, false),
        ("another one frees a run and ticks", &some_held, &gives, false),
        ("a call is refused, all is free", &all_idle, &nothing, true),
        ("a call is refused, some is held", &some_held, &nothing, true),
    ];
    for (name, leaves, meanwhile, refuses) in variants {
        for place in 0.. {
            let mut chooser = Waits { behind: u32::MAX, refused: None, calls: 0, waited: false };
            if refuses {
                chooser.refused = Some(place);
            } else {
                chooser.behind = place;
            }
            let bodies = [
                Body { start: Start::AtOnce, run: leaves },
                Body { start: Start::Joining(0), run: &ticks },
                Body { start: Start::Joining(0), run: meanwhile },
                Body { start: Start::AfterAll, run: &goes_on },
            ];
            let plan = Plan { steps_max: 2_000_000, ..Plan::default() };
            let run = world.run(&plan, &bodies, &mut chooser, &mut ());
            if let Some(violation) = run.violation() {
                return Some(format!("a thread ticks, and {name} (place {place}): {violation}"));
            }
            if !(chooser.waited || chooser.calls > place) {
                // It has fewer steps, or fewer such calls.
                break;
            }
        }
    }
    None
}

/// Looks at each promise; the first that does not hold.
///
/// # Errors
/// The system has no memory for the simulated world.
pub fn broken(geometry: GeometryName) -> io::Result<Option<String>> {
    let mut world = None;
    Ok(match geometry {
        GeometryName::Tiny => broken_in::<Tiny>(prepared::<Tiny>(&mut world)?, 0)?,
        GeometryName::Wide => broken_in::<Wide>(prepared::<Wide>(&mut world)?, 0)?,
        GeometryName::Production => {
            broken_in::<Production>(prepared::<Production>(&mut world)?, 1)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_promise_holds() {
        for geometry in [GeometryName::Tiny, GeometryName::Wide, GeometryName::Production] {
            let answer = broken(geometry).expect("memory for a world");
            assert_eq!(answer, None, "{}", geometry.name());
        }
    }

    #[test]
    fn a_stopped_thread_that_holds_decay_up_is_noticed() {
        let mut world = None;
        let world = prepared::<Tiny>(&mut world).expect("memory for a world");
        let broken = held_up_by_a_stopped_thread::<Tiny>(world, Some(Fault::SliceOwnedForEver));
        assert!(broken.is_some_and(|message| message.contains("rounds of decay")));
    }
}
