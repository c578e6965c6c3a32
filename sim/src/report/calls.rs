//! The calls that led to an access: from the function in which it stands up to the one that the
//! program called.
//!
//! A run keeps no stack of calls. But it keeps every access, and the source says who calls whom:
//! among those who call a function, the one is taken in which the thread was last, or will be next,
//! in the same operation. Where nobody of them was seen, and there are several, the row ends.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::observe::access_log::LoggedAccess;
use crate::report::source::{SourceFunction, function_at, functions, is_of_name, lines};

/// A call, as it stands in the source.
#[derive(Clone, Copy, Debug)]
pub struct SourceCall {
    /// The function that calls.
    pub caller: &'static SourceFunction,
    /// The line of the call.
    pub line: u32,
}

/// So many calls at most.
const DEPTH: usize = 6;

/// Accesses of the same operation are looked at so far away,
const AWAY: usize = 200;
/// and functions so many calls above.
const ABOVE: usize = 3;

/// How much an access at the wrong side of a call counts for less, and a call in between.
const MISFIT: u64 = 40;
const LEVEL: u64 = 4;

/// The calls that led to an access, the innermost first.
pub fn calls_to(accesses: &[LoggedAccess], access: &LoggedAccess) -> Vec<SourceCall> {
    let Some(mut function) = function_at(access.site.file(), access.site.line()) else {
        return Vec::new();
    };
    let seen = Seen::around(accesses, access);
    let mut row: Vec<SourceCall> = Vec::new();
    while row.len() < DEPTH {
        let calls = calls_of(function);
        let known = |call: &&SourceCall| {
            call.caller != function && row.iter().all(|known| known.caller != call.caller)
        };
        let calls: Vec<SourceCall> = calls.iter().filter(known).copied().collect();
        let nearest = calls
            .iter()
            .filter_map(|call| Some((seen.away(call, ABOVE)?, call)))
            .min_by_key(|(away, call)| (*away, call.line));
        let mut callers: Vec<&SourceFunction> = calls.iter().map(|call| call.caller).collect();
        callers.dedup();
        let call = match (nearest, &callers[..]) {
            (Some((_, call)), _) => *call,
            (None, [_]) => calls[0],
            _ => break,
        };
        function = call.caller;
        row.push(call);
    }
    row
}

