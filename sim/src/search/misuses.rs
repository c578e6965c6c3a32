//! Misuses that are noticed, each in the simulated world: what docs/ARCHITECTURE.md says about them
//! is true.
//!
//! No search: the programs of scenarios are correct. Each misuse is one thread that does something
//! right, and then one thing wrong: the world's oracle for misuse has to end the run, with the
//! right words. Beside them stand a few right things that a careless check would accuse.

use std::io;
use std::marker::PhantomData;
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use hak_core::range::Range;
use hak_core::{Allocator, Misuse, Plain, inspect};

use crate::run::settings::GeometryName;
use crate::run::simulation::prepared;
use crate::runtime::strategy::Random;
use crate::runtime::{
    Body, Plan, Production, Sim, SimPlain, Start, Tiny, Wide, World, WorldGeometry, oracle, user,
};

/// A kind of block, with its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Least,
    Small,
    Run,
    LongRun,
    Mapping,
    LongMapping,
}

const SHAPES: [Shape; 6] =
    [Shape::Least, Shape::Small, Shape::Run, Shape::LongRun, Shape::Mapping, Shape::LongMapping];

impl Shape {
    fn size<G: WorldGeometry>(self) -> usize {
        let geometry = G::GEOMETRY;
        match self {
            Shape::Least => 16,
            Shape::Small => geometry.small_max,
            Shape::Run => geometry.small_max + 1,
            Shape::LongRun => geometry.run_max(),
            Shape::Mapping => geometry.run_max() + 1,
            Shape::LongMapping => geometry.unit_size() * 2 + 1,
        }
    }
}

/// What is asked of the allocator about a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Free,
    /// As `Free`, of a thread whose heap knows how long the range is: on the fast path.
    FreeFast,
    Measure,
    Reallocate,
    Grow,
}

const QUESTIONS: [Question; 5] =
    [Question::Free, Question::FreeFast, Question::Measure, Question::Reallocate, Question::Grow];

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A pointer into a block, so many bytes from its start.
    Interior(Shape, usize, Question),
    /// The same, of a block above which others have been freed.
    InteriorBelow(Shape, usize, Question),
    /// A block that was freed; this many blocks like it were freed after it.
    Freed(Shape, usize, Question),
    /// A block that was freed, beside others that were not, in another SuperSlab than the first.
    FreedFarther(Shape, Question),
    /// A block that was freed, and memory went back to the system; so many bytes from its start.
    Gone(Shape, usize),
    /// Where a block of the slab will begin that was never cut: this many behind the last one.
    Uncut(Shape, usize, Question),
    /// The end of a slab of blocks of so many bytes, where no block has room.
    Behind(usize, Question),
    /// A write to this word of a freed block, and then blocks like it are allocated; this many were
    /// freed before it.
    Overwritten(Shape, usize, usize),
    /// A link to another block, with the seal that it would have if nobody knew of a secret.
    Guessed(Shape),
    /// A pointer to elsewhere: so many bytes from where units begin.
    Foreign(isize, Question),
    /// An address that nobody has, before anything was allocated.
    ForeignFirst(Question),
    /// Null is freed: first of all, and when there is a heap.
    Null,
    /// Each thread frees what another one allocated, of this shape.
    Remote(Shape),
    /// Two threads free the same block at the same time.
    Twice(Shape),
    /// One thread makes a mapping longer, elsewhere, that another one frees at the same time.
    GrownAndFreed,
}

impl Deed {
    /// Whether two threads do something wrong at the same time.
    const fn is_of_two(self) -> bool {
        matches!(self, Deed::Twice(_) | Deed::GrownAndFreed)
    }
}

/// A deed, and what the allocator says to it.
#[derive(Clone, Copy, Debug)]
struct Case {
    deed: Deed,
    said: Option<Misuse>,
}

