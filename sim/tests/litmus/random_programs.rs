//! The model against the axioms: small random programs, all of whose runs are enumerated.

use hak_core::Atomic;

use super::axioms::{Operation, Program, Total, WORDS, allowed};
use super::*;

/// A small generator: the programs are the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 33) as usize) % bound
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn program(&mut self, threads: usize, operations: usize) -> Program {
        let mut value = 0;
        let mut next = || {
            value += 1;
            value
        };
        (0..threads)
            .map(|_| {
                (0..operations)
                    .map(|_| {
                        let word = self.below(WORDS);
                        match self.below(10) {
                            0..4 => Operation::Load(word, self.of(&[Relaxed, Acquire, SeqCst])),
                            4..7 => {
                                let order = self.of(&[Relaxed, Release, SeqCst]);
                                Operation::Store(word, next(), order)
                            }
                            7 => {
                                let order = self.of(&[Relaxed, Acquire, Release, AcqRel, SeqCst]);
                                Operation::Swap(word, next(), order)
                            }
                            _ => Operation::Fence(self.of(&[Acquire, Release, SeqCst, SeqCst])),
                        }
                    })
                    .collect()
            })
            .collect()
    }
}

fn word(index: usize) -> UserWord<SimAtomic<u64>> {
    if index == 0 { X } else { Y }
}

/// The outcomes of all runs.
fn reached(program: &Program) -> BTreeSet<String> {
    let mut register = 0;
    let bodies: Vec<_> = program
        .iter()
        .map(|operations| {
            let first = register;
            register += operations
                .iter()
                .filter(|operation| matches!(operation, Operation::Load(..) | Operation::Swap(..)))
                .count();
            move |registers: &Registers| {
                let mut register = first;
                let mut put = |value| {
                    registers.put(register, value);
                    register += 1;
                };
                for operation in operations {
                    match *operation {
                        Operation::Load(index, order) => put(word(index).load(order)),
                        Operation::Store(index, value, order) => word(index).store(value, order),
                        Operation::Swap(index, value, order) => put(word(index).swap(value, order)),
                        Operation::Fence(order) => fence(order),
                    }
                }
            }
        })
        .collect();
    let threads: Vec<&dyn Fn(&Registers)> =
        bodies.iter().map(|body| body as &dyn Fn(&Registers)).collect();
    let finally = |registers: &Registers| {
        for index in 0..WORDS {
            registers.put(register + index, word(index).load(Relaxed));
        }
    };
    Litmus::new(register + WORDS, &threads).finally(&finally).outcomes(MemoryModel::Weak)
}

fn allowed_by_language(program: &Program) -> BTreeSet<String> {
    allowed(program, Total::Language)
}

#[track_caller]
fn agree(programs: usize, threads: usize, operations: usize) {
    let mut draw = Draw((threads * 10 + operations) as u64);
    let mut outcomes = 0;
    for _ in 0..programs {
        let program = draw.program(threads, operations);
        let (reached, allowed) = (reached(&program), allowed(&program, Total::Execution));
        assert!(
            reached == allowed,
            "{program:#?}\nnot reached: {:?}\nnot allowed: {:?}",
            allowed.difference(&reached).collect::<Vec<_>>(),
            reached.difference(&allowed).collect::<Vec<_>>()
        );
        assert!(reached.is_subset(&allowed_by_language(&program)), "{program:#?}");
        outcomes += reached.len();
    }
    assert!(outcomes > programs, "programs have several outcomes");
}

#[test]
fn two_threads_of_three_operations() {
    agree(1_000, 2, 3);
}

#[test]
fn two_threads_of_four_operations() {
    agree(500, 2, 4);
}

#[test]
fn three_threads_of_two_operations() {
    agree(500, 3, 2);
}

#[test]
fn three_threads_of_three_operations() {
    agree(40, 3, 3);
}

#[test]
fn four_threads_of_two_operations() {
    agree(40, 4, 2);
}

#[test]
fn the_language_allows_z6_u_and_the_model_leaves_it_out() {
    let program = vec![
        vec![Operation::Store(0, 1, SeqCst), Operation::Store(1, 1, Release)],
        vec![Operation::Swap(1, 2, SeqCst), Operation::Load(1, Relaxed)],
        vec![Operation::Store(1, 3, SeqCst), Operation::Load(0, SeqCst)],
    ];
    let missing: Vec<String> =
        allowed_by_language(&program).difference(&reached(&program)).cloned().collect();
    // The addition reads 1, the load 2 or 3, and x is not seen, while 3 is the last value of y.
    assert_eq!(missing, ["12013", "13013"]);
}
