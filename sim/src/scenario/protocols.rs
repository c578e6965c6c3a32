//! Protocols: scenarios so small that all their schedules can be searched. For `hak-sim prove`.
//!
//! Each is one protocol of the allocator with as few operations as show it. Thread 0 prepares (the
//! range, the first SuperSlab, blocks in mailboxes) and ends; then the others begin, ordered behind
//! it. So the search is about the protocol and not about who reserves memory first. The programs
//! are fixed: seed and schedule change nothing.
//!
//! In the tiny geometry a slab has 4 blocks of 64 bytes; a refill takes 2, a thread cache holds 2.
//! A SuperSlab has 4 slabs, a run at most 2. More than two idle slots are purged, or more than half
//! as many as are in use; two mappings are kept.

use crate::program::{Operation, Written};
use crate::scenario::{Draw, Scenario};

/// A block of a fourth of a slab.
const LARGE: u32 = 64;
/// A block of another class.
const SMALL: u32 = 32;
/// A run of one slab.
const RUN: u32 = 256;
/// A mapping of its own, of one unit.
const MAPPING: u32 = 1000;

/// All protocols.
pub const PROTOCOLS: &[Scenario] = &[
    Scenario {
        name: "prove-remote-free",
        about: "the owner adopts a slab, allocates and frees; another thread frees a block of it",
        origins: "S1 S2 D3",
        threads: 3,
        operations: 2,
        failing_system_calls: false,
        prologue: true,
        generate: remote_free,
    },
    Scenario {
        name: "prove-release",
        about: "the owner exhausts a slab and releases it as FULL while blocks of it come back",
        origins: "S1 S2 D3 D11",
        threads: 3,
        operations: 3,
        failing_system_calls: false,
        prologue: true,
        generate: release,
    },
    Scenario {
        name: "prove-adopt",
        about: "a thread abandons a slab and ends; another one adopts, and frees what the first \
            one left",
        origins: "D2 D5 D7 R1",
        threads: 3,
        operations: 2,
        failing_system_calls: false,
        prologue: true,
        generate: adopt,
    },
    Scenario {
        name: "prove-readopt",
        about: "an abandoned slab is emptied by a remote free and abandoned again in another \
            class, while it is adopted",
        origins: "H9 D10 R1",
        threads: 3,
        operations: 4,
        failing_system_calls: false,
        prologue: true,
        generate: readopt,
    },
    Scenario {
        name: "prove-retire",
        about: "the last block of a SuperSlab comes back while another thread claims a slot of it",
        origins: "S8 S9 S10 D12",
        threads: 3,
        operations: 1,
        failing_system_calls: false,
        prologue: true,
        generate: retire,
    },
    Scenario {
        name: "prove-reuse",
        about: "a slab is emptied and used again for another class while blocks of it are asked \
            for",
        origins: "S8 S10 D8",
        threads: 3,
        operations: 2,
        failing_system_calls: false,
        prologue: true,
        generate: reuse,
    },
    Scenario {
        name: "prove-exchange",
        about: "two threads replace the block in one mailbox: each may free what the other \
            allocated",
        origins: "S1 S2 D3",
        threads: 3,
        operations: 1,
        failing_system_calls: false,
        prologue: true,
        generate: exchange,
    },
    Scenario {
        name: "prove-run",
        about: "two threads take runs of slabs in one SuperSlab, make one longer in place and \
            free another",
        origins: "S9 D17",
        threads: 3,
        operations: 2,
        failing_system_calls: false,
        prologue: true,
        generate: run,
    },
    Scenario {
        name: "prove-purge",
        about: "idle slots of a SuperSlab are purged while another thread takes one of them",
        origins: "D11 D21",
        threads: 3,
        operations: 1,
        failing_system_calls: false,
        prologue: true,
        generate: purge,
    },
    Scenario {
        name: "prove-decay",
        about: "a round of decay gives back what was idle while another thread asks for it",
        origins: "D4 D20 D21",
        threads: 3,
        operations: 2,
        failing_system_calls: false,
        prologue: true,
        generate: decay,
    },
    Scenario {
        name: "prove-kept",
        about: "two threads take one mapping that is kept, and free it again",
        origins: "D23 D24",
        threads: 3,
        operations: 2,
        failing_system_calls: false,
        prologue: true,
        generate: kept,
    },
    Scenario {
        name: "prove-grow",
        about: "two threads find no free unit, and the range grows",
        origins: "D6 D23 D30",
        threads: 2,
        operations: 1,
        failing_system_calls: false,
        prologue: false,
        generate: grow,
    },
    Scenario {
        name: "prove-remote-free-3",
        about: "the owner allocates from a slab to which two others return blocks",
        origins: "S1 S2 D3",
        threads: 4,
        operations: 1,
        failing_system_calls: false,
        prologue: true,
        generate: remote_free_by_two,
    },
    Scenario {
        name: "prove-retire-3",
        about: "two threads return the last blocks of a SuperSlab while a third claims a slot of \
            it",
        origins: "S8 S9 S10 D12",
        threads: 4,
        operations: 1,
        failing_system_calls: false,
        prologue: true,
        generate: retire_by_two,
    },
];