fn cases<G: WorldGeometry>() -> Vec<Case> {
    let geometry = G::GEOMETRY;
    let mut cases = Vec::new();
    let mut add = |deed, said| cases.push(Case { deed, said });
    for shape in SHAPES {
        let size = shape.size::<G>();
        for question in QUESTIONS {
            for inside in [8, 16, (size / 2) & !7, geometry.slab_size(), geometry.unit_size()] {
                if inside < size && !(shape == Shape::Least && inside > 8) {
                    add(Deed::Interior(shape, inside, question), Some(Misuse::InteriorPointer));
                }
            }
            for others in [0, 1, 7, 23] {
                let small = matches!(shape, Shape::Least | Shape::Small);
                if small || others == 0 {
                    add(Deed::Freed(shape, others, question), Some(Misuse::DoubleFree));
                }
            }
        }
        add(Deed::Remote(shape), None);
    }
    for shape in [Shape::Least, Shape::Small] {
        for behind in if shape == Shape::Least { 0..2 } else { 0..1 } {
            for question in [Question::Measure, Question::Reallocate] {
                add(Deed::Uncut(shape, behind, question), Some(Misuse::ForeignPointer));
            }
        }
        for others in [0, 3, 40] {
            for word in [0, 1] {
                add(Deed::Overwritten(shape, word, others), Some(Misuse::CorruptedLink));
            }
        }
        add(Deed::Guessed(shape), Some(Misuse::CorruptedLink));
    }
    for question in QUESTIONS {
        let (shape, inside) = (Shape::LongRun, geometry.slab_size());
        if inside < shape.size::<G>() {
            let deed = Deed::InteriorBelow(shape, inside, question);
            add(deed, Some(Misuse::InteriorPointer));
        }
        add(Deed::FreedFarther(Shape::Run, question), Some(Misuse::DoubleFree));
    }
    for shape in [Shape::Run, Shape::LongRun, Shape::Mapping, Shape::LongMapping] {
        add(Deed::Gone(shape, 0), Some(Misuse::DoubleFree));
        add(Deed::Twice(shape), Some(Misuse::DoubleFree));
    }
    for shape in [Shape::Mapping, Shape::LongMapping] {
        add(Deed::Gone(shape, 16), Some(Misuse::ForeignPointer));
    }
    for question in QUESTIONS {
        add(Deed::Behind(48, question), Some(Misuse::ForeignPointer));
    }
    add(Deed::GrownAndFreed, Some(Misuse::DoubleFree));
    let nobodys = (geometry.unit_size() * 2) as isize;
    let end = (geometry.units_max * geometry.unit_size()) as isize;
    for question in QUESTIONS {
        for place in [-16, nobodys, nobodys + 16, end, end + 16, isize::MAX & !15] {
            add(Deed::Foreign(place, question), Some(Misuse::ForeignPointer));
        }
        add(Deed::ForeignFirst(question), Some(Misuse::ForeignPointer));
    }
    add(Deed::Null, None);
    cases
}

fn pointer(address: usize) -> *mut u8 {
    with_exposed_provenance_mut(address)
}

/// The deeds, in the simulated world.
struct Doer<G>(PhantomData<G>);

impl<G: WorldGeometry> Doer<G> {
    fn allocate(shape: Shape) -> usize {
        let size = shape.size::<G>();
        let block = Allocator::<Sim<G>>::allocate(size, 16);
        assert!(!block.is_null(), "there is memory");
        user::received(block, size, 16);
        block.expose_provenance()
    }

    fn free(address: usize) {
        user::returning(pointer(address));
        // SAFETY: [user 4] the program's block until now.
        unsafe { Allocator::<Sim<G>>::free(pointer(address)) };
    }

