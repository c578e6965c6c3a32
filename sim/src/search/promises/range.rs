//! Promises about the range: how long it is planned, where its tables lie, that two threads which
//! reserve one at the same time share one, and that what fits is found.

use std::io;
use std::mem::{align_of, size_of};

use hak_core::range::Range;
use hak_core::tables::slab::Slab;
use hak_core::tables::superslab::SuperSlab;
use hak_core::{Allocator, Geometry, Heap};

use super::{Does, HeldBlock, InOrder};
use crate::run::simulation::prepared;
use crate::runtime::{
    Access, Body, Choice, ChoicePoint, Chooser, Kind, Plan, Sim, Start, ThreadId, World,
    WorldGeometry,
};

/// The tiny geometry with a range of several lengths, so long that each table is longer than what
/// fills it up to the next one, and with more heaps than a short range has.
#[derive(Clone, Copy)]
struct Long;

impl WorldGeometry for Long {
    const GEOMETRY: Geometry =
        Geometry { units_max: 1024, heaps_max: 32, ..Geometry::TINY }.check();
    const ARENA_BYTES: usize = 4 << 20;
}

/// The first thread goes on as far as `behind` of its steps, then the second one to its end.
/// Refuses the first `refused` ranges that the first thread asks for.
struct Reserves {
    behind: u32,
    refused: u32,
    waited: bool,
}

impl Chooser for Reserves {
    fn begin(&mut self, _threads: usize) {}

    fn choose(&mut self, point: &ChoicePoint<'_>) -> Choice {
        let waits = point.steps[0] >= self.behind && point.runnable.contains(1);
        self.waited |= waits && point.runnable.contains(0);
        Choice::Run(if waits { 1 } else { point.runnable.first() })
    }

    fn system_call_fails(&mut self, thread: ThreadId, access: &Access) -> bool {
        let fails = thread == 0 && access.kind == Kind::Reserve && self.refused > 0;
        self.refused -= u32::from(fails);
        fails
    }
}

fn plan() -> Plan {
    Plan { steps_max: 2_000_000, ..Plan::default() }
}

pub(super) fn broken<G: WorldGeometry>(world: &mut World) -> io::Result<Option<String>> {
    let found = reserved_twice::<G>(world)
        .or_else(|| not_left_to_single_units::<G>(world))
        .or_else(|| not_found_across_words::<G>(world));
    if found.is_some() {
        return Ok(found);
    }
    Ok(planned_otherwise(prepared::<Long>(&mut None)?))
}

/// The tables lie one behind the other, and the last one ends where the units begin.
fn expect_tables<G: WorldGeometry>(range: Range<Sim<G>>) {
    let (units, heaps) = (range.units(), range.heaps());
    assert!((1..=units / 8).contains(&heaps), "{heaps} heaps for {units} units");
    let slabs = units * G::GEOMETRY.slabs_per_superslab as usize;
    let tables = [
        ("heaps", range.heap_table(), heaps * size_of::<Heap<Sim<G>>>()),
        ("unit map", range.unit_map(), units.div_ceil(64) * 16),
        ("superslabs", range.superslab_table(), units * size_of::<SuperSlab<Sim<G>>>()),
        ("class map", range.class_map(), slabs * 4),
        ("slabs", range.slab_table(), slabs * size_of::<Slab<Sim<G>>>()),
        ("units", range.base(), 0),
    ];
    for pair in tables.windows(2) {
        let [(name, start, bytes), (next, behind, _)] = [pair[0], pair[1]];
        assert!(start + bytes <= behind, "of {units} units, {name} reach into {next}");
    }
    assert!(range.heap_table().is_multiple_of(align_of::<Heap<Sim<G>>>()), "heaps are aligned");
}

/// A system that refuses a range is asked for one that is half as long, down to the shortest one.
fn planned_otherwise(world: &mut World) -> Option<String> {
    let lengths = (Long::GEOMETRY.units_max / Long::GEOMETRY.units_min).ilog2() + 1;
    // One more, and a thread that has got no range for its heap asks once more for the block.
    (0..lengths).chain([2 * lengths]).find_map(|refused| {
        let body = || {
            let held = Does::<Long>::ask(16, 16);
            let range = Range::<Sim<Long>>::get();
            let planned = range.map_or(0, |range| range.units());
            let expected = if refused < lengths { Long::GEOMETRY.units_max >> refused } else { 0 };
            assert!(planned == expected, "{planned} units, and {expected} were not refused");
            assert!((held.0 != 0) == range.is_some(), "a block of a range that there is");
            range.into_iter().for_each(expect_tables::<Long>);
            Does::<Long>::free(held);
            Does::<Long>::end();
        };
        let bodies = [Body { start: Start::AtOnce, run: &body }];
        let mut chooser = Reserves { behind: u32::MAX, refused, waited: false };
        let run = world.run(&plan(), &bodies, &mut chooser, &mut ());
        run.violation().map(|violation| format!("{refused} ranges are refused: {violation}"))
    })
}

