//! Snapshots: all state of a world, and the way back to an earlier one.
//!
//! **This file enumerates everything that a step can change.** What is added to a world must be
//! added here, or a search goes back to states that never were.
//!
//! | what | kept |
//! |---|---|
//! | memory, pages, shadow cells and records, stores | by page that was used: [`PageImage`] |
//! | stacks | by thread, the part in use, with the fiber's handle: [`StackImage`] |
//! | control, clocks, histories, address space, live blocks, fences | whole: [`Small`] |
//! | the observer | is told: [`Observer::put_back`] |
//!
//! [`Observer::put_back`]: crate::runtime::observer::Observer::put_back
//!
//! Marks form a stack. The mirror (`images`, `stacks`) is the world as it was at the last mark;
//! only what was used since then differs, and is known. So both a mark and the way back to it cost
//! as much as was used in between, and not as much as there is:
//!
//! ```text
//! mark     the image of what was used since the last mark moves from the mirror to the new level,
//!          and a new one is taken
//! rewind   the image of what was used since the last mark is put back from the mirror
//! unmark   the images of the level move back to the mirror; their pages count as used, since a
//!          rewind follows
//! ```
//!
//! Invariants:
//! 1. No fiber runs while anything here does: the stage calls it (see `stage`, invariant 2).
//! 2. A suspended fiber needs of its stack what lies between its stack pointer and the stack's base
//!    and nothing else: it was suspended in a call that saved its registers there, so nothing below
//!    the stack pointer is in use. A fiber that has ended needs nothing.
//! 3. An image of a stack and of its handle are of one moment, at which the fiber was suspended or
//!    had ended, and are put back together, onto the same stack. With the arena and all that the
//!    engine knows as they were, the fiber cannot tell that it had been resumed since: what a body
//!    keeps elsewhere there is none of, by the contract of `World::stage`.
//! 4. What ran since an image was taken needs not be dropped when it is put back (see `fiber`,
//!    invariant 3), and of a handle the stack pointer alone changes: no word of it is owned.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::rc::Rc;

use super::history::Histories;
use super::order_hash::{self, See, Uses};
use super::state_hash::{self, PageDigest};
use crate::runtime::access::{THREADS_MAX, ThreadId, ThreadSet};
use crate::runtime::blocks::BlocksImage;
use crate::runtime::clock::ThreadClocks;
use crate::runtime::control::Control;
use crate::runtime::engine::Engine;
use crate::runtime::fiber::{FIBER_WORDS, Fiber, Lease, words};
use crate::runtime::pages::{AddressSpace, Page};
use crate::runtime::shadow::{GRANULE_SHIFT, ShadowImage};
use crate::runtime::weak::{FencesImage, HistoriesImage};

/// A page with everything that is known of it.
struct PageImage {
    page: Page,
    /// Nothing for a page that was not written since it was last clear.
    bytes: Option<Box<[u8]>>,
    shadow: Option<ShadowImage>,
    /// Of the words of the weak model.
    stores: HistoriesImage,
    digest: PageDigest,
}

/// The stack of a suspended fiber.
struct StackImage {
    handle: [usize; FIBER_WORDS],
    /// From the stack pointer up to the base; empty for a fiber that has ended.
    bytes: Box<[MaybeUninit<u8>]>,
}

/// What is kept whole.
struct Small {
    control: Control,
    clocks: [ThreadClocks; THREADS_MAX],
    histories: Histories,
    address_space: AddressSpace,
    blocks: BlocksImage,
    records_used: u32,
    fences: FencesImage,
}

/// What was changed in the mirror at a mark, and the small things as they were then.
struct Level {
    pages: Vec<(u32, Option<Rc<PageImage>>)>,
    stacks: Vec<(ThreadId, Rc<StackImage>)>,
    small: Small,
}

/// The fibers of a search, one for each body.
pub(crate) type Fibers = Vec<ManuallyDrop<Fiber>>;

/// The stack of marks of one search.
pub(crate) struct Snapshots {
    images: Vec<Option<Rc<PageImage>>>,
    stacks: Vec<Rc<StackImage>>,
    levels: Vec<Level>,
    /// Pages used since the last mark, and the flags that say so.
    fresh: Vec<u32>,
    is_fresh: Vec<bool>,
    /// Threads that ran since the last mark.
    ran: ThreadSet,
    /// Pages as they are now.
    digests: Vec<PageDigest>,
    /// The pages that have a digest with moments in it, or had one.
    known: Vec<u32>,
    is_known: Vec<bool>,
    data: u128,
    clocks_matter: bool,
    leases: Vec<Lease>,
    stack_pointer_word: usize,
    touched: Vec<u32>,
    bytes: usize,
    bytes_max: usize,
}