    /// A word of a freed block, which the program may not touch any more.
    fn word(block: usize, number: usize) -> &'static SimPlain<usize> {
        let address = block + number * size_of::<usize>();
        // SAFETY: [platform 1, platform 2] any bytes are a number, and a word that is not in the
        // arena is refused.
        unsafe { &*with_exposed_provenance(address) }
    }

    /// The address behind the last block that was cut of a block's slab; none if that one is full.
    fn uncut(block: usize, size: usize) -> Option<usize> {
        let range = Range::<Sim<G>>::get().expect("a range");
        let slab_size = G::GEOMETRY.slab_size();
        let index = (block - range.base()) / slab_size;
        let slab = inspect::slab(range, index as u32, &mut |_, _| {}).expect("lists in order");
        let behind = (block & !(slab_size - 1)) + slab.carved as usize * size;
        (slab.carved < slab.capacity).then_some(behind)
    }

    fn ask(question: Question, address: usize) {
        if question == Question::FreeFast && Range::<Sim<G>>::get().is_some() {
            // The first free of a thread finds out how long the range is.
            Self::free(Self::allocate(Shape::Small));
        }
        let block = pointer(address);
        // SAFETY: [platform 2, platform 4] no contract: this is the misuse. It harms the simulated
        // world alone, since whatever the core touches there is in the arena or refused.
        unsafe {
            match question {
                Question::Free | Question::FreeFast => Allocator::<Sim<G>>::free(block),
                Question::Measure => {
                    Allocator::<Sim<G>>::usable_size(block);
                }
                Question::Reallocate => {
                    Allocator::<Sim<G>>::reallocate(block, G::GEOMETRY.slab_size(), 16);
                }
                Question::Grow => {
                    Allocator::<Sim<G>>::reallocate(block, G::GEOMETRY.unit_size() * 3, 16);
                }
            }
        }
    }

    fn first(deed: Deed) {
        match deed {
            Deed::Interior(shape, inside, question) => {
                let block = Self::allocate(shape);
                Self::ask(question, block + inside);
            }
            Deed::InteriorBelow(shape, inside, question) => {
                // Runs are put as high as can be.
                let (above, block) = (Self::allocate(shape), Self::allocate(shape));
                Self::free(above);
                Self::ask(question, block + inside);
            }
            Deed::FreedFarther(shape, question) => {
                let count = 2 * G::GEOMETRY.slabs_per_superslab;
                let blocks: Vec<usize> = (0..count).map(|_| Self::allocate(shape)).collect();
                let last = blocks[blocks.len() - 1];
                Self::free(last);
                Self::ask(question, last);
            }
            Deed::Freed(shape, others, question) => {
                let block = Self::allocate(shape);
                let others: Vec<usize> = (0..others).map(|_| Self::allocate(shape)).collect();
                Self::free(block);
                others.into_iter().for_each(Self::free);
                Self::ask(question, block);
            }
            Deed::Gone(shape, inside) => {
                // The slabs beside it stay in use, so that its SuperSlab does.
                let other = Self::allocate(Shape::Least);
                let block = Self::allocate(shape);
                Self::free(block);
                Allocator::<Sim<G>>::collect();
                Self::ask(Question::Free, block + inside);
                Self::free(other);
            }
            Deed::Uncut(shape, behind, question) => {
                let (size, mut held) = (shape.size::<G>(), Vec::new());
                // A new slab, at the latest, has room behind the blocks that were cut.
                let place = loop {
                    held.push(Self::allocate(shape));
                    let next = Self::uncut(held[held.len() - 1], size);
                    if let Some(next) = next.filter(|next| {
                        (next + (behind + 1) * size - 1) / G::GEOMETRY.slab_size()
                            == held[held.len() - 1] / G::GEOMETRY.slab_size()
                    }) {
                        break next + behind * size;
                    }
                };
                Self::ask(question, place);
                held.into_iter().for_each(Self::free);
            }
            Deed::Behind(size, question) => {
                let block = Allocator::<Sim<G>>::allocate(size, 16);
                user::received(block, size, 16);
                let slab_size = G::GEOMETRY.slab_size();
                let start = block.expose_provenance() & !(slab_size - 1);
                Self::ask(question, start + slab_size / size * size);
                Self::free(block.expose_provenance());
            }
            Deed::Overwritten(shape, word, others) => {
                let others: Vec<usize> = (0..others).map(|_| Self::allocate(shape)).collect();
                let block = Self::allocate(shape);
                let count = others.len();
                others.into_iter().for_each(Self::free);
                Self::free(block);
                let word = Self::word(block, word);
                word.set(word.get() ^ 0x10);
                for _ in 0..count + 2 {
                    Self::allocate(shape);
                }
            }
            Deed::Guessed(shape) => {
                let (other, block) = (Self::allocate(shape), Self::allocate(shape));
                Self::free(block);
                let tag = Self::word(block, 1).get() & 0xff << (usize::BITS - 8);
                Self::word(block, 0).set(other);
                Self::word(block, 1).set(block.wrapping_add(other) ^ tag);
                for _ in 0..2 {
                    Self::allocate(shape);
                }
            }
            Deed::Foreign(place, question) => {
                let block = Self::allocate(Shape::Least);
                let base = Range::<Sim<G>>::get().expect("a range").base();
                Self::ask(question, base.wrapping_add_signed(place));
                Self::free(block);
            }
            Deed::ForeignFirst(question) => Self::ask(question, 0x7000),
            Deed::Null => {
                // SAFETY: [platform 2, platform 4] null may be freed, which is what this is to
                // show.
                unsafe { Allocator::<Sim<G>>::free(pointer(0)) };
                let block = Self::allocate(Shape::Least);
                // SAFETY: [as above]
                unsafe { Allocator::<Sim<G>>::free(pointer(0)) };
                Self::free(block);
            }
            Deed::Remote(shape) => {
                user::plain_word(0).set(Self::allocate(shape) as u64);
            }
            Deed::Twice(shape) => {
                let block = Self::allocate(shape);
                user::returning(pointer(block));
                user::plain_word(0).set(block as u64);
            }
            Deed::GrownAndFreed => {
                let block = Self::allocate(Shape::LongMapping);
                // Behind it, so that it cannot grow where it is.
                Self::allocate(Shape::LongMapping);
                user::returning(pointer(block));
                user::plain_word(0).set(block as u64);
            }
        }
        Allocator::<Sim<G>>::thread_exit();
    }

    fn second(deed: Deed) {
        let block = || user::plain_word(0).get() as usize;
        match deed {
            Deed::Remote(_) => Self::free(block()),
            Deed::Twice(_) => Self::ask(Question::Free, block()),
            Deed::GrownAndFreed => {
                let size = G::GEOMETRY.unit_size() * 5;
                // SAFETY: [platform 2, platform 4] as in `ask`.
                unsafe { Allocator::<Sim<G>>::reallocate(pointer(block()), size, 16) };
            }
            _ => {}
        }
        Allocator::<Sim<G>>::thread_exit();
    }

    /// Beside the second thread, if two do something wrong.
    fn third(deed: Deed) {
        match deed {
            Deed::Twice(_) => Self::second(deed),
            _ => Self::ask(Question::Free, user::plain_word(0).get() as usize),
        }
    }
}