/// In which functions the thread was around an access, by their file and first line: so many
/// accesses before or behind it, at which line.
struct Seen(BTreeMap<(&'static str, u32), Vec<(i64, u32)>>);

impl Seen {
    fn around(accesses: &[LoggedAccess], access: &LoggedAccess) -> Seen {
        let same =
            |one: &&LoggedAccess| (one.thread, one.operation) == (access.thread, access.operation);
        let own: Vec<&LoggedAccess> = accesses.iter().filter(same).collect();
        let is_it = |one: &&LoggedAccess| one.step == access.step && one.site == access.site;
        let mut seen: BTreeMap<_, Vec<(i64, u32)>> = BTreeMap::new();
        // What accuses a program is not among them, and comes behind all that are.
        let place = own.iter().position(is_it).unwrap_or(own.len());
        let begin = place.saturating_sub(AWAY);
        for (at, one) in own.iter().enumerate().skip(begin).take(2 * AWAY) {
            if let Some(function) = function_at(one.site.file(), one.site.line()) {
                let list = seen.entry((function.file, function.begin)).or_default();
                list.push((at as i64 - place as i64, one.site.line()));
            }
        }
        Seen(seen)
    }

    /// How far away the thread was in the function of this call, or in one that calls that: before
    /// the call in front of its line, and after it behind.
    fn away(&self, call: &SourceCall, depth: usize) -> Option<u64> {
        let seen = self.0.get(&(call.caller.file, call.caller.begin));
        let own = seen.into_iter().flatten().map(|&(away, line)| {
            let fits = if away <= 0 { line <= call.line } else { line >= call.line };
            away.unsigned_abs() + if fits { 0 } else { MISFIT }
        });
        let own = own.min();
        let above = depth.checked_sub(1).and_then(|depth| {
            let calls = calls_of(call.caller).iter().filter(|above| above.caller != call.caller);
            calls.filter_map(|above| Some(self.away(above, depth)? + LEVEL)).min()
        });
        own.into_iter().chain(above).min()
    }
}

/// Who calls a function, in the order of the source.
pub fn calls_of(function: &SourceFunction) -> &'static [SourceCall] {
    static ALL: OnceLock<BTreeMap<(&'static str, u32), Vec<SourceCall>>> = OnceLock::new();
    let all = ALL.get_or_init(all_calls);
    all.get(&(function.file, function.begin)).map_or(&[], Vec::as_slice)
}

fn all_calls() -> BTreeMap<(&'static str, u32), Vec<SourceCall>> {
    let mut by_name: BTreeMap<&str, Vec<&'static SourceFunction>> = BTreeMap::new();
    for function in functions() {
        by_name.entry(function.name).or_default().push(function);
    }
    let mut all: BTreeMap<(&'static str, u32), Vec<SourceCall>> = BTreeMap::new();
    let mut files: Vec<&'static str> = functions().iter().map(|one| one.file).collect();
    files.dedup();
    for file in files {
        let lines = lines(file);
        let imports = lines.iter().take_while(|line| !line.contains("fn "));
        let imports = imports.filter(|line| !line.starts_with("//"));
        let imports: Vec<&str> = imports.copied().collect();
        for (at, line) in lines.iter().enumerate() {
            let number = at as u32 + 1;
            let Some(caller) = function_at(file, number) else { continue };
            let code = line.split("//").next().unwrap_or_default();
            for (name, before, behind) in names_in(code) {
                let is_call = behind.starts_with('(') || behind.starts_with("::<");
                let is_argument = before.ends_with(['(', ':']) || before.ends_with(", ");
                let is_handed_on =
                    is_argument && before.contains('(') && behind.starts_with([',', ')']);
                if !is_call && !is_handed_on {
                    continue;
                }
                let candidates = by_name.get(name).into_iter().flatten();
                for called in candidates.filter(|one| is_called(one, caller, before, &imports)) {
                    let is_itself = called.begin == number && called.file == file;
                    if !is_itself && (is_call || !called.is_method) {
                        let calls = all.entry((called.file, called.begin)).or_default();
                        calls.push(SourceCall { caller, line: number });
                    }
                }
            }
        }
    }
    all
}

/// The names in a line, each with what stands in front of it and behind it. A function may also be
/// handed on by its name.
fn names_in(code: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let begin = rest + code[rest..].find(is_of_name)?;
        let end = code[begin..].find(|one| !is_of_name(one)).map_or(code.len(), |at| begin + at);
        rest = end;
        Some((&code[begin..end], &code[..begin], &code[end..]))
    })
}

/// Whether a name behind these characters means this function.
fn is_called(
    function: &SourceFunction,
    caller: &SourceFunction,
    before: &str,
    imports: &[&str],
) -> bool {
    if before.ends_with(is_of_name) || before.trim_end().ends_with("fn") {
        return false;
    }
    if before.ends_with('.') {
        return function.is_method;
    }
    if let Some(path) = before.strip_suffix("::") {
        let qualifier = path.rsplit(|one: char| !is_of_name(one)).next().unwrap_or_default();
        return match qualifier {
            "Self" => function.owner == caller.owner,
            _ => {
                qualifier == function.owner && !qualifier.is_empty()
                    || qualifier == module(function.file)
            }
        };
    }
    let is_imported = || {
        imports
            .iter()
            .any(|line| line.split(|one: char| !is_of_name(one)).any(|word| word == function.name))
    };
    function.owner.is_empty() && (function.file == caller.file || is_imported())
}

/// The name of a file's module.
fn module(file: &str) -> &str {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.rsplit('/').next().unwrap_or_default()
}