fn allocate(register: u8, size: u32) -> Operation {
    Operation::Allocate { register, size, align_shift: 0, zeroed: false, written: Written::All }
}

fn allocate_zeroed(register: u8, size: u32) -> Operation {
    Operation::Allocate { register, size, align_shift: 0, zeroed: true, written: Written::All }
}

fn reallocate(register: u8, size: u32) -> Operation {
    Operation::Reallocate { register, size }
}

fn free(register: u8) -> Operation {
    Operation::Free { register }
}

fn put(mailbox: u8, size: u32) -> Operation {
    Operation::Replace { mailbox, size }
}

fn take(mailbox: u8) -> Operation {
    Operation::Take { mailbox }
}

/// The list of the thread's role, as far as `operations`: role 0 prepares, and further threads take
/// the other roles in turn. What prepares is never cut short.
fn role(thread: usize, operations: usize, roles: &[&[Operation]]) -> Vec<Operation> {
    if thread == 0 {
        return roles[0].to_vec();
    }
    let list = roles[1 + (thread - 1) % (roles.len() - 1)];
    list[..operations.min(list.len())].to_vec()
}

fn remote_free(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    role(thread, operations, &[&[put(0, LARGE)], &[allocate(0, LARGE), free(0)], &[take(0)]])
}

fn release(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let prepared = [put(0, LARGE), put(1, LARGE), put(2, LARGE)];
    role(
        thread,
        operations,
        &[
            &prepared,
            &[allocate(0, LARGE), allocate(1, LARGE), allocate(2, LARGE)],
            &[take(0), take(1)],
        ],
    )
}

fn adopt(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    role(
        thread,
        operations,
        &[&[put(0, LARGE)], &[put(1, LARGE), Operation::Exit], &[allocate(0, LARGE), take(1)]],
    )
}

fn readopt(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let again = [take(0), Operation::Exit, put(1, SMALL), Operation::Exit];
    role(thread, operations, &[&[put(0, LARGE)], &again, &[allocate(0, LARGE)]])
}

fn retire(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    role(thread, operations, &[&[put(0, LARGE)], &[take(0)], &[allocate(0, SMALL)]])
}

fn reuse(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    role(
        thread,
        operations,
        &[&[put(0, LARGE)], &[take(0), Operation::Exit], &[allocate(0, LARGE), allocate(1, SMALL)]],
    )
}

fn exchange(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    role(thread, operations, &[&[put(0, LARGE)], &[put(0, LARGE), take(0)]])
}

fn run(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let one = [allocate(0, RUN), reallocate(0, 2 * RUN)];
    role(thread, operations, &[&[put(0, RUN)], &one, &[take(0), allocate_zeroed(0, RUN)]])
}

/// Two of six runs are free, and their slots idle; the third one, of another SuperSlab, is too
/// much.
fn purge(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let runs = (0..6).map(|mailbox| put(mailbox, RUN));
    let prepared: Vec<_> = runs.chain((0..2).map(take)).collect();
    role(thread, operations, &[&prepared, &[take(4)], &[allocate_zeroed(0, RUN)]])
}

/// A slot and a mapping were idle in a first round; when another mapping is freed, the second one
/// is due.
fn decay(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let idle = [put(0, RUN), put(1, RUN), put(2, MAPPING), take(0), Operation::Wait];
    let first_round = [put(2, MAPPING), Operation::Wait];
    let prepared: Vec<_> = idle.into_iter().chain(first_round).collect();
    let other = [allocate_zeroed(0, RUN), allocate(1, MAPPING)];
    role(thread, operations, &[&prepared, &[take(2)], &other])
}

fn kept(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let prepared = [put(0, MAPPING), take(0)];
    role(thread, operations, &[&prepared, &[allocate(0, MAPPING), free(0)]])
}

/// Every thread is the first one: an extent that is published early shows only if the first piece
/// of the range is not there yet.
fn grow(_: &mut Draw, _: usize, operations: usize) -> Vec<Operation> {
    vec![allocate(0, MAPPING); operations.min(1)]
}

fn remote_free_by_two(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    let prepared = [put(0, LARGE), put(1, LARGE)];
    role(
        thread,
        operations,
        &[&prepared, &[allocate(0, LARGE), allocate(1, LARGE)], &[take(0)], &[take(1)]],
    )
}

fn retire_by_two(_: &mut Draw, thread: usize, operations: usize) -> Vec<Operation> {
    role(
        thread,
        operations,
        &[&[put(0, LARGE), put(1, LARGE)], &[take(0)], &[take(1)], &[allocate(0, SMALL)]],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::settings::Settings;

    #[test]
    fn a_protocol_does_not_depend_on_the_seed() {
        for scenario in PROTOCOLS {
            let program = |seed| Settings::new(scenario, seed).program();
            assert_eq!(program(1), program(2), "{}", scenario.name);
            let longest = program(1).threads[1..].iter().map(Vec::len).max();
            assert!(
                longest.is_some_and(|longest| longest == scenario.operations),
                "{}",
                scenario.name
            );
        }
    }
}