impl Snapshots {
    /// Of a run that was just begun, with fibers that have not run.
    pub(crate) fn new(
        engine: &Engine,
        fibers: &Fibers,
        leases: Vec<Lease>,
        stack_pointer_word: usize,
        clocks_matter: bool,
    ) -> Snapshots {
        let count = engine.arena.bytes >> engine.pages.shift;
        let mut snapshots = Snapshots {
            images: (0..count).map(|_| None).collect(),
            stacks: Vec::new(),
            levels: Vec::new(),
            fresh: Vec::new(),
            is_fresh: vec![false; count],
            ran: ThreadSet::EMPTY,
            digests: vec![PageDigest::default(); count],
            known: Vec::new(),
            is_known: vec![false; count],
            data: 0,
            clocks_matter,
            leases,
            stack_pointer_word,
            touched: Vec::new(),
            bytes: 0,
            bytes_max: 0,
        };
        snapshots.stacks =
            (0..fibers.len()).map(|thread| Rc::new(snapshots.stack(fibers, thread))).collect();
        snapshots
    }

    /// A thread is about to run.
    pub(crate) fn runs(&mut self, thread: ThreadId) {
        self.ran = self.ran.with(thread);
    }

    /// The most memory that marks held, without what every search needs.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Looks at the pages that were used since the last time.
    fn collect(&mut self, engine: &mut Engine) {
        let mut touched = std::mem::take(&mut self.touched);
        engine.pages.take_touched(&mut touched);
        let see = See {
            races: self.clocks_matter,
            stores: engine.weak.on,
            floor: order_hash::floor(engine),
        };
        for &index in &touched {
            let page = index as usize;
            let digest = state_hash::digest_page(engine, page, &see);
            self.enter_digest(page, digest);
            if !self.is_fresh[page] {
                self.is_fresh[page] = true;
                self.fresh.push(index);
            }
        }
        self.touched = touched;
    }

    fn enter_digest(&mut self, page: usize, digest: PageDigest) {
        self.data ^= self.digests[page].data ^ digest.data;
        if !digest.is_plain() && !self.is_known[page] {
            self.is_known[page] = true;
            self.known.push(page as u32);
        }
        self.digests[page] = digest;
    }

    /// The hash of the present state.
    pub(crate) fn state(&mut self, engine: &mut Engine, uses: &dyn Uses) -> u128 {
        self.collect(engine);
        let digests = self.known.iter().map(|&page| &self.digests[page as usize]);
        let ordered = self.clocks_matter || engine.weak.on;
        state_hash::state(engine, self.data, ordered.then_some(digests), uses)
    }

    /// The hash of memory alone.
    pub(crate) fn memory(&mut self, engine: &mut Engine) -> u128 {
        self.collect(engine);
        self.data
    }

    /// The way back leads to the present state.
    pub(crate) fn mark(&mut self, engine: &mut Engine, fibers: &Fibers) {
        self.collect(engine);
        let mut pages = Vec::with_capacity(self.fresh.len());
        for index in std::mem::take(&mut self.fresh) {
            let page = index as usize;
            self.is_fresh[page] = false;
            let image = self.page(engine, page);
            self.bytes += image.cost();
            pages.push((index, self.images[page].replace(Rc::new(image))));
        }
        let mut stacks = Vec::with_capacity(self.ran.len());
        for thread in self.ran.iter() {
            let image = self.stack(fibers, thread);
            self.bytes += image.bytes.len();
            stacks.push((thread, std::mem::replace(&mut self.stacks[thread], Rc::new(image))));
        }
        self.ran = ThreadSet::EMPTY;
        self.bytes += size_of::<Level>();
        self.bytes_max = self.bytes_max.max(self.bytes);
        self.levels.push(Level { pages, stacks, small: Small::of(engine) });
    }

    /// Back to the last mark.
    pub(crate) fn rewind(&mut self, engine: &mut Engine, fibers: &mut Fibers) {
        self.collect(engine);
        for index in std::mem::take(&mut self.fresh) {
            let page = index as usize;
            self.is_fresh[page] = false;
            let image = self.images[page].clone();
            put_back_page(engine, page, image.as_deref());
            self.enter_digest(page, image.map(|image| image.digest.clone()).unwrap_or_default());
        }
        for thread in self.ran.iter() {
            self.put_back_stack(fibers, thread);
        }
        self.ran = ThreadSet::EMPTY;
        self.levels.last().expect("a mark was made").small.put_back(engine);
    }

