//! The axioms, read directly: which outcomes of a small program C++20 allows, without running
//! anything.
//!
//! A candidate execution assigns a store to every read (`rf`) and an order to the stores of every
//! word (`mo`). It counts if
//!
//! 1. no store is read before it runs: `sb` and `rf` have no cycle (so load buffering is left out
//!    here as in the model);
//! 2. a read-modify-write directly follows, in `mo`, what it reads;
//! 3. coherence: `hb` followed by any chain of `rf`, `mo` and `fr` never leads back;
//! 4. there is a total order of the SC operations in which each comes after those that
//!    \[atomics.order\] paragraph 4 puts before it, and after those that [`Total`] names.
//!
//! Events are numbered; a relation is one word of bits for each event. Events 0 and 1 are the
//! words' first values.

use std::collections::BTreeSet;

use super::{AcqRel, Acquire, Ordering, Relaxed, Release, SeqCst};

/// What a thread does at one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Reads a word.
    Load(usize, Ordering),
    /// Writes a value to a word.
    Store(usize, u64, Ordering),
    /// Does both at once.
    Swap(usize, u64, Ordering),
    /// Passes a fence.
    Fence(Ordering),
}

/// Threads over two words.
pub(crate) type Program = Vec<Vec<Operation>>;

/// With what the total order of SC operations agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Total {
    /// With the order of execution, as in the model: with `sb` and `rf`.
    Execution,
    /// With what C++20 calls "strongly happens before", which is less.
    Language,
}

/// The number of words.
pub(crate) const WORDS: usize = 2;
const EVENTS_MAX: usize = 16;
type Relation = [u32; EVENTS_MAX];

#[derive(Clone, Copy)]
struct Event {
    thread: usize,
    word: Option<usize>,
    reads: bool,
    writes: bool,
    fence: bool,
    value: u64,
    order: Ordering,
}

impl Event {
    fn acquires(&self) -> bool {
        (self.reads || self.fence) && matches!(self.order, Acquire | AcqRel | SeqCst)
    }

    fn releases(&self) -> bool {
        (self.writes || self.fence) && matches!(self.order, Release | AcqRel | SeqCst)
    }

    fn sequential(&self) -> bool {
        self.order == SeqCst
    }
}

fn events(program: &Program) -> Vec<Event> {
    let blank = Event {
        thread: usize::MAX,
        word: None,
        reads: false,
        writes: false,
        fence: false,
        value: 0,
        order: Relaxed,
    };
    let mut events: Vec<Event> =
        (0..WORDS).map(|word| Event { word: Some(word), writes: true, ..blank }).collect();
    for (thread, operations) in program.iter().enumerate() {
        for operation in operations {
            let blank = Event { thread, ..blank };
            events.push(match *operation {
                Operation::Load(word, order) => {
                    Event { word: Some(word), reads: true, order, ..blank }
                }
                Operation::Store(word, value, order) => {
                    Event { word: Some(word), writes: true, value, order, ..blank }
                }
                Operation::Swap(word, value, order) => {
                    Event { word: Some(word), reads: true, writes: true, value, order, ..blank }
                }
                Operation::Fence(order) => Event { fence: true, order, ..blank },
            });
        }
    }
    assert!(events.len() <= EVENTS_MAX);
    events
}

fn has(relation: &Relation, from: usize, to: usize) -> bool {
    relation[from] >> to & 1 == 1
}

fn union(one: &Relation, other: &Relation) -> Relation {
    std::array::from_fn(|event| one[event] | other[event])
}

fn closure(mut relation: Relation) -> Relation {
    for middle in 0..EVENTS_MAX {
        for from in 0..EVENTS_MAX {
            if has(&relation, from, middle) {
                relation[from] |= relation[middle];
            }
        }
    }
    relation
}

fn is_acyclic(relation: Relation) -> bool {
    let closed = closure(relation);
    (0..EVENTS_MAX).all(|event| !has(&closed, event, event))
}

/// All orders of these items.
fn orders(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    (0..items.len())
        .flat_map(|first| {
            let mut rest = items.to_vec();
            let item = rest.remove(first);
            orders(&rest).into_iter().map(move |mut order| {
                order.insert(0, item);
                order
            })
        })
        .collect()
}

/// The allowed outcomes: what each read reads, in the order of the program, and the last value of
/// each word.
pub(crate) fn allowed(program: &Program, total: Total) -> BTreeSet<String> {
    let events = events(program);
    let reads: Vec<usize> = (0..events.len()).filter(|&event| events[event].reads).collect();
    let writes_of = |word: usize| -> Vec<usize> {
        (WORDS..events.len())
            .filter(|&event| events[event].writes && events[event].word == Some(word))
            .collect()
    };
    let sources: Vec<Vec<usize>> = reads
        .iter()
        .map(|&read| {
            let word = events[read].word.expect("a read has a word");
            let mut sources = writes_of(word);
            sources.retain(|&source| source != read);
            sources.push(word);
            sources
        })
        .collect();
    let orders: Vec<Vec<Vec<usize>>> = (0..WORDS)
        .map(|word| {
            let mut orders = orders(&writes_of(word));
            orders.iter_mut().for_each(|order| order.insert(0, word));
            orders
        })
        .collect();
    let mut found = BTreeSet::new();
    let mut picks = vec![0; reads.len()];
    loop {
        let mut source = [usize::MAX; EVENTS_MAX];
        for (place, &read) in reads.iter().enumerate() {
            source[read] = sources[place][picks[place]];
        }
        for first in &orders[0] {
            for second in &orders[1] {
                if is_allowed(&events, &source, [first, second], total) {
                    let values = reads.iter().map(|&read| events[source[read]].value);
                    let last = [first, second].map(|order| events[order[order.len() - 1]].value);
                    found.insert(values.chain(last).map(|value| format!("{value:x}")).collect());
                }
            }
        }
        let Some(place) = (0..picks.len()).find(|&place| picks[place] + 1 < sources[place].len())
        else {
            return found;
        };
        picks[place] += 1;
        picks[..place].fill(0);
    }
}