/// Two threads reserve a range at the same time: one of them gives its addresses back. If the
/// system refuses one of them each range, that one has the other one's.
fn reserved_twice<G: WorldGeometry>(world: &mut World) -> Option<String> {
    for refused in [0, u32::MAX] {
        for behind in 0.. {
            let asks = || {
                let held = Does::<G>::ask(16, 16);
                assert!(held.0 != 0, "there is a range, and no block");
                Does::<G>::free(held);
                Does::<G>::end();
            };
            let bodies = [
                Body { start: Start::AtOnce, run: &asks },
                Body { start: Start::AtOnce, run: &asks },
            ];
            let mut chooser = Reserves { behind, refused, waited: false };
            let run = world.run(&plan(), &bodies, &mut chooser, &mut ());
            if !chooser.waited {
                // The first thread has fewer steps. Alone, it has no block if it has no range.
                break;
            }
            let said = run.violation().map(ToString::to_string).or_else(|| {
                let (first, last) = world.inspect(|| {
                    let range = Range::<Sim<G>>::get().expect("one of them has reserved it");
                    (range.heap_table(), range.base() + range.bytes())
                });
                let mut reserved = world.reserved();
                reserved
                    .any(|(from, to)| to <= first || last <= from)
                    .then(|| "a range is left that nobody has".to_owned())
            });
            if let Some(said) = said {
                return Some(format!(
                    "two threads reserve a range (one waits behind step {behind}): {said}"
                ));
            }
        }
    }
    None
}

/// Mappings of one unit, until there is no place for another one.
fn single_units<G: WorldGeometry>() -> Vec<HeldBlock> {
    let ask = || Some(Does::<G>::ask(G::GEOMETRY.run_max() + 1, 16)).filter(|held| held.0 != 0);
    std::iter::from_fn(ask).collect()
}

fn run_alone(world: &mut World, body: &dyn Fn()) -> Option<String> {
    let bodies = [Body { start: Start::AtOnce, run: body }];
    let run = world.run(&plan(), &bodies, &mut InOrder::new(None), &mut ());
    run.violation().map(ToString::to_string)
}

/// A sixteenth of the range is for single units, whatever else is asked for.
fn not_left_to_single_units<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let unit = G::GEOMETRY.unit_size();
    run_alone(world, &|| {
        single_units::<G>().into_iter().for_each(Does::<G>::free);
        Allocator::<Sim<G>>::collect();
        // All units are there, and free. Pairs, and then each of them is to become longer.
        let ask = || Some(Does::<G>::ask(2 * unit, 16)).filter(|held| held.0 != 0);
        let pairs: Vec<HeldBlock> = std::iter::from_fn(ask).collect();
        let longer: Vec<HeldBlock> =
            pairs.into_iter().map(|held| Does::<G>::grow(held, 2 * unit + 1)).collect();
        let units = Range::<Sim<G>>::get().expect("a range").units();
        let singles = single_units::<G>();
        let count = singles.len();
        assert!(count >= units / 16, "{count} single units are left of {units}");
        longer.into_iter().chain(singles).for_each(Does::<G>::free);
        Does::<G>::finish();
    })
}

/// Two free units beside each other are found also where a word of the unit map ends, wherever the
/// search begins.
fn not_found_across_words<G: WorldGeometry>(world: &mut World) -> Option<String> {
    let (unit, units) = (G::GEOMETRY.unit_size(), G::GEOMETRY.units_max);
    run_alone(world, &|| {
        let mut held = single_units::<G>();
        let base = Range::<Sim<G>>::get().expect("a range").base();
        let place = |unit_number: usize| base + unit_number * unit;
        // A unit behind the border alone is a multiple of `align`, so that it can be asked for: the
        // search begins at its word then.
        let found = (64..units).step_by(64).find_map(|border| {
            let align = 64 * unit;
            let other = place(border + 1).next_multiple_of(align);
            let is_other = [border - 1, border].iter().any(|&at| place(at).is_multiple_of(align));
            (other < place(border + 64) && !is_other).then_some((border, align, other))
        });
        assert!(found.is_some() == (units > 64), "units at a border, and one behind them");
        if let Some((border, align, other)) = found {
            let go = [place(border - 1), place(border), other];
            held.retain(|&block| {
                if go.contains(&block.0) {
                    Does::<G>::free(block);
                }
                !go.contains(&block.0)
            });
            Allocator::<Sim<G>>::collect();
            held.push(Does::<G>::ask(unit, align));
            held.push(Does::<G>::ask(2 * unit, 16));
            let [single, pair] = [held[held.len() - 2], held[held.len() - 1]];
            assert!(single.0 == other, "the free unit that begins at a multiple is found");
            assert!(pair.0 == go[0], "two free units beside each other are found");
        }
        held.into_iter().for_each(Does::<G>::free);
        Does::<G>::finish();
    })
}