    /// Forgets the last mark. The next call is another `unmark` or a `rewind`.
    pub(crate) fn unmark(&mut self, engine: &mut Engine) {
        self.collect(engine);
        let level = self.levels.pop().expect("a mark was made");
        self.bytes -= size_of::<Level>();
        for (index, image) in level.pages {
            let page = index as usize;
            if let Some(newer) = std::mem::replace(&mut self.images[page], image) {
                self.bytes -= newer.cost();
            }
            if !self.is_fresh[page] {
                self.is_fresh[page] = true;
                self.fresh.push(index);
            }
        }
        for (thread, image) in level.stacks {
            self.bytes -= std::mem::replace(&mut self.stacks[thread], image).bytes.len();
            self.ran = self.ran.with(thread);
        }
    }

    fn page(&self, engine: &Engine, index: usize) -> PageImage {
        let shift = engine.pages.shift;
        let page = *engine.pages.raw(index);
        let used = engine.pages.is_set_up(&page) && page.has_shadow();
        let shadow = used.then(|| engine.shadow.image(granules(index, shift), page.generation));
        let stores = shadow.as_ref().map(|shadow| engine.weak.image(shadow.stores()));
        PageImage {
            page,
            bytes: (engine.pages.is_dirty(index))
                .then(|| engine.arena.image(index << shift, 1 << shift)),
            shadow,
            stores: stores.unwrap_or_default(),
            digest: self.digests[index].clone(),
        }
    }

    fn stack(&self, fibers: &Fibers, thread: ThreadId) -> StackImage {
        let handle = words(&fibers[thread]);
        let (pointer, base) = (handle[self.stack_pointer_word], self.leases[thread].base.get());
        let bytes = if pointer == 0 {
            Box::default()
        } else {
            assert!(self.leases[thread].limit.get() <= pointer && pointer <= base);
            // SAFETY: [snapshot 1, snapshot 2, fiber 1] the bytes lie on the stack, as was looked,
            // and whatever they are, nobody writes to them meanwhile.
            unsafe {
                let start = std::ptr::with_exposed_provenance::<MaybeUninit<u8>>(pointer);
                std::slice::from_raw_parts(start, base - pointer).into()
            }
        };
        StackImage { handle, bytes }
    }

    fn put_back_stack(&self, fibers: &mut Fibers, thread: ThreadId) {
        let image = &self.stacks[thread];
        let base = self.leases[thread].base.get();
        // SAFETY: [snapshot 1, snapshot 3, snapshot 4, fiber 1, fiber 4] as many bytes as were
        // copied from there, and the words of a handle, which were a handle.
        unsafe {
            let start = base - image.bytes.len();
            let start = std::ptr::with_exposed_provenance_mut::<MaybeUninit<u8>>(start);
            start.copy_from_nonoverlapping(image.bytes.as_ptr(), image.bytes.len());
            let handle = std::ptr::from_mut(&mut fibers[thread]).cast::<usize>();
            handle.copy_from_nonoverlapping(image.handle.as_ptr(), FIBER_WORDS);
        }
    }
}

fn granules(page: usize, shift: u32) -> std::ops::Range<usize> {
    let count = 1 << (shift - GRANULE_SHIFT);
    page * count..(page + 1) * count
}

/// Puts a page back; without an image, as no run has touched it.
fn put_back_page(engine: &mut Engine, index: usize, image: Option<&PageImage>) {
    let shift = engine.pages.shift;
    engine.pages.put_back(index, image.map_or(&Page::UNTOUCHED, |image| &image.page));
    match image.and_then(|image| image.bytes.as_ref()) {
        Some(bytes) => engine.arena.put_back(index << shift, bytes),
        None if engine.pages.is_dirty(index) => engine.arena.zero(index << shift, 1 << shift),
        None => {}
    }
    let shadow = image.and_then(|image| image.shadow.as_ref());
    engine.shadow.put_back(granules(index, shift), shadow);
    if let Some(image) = image {
        engine.weak.put_back(&image.stores);
    }
}

impl PageImage {
    fn cost(&self) -> usize {
        size_of::<PageImage>()
            + self.bytes.as_ref().map_or(0, |bytes| bytes.len())
            + self.shadow.as_ref().map_or(0, ShadowImage::bytes)
            + size_of_val(&*self.stores)
            + self.digest.bytes()
    }
}

impl Small {
    fn of(engine: &Engine) -> Small {
        Small {
            control: engine.control,
            clocks: engine.clocks,
            histories: engine.histories,
            address_space: engine.pages.address_space(),
            blocks: engine.blocks.image(),
            records_used: engine.shadow.records_used(),
            fences: engine.weak.fences.image(),
        }
    }

    fn put_back(&self, engine: &mut Engine) {
        engine.control = self.control;
        engine.clocks = self.clocks;
        engine.histories = self.histories;
        engine.pages.put_back_address_space(&self.address_space);
        engine.blocks.put_back(&self.blocks);
        engine.shadow.put_back_records_used(self.records_used);
        engine.weak.fences.put_back(&self.fences);
        engine.end = None;
    }
}