fn is_allowed(
    events: &[Event],
    source: &[usize; EVENTS_MAX],
    order: [&[usize]; WORDS],
    total: Total,
) -> bool {
    let count = events.len();
    let (mut sb, mut rf, mut mo, mut fr) =
        ([0; EVENTS_MAX], [0; EVENTS_MAX], [0; EVENTS_MAX], [0; EVENTS_MAX]);
    let mut place = [usize::MAX; EVENTS_MAX];
    for order in order {
        for (at, &write) in order.iter().enumerate() {
            place[write] = at;
            for &later in &order[at + 1..] {
                mo[write] |= 1 << later;
            }
        }
    }
    for one in 0..count {
        for other in one + 1..count {
            // What the words hold at first comes before everything.
            if one < WORDS && other >= WORDS
                || events[one].thread == events[other].thread && one >= WORDS
            {
                sb[one] |= 1 << other;
            }
        }
        if events[one].reads {
            rf[source[one]] |= 1 << one;
            fr[one] |= mo[source[one]] & !(1 << one);
            if events[one].writes && place[one] != place[source[one]] + 1 {
                return false;
            }
        }
    }
    if !is_acyclic(union(&sb, &rf)) {
        return false;
    }
    let sw = synchronizes(events, source, &sb);
    let hb = closure(union(&sb, &sw));
    let eco = closure(union(&union(&rf, &mo), &fr));
    let coherent = (0..count).all(|one| {
        !has(&eco, one, one)
            && (0..count).all(|other| !(has(&hb, one, other) && has(&eco, other, one)))
    });
    let before = match total {
        Total::Execution => union(&sb, &rf),
        Total::Language => {
            let sequential = |event: usize| events[event].sequential();
            let mut strong = union(&sb, &then(&then(&sb, &hb), &sb));
            for one in (0..count).filter(|&one| sequential(one)) {
                for other in (0..count).filter(|&other| sequential(other) && has(&sw, one, other)) {
                    strong[one] |= 1 << other;
                }
            }
            strong
        }
    };
    coherent && is_acyclic(union(&before, &sequential(events, &hb, &eco)))
}

/// One relation, then another.
fn then(one: &Relation, other: &Relation) -> Relation {
    std::array::from_fn(|from| {
        (0..EVENTS_MAX)
            .filter(|&middle| has(one, from, middle))
            .fold(0, |reached, middle| reached | other[middle])
    })
}

/// Who synchronizes with whom: by releases and acquires, by fences, through chains of
/// read-modify-writes.
fn synchronizes(events: &[Event], source: &[usize; EVENTS_MAX], sb: &Relation) -> Relation {
    let count = events.len();
    let mut result = [0; EVENTS_MAX];
    let fences = |wanted: fn(&Event) -> bool| {
        (0..count).filter(move |&event| events[event].fence && wanted(&events[event]))
    };
    for read in (0..count).filter(|&event| events[event].reads) {
        let mut receivers = 0;
        if events[read].acquires() {
            receivers |= 1 << read;
        }
        for fence in fences(Event::acquires).filter(|&fence| has(sb, read, fence)) {
            receivers |= 1 << fence;
        }
        let mut head = source[read];
        loop {
            if events[head].releases() {
                result[head] |= receivers;
            }
            for fence in fences(Event::releases).filter(|&fence| has(sb, fence, head)) {
                result[fence] |= receivers;
            }
            if !events[head].reads {
                break;
            }
            head = source[head];
        }
    }
    result
}

/// What the total order of SC operations must respect: paragraph 4, in its four cases.
fn sequential(events: &[Event], hb: &Relation, eco: &Relation) -> Relation {
    let count = events.len();
    let fence = |event: usize| events[event].fence && events[event].sequential();
    let access = |event: usize| !events[event].fence && events[event].sequential();
    let mut result = [0; EVENTS_MAX];
    for one in 0..count {
        for other in (0..count).filter(|&other| has(eco, one, other)) {
            for from in (0..count)
                .filter(|&from| from == one && access(one) || fence(from) && has(hb, from, one))
            {
                for to in (0..count)
                    .filter(|&to| to == other && access(other) || fence(to) && has(hb, other, to))
                {
                    result[from] |= 1 << to;
                }
            }
        }
    }
    result
}