fn unnoticed_in<G: WorldGeometry>(world: &mut World) -> Option<String> {
    cases::<G>().into_iter().find_map(|case| {
        let first = || Doer::<G>::first(case.deed);
        let second = || Doer::<G>::second(case.deed);
        let third = || Doer::<G>::third(case.deed);
        let mut bodies = vec![
            Body { start: Start::AtOnce, run: &first },
            Body { start: Start::Joining(0), run: &second },
        ];
        let mut schedules = 1;
        if case.deed.is_of_two() {
            bodies.push(Body { start: Start::Joining(0), run: &third });
            schedules = SCHEDULES;
        }
        (0..schedules).find_map(|schedule| unnoticed_case(world, case, &bodies, schedule))
    })
}

/// Schedules in which two threads do something wrong at the same time.
const SCHEDULES: u64 = 20;

/// What is wrong with what was said in one schedule, if anything.
fn unnoticed_case(
    world: &mut World,
    case: Case,
    bodies: &[Body<'_>],
    schedule: u64,
) -> Option<String> {
    let plan = Plan { steps_max: 200_000, ..Plan::default() };
    let run = world.run(&plan, bodies, &mut Random::new(42 + schedule), &mut ());
    let violation = run.violation();
    let is_right = match (case.said, violation) {
        (None, None) => true,
        // How far the other thread has come decides what is seen of the block.
        (Some(_), Some(violation)) if case.deed.is_of_two() => violation.oracle == oracle::MISUSE,
        (Some(what), Some(violation)) => {
            let says = format!("the allocator says {} ", what.name());
            violation.oracle == oracle::MISUSE && violation.message.starts_with(&says)
        }
        _ => false,
    };
    let found = violation.map_or("nothing".to_owned(), ToString::to_string);
    (!is_right).then(|| format!("{:?}: {:?} is right, and {found} was said", case.deed, case.said))
}

/// Does each misuse, and what is none; the first that is not answered as it has to be.
///
/// # Errors
/// The system has no memory for the simulated world.
pub fn unnoticed(geometry: GeometryName) -> io::Result<Option<String>> {
    let mut world = None;
    Ok(match geometry {
        GeometryName::Tiny => unnoticed_in::<Tiny>(prepared::<Tiny>(&mut world)?),
        GeometryName::Wide => unnoticed_in::<Wide>(prepared::<Wide>(&mut world)?),
        GeometryName::Production => unnoticed_in::<Production>(prepared::<Production>(&mut world)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_misuse_is_noticed_and_nothing_else_is() {
        for geometry in [GeometryName::Tiny, GeometryName::Wide, GeometryName::Production] {
            let answer = unnoticed(geometry).expect("memory for a world");
            assert_eq!(answer, None, "{}", geometry.name());
        }
    }
}
