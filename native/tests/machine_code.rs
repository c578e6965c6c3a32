//! What ships contains no trace of the simulator: the machine code of `examples/paths.rs`, in
//! release mode, is read.
//!
//! * No planted fault is in it: neither a fault's name nor the question for it.
//! * The entry points reach a `ret` without leaving the core, so that no hook of the platform is on
//!   the fast path, and no system call or thread bookkeeping was inlined into them.
//!
//! `cargo test -p hak --test machine_code -- --nocapture` prints how many instructions the shortest
//! ways take.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

use hak_core::Fault;

/// What the compiler made of the example.
struct Built {
    assembly: String,
    program: Vec<u8>,
}

static BUILT: LazyLock<Built> = LazyLock::new(|| {
    // A folder of its own: no waiting for whoever runs these tests, and no mix-up with other
    // builds.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("machine-code");
    let examples = target.join("release/examples");
    // A rest of an older build would have another hash in its name.
    for old in files_of(&examples) {
        let _ = fs::remove_file(old);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).arg("rustc").args(["--release", "--offline"]);
    cargo.args(["-p", "hak", "--example", "paths", "--target-dir"]).arg(&target);
    cargo.args(["--", "--emit", "asm,link"]);
    // Flags of the calling build (of a sanitizer, or for coverage) would change the machine code.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.ends_with("RUSTFLAGS") || text.starts_with("CARGO_PROFILE_") {
            cargo.env_remove(name);
        }
    }
    let output = cargo.env_remove("RUSTC_WRAPPER").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let assembly =
        files_of(&examples).into_iter().find(|file| file.extension() == Some("s".as_ref()));
    Built {
        assembly: fs::read_to_string(assembly.expect("an assembly file")).unwrap(),
        program: fs::read(examples.join("paths")).unwrap(),
    }
});

fn files_of(folder: &PathBuf) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default()
}

/// The instructions of a function, and where its local labels point.
struct Function<'a> {
    instructions: Vec<&'a str>,
    labels: HashMap<&'a str, usize>,
}

impl<'a> Function<'a> {
    fn named(name: &str, assembly: &'a str) -> Function<'a> {
        Function::find(name, assembly).unwrap_or_else(|| panic!("{name} is not in the assembly"))
    }

    fn find(name: &str, assembly: &'a str) -> Option<Function<'a>> {
        let begin = format!("{name}:");
        let mut function = Function { instructions: Vec::new(), labels: HashMap::new() };
        let lines = assembly.lines().skip_while(|line| line.trim_end() != begin).skip(1);
        for line in lines {
            let line = line.split('#').next().unwrap().trim();
            if let Some(label) = line.strip_suffix(':') {
                function.labels.insert(label, function.instructions.len());
            } else if line.starts_with(".cfi_endproc") || line.starts_with(".size") {
                break;
            } else if !line.is_empty() && !line.starts_with('.') {
                function.instructions.push(line);
            }
        }
        (!function.instructions.is_empty()).then_some(function)
    }

    /// The fewest instructions from the entry to a return, with no call but of the core's own fast
    /// functions (which the compiler may have left uninlined). `None` if there is no such way.
    fn shortest_way(&self, assembly: &str) -> Option<usize> {
        const RETURNED: usize = usize::MAX;
        let callee = |operands: &str| {
            let name = operands.trim_start_matches('*').split(['@', '(']).next().unwrap();
            let fast = name.contains("hak_core") && !name.contains("_slow");
            fast.then(|| Function::find(name, assembly)?.shortest_way(assembly)).flatten()
        };
        let mut reached = HashSet::new();
        let mut ways = BinaryHeap::from([Reverse((0, 0))]);
        while let Some(Reverse((steps, index))) = ways.pop() {
            if index == RETURNED {
                return Some(steps);
            }
            let Some(instruction) = self.instructions.get(index) else { continue };
            if !reached.insert(index) {
                continue;
            }
            let (operation, operands) =
                instruction.split_once(char::is_whitespace).unwrap_or((instruction, ""));
            let operands = operands.trim();
            let target = operands.rsplit([',', ' ', '\t']).next().unwrap();
            let target = self.labels.get(target).copied();
            let mut go = |to, more| ways.push(Reverse((steps + 1 + more, to)));
            match operation {
                "ret" | "retq" => go(RETURNED, 0),
                "call" | "callq" | "bl" => {
                    if let Some(more) = callee(operands) {
                        go(index + 1, more);
                    }
                }
                "jmp" | "jmpq" | "b" => match target {
                    Some(target) => go(target, 0),
                    None => {
                        if let Some(more) = callee(operands) {
                            go(RETURNED, more);
                        }
                    }
                },
                "blr" | "br" | "ud2" | "brk" | "syscall" | "svc" => {}
                // Anything else goes on, and may be a jump under a condition.
                _ => {
                    go(index + 1, 0);
                    if let Some(target) = target {
                        go(target, 0);
                    }
                }
            }
        }
        None
    }
}

/// The entry points, and the instructions that their shortest ways take at most.
const ENTRY_POINTS: [(&str, usize); 3] =
    [("hak_malloc", 17), ("hak_malloc_64", 14), ("hak_free", 24)];

#[test]
fn no_planted_fault_is_in_the_machine_code() {
    let contains = |text: &str| {
        BUILT.program.windows(text.len()).any(|window| window == text.as_bytes())
            || BUILT.assembly.contains(text)
    };
    for fault in Fault::ALL {
        assert!(!contains(fault.name()), "{}", fault.name());
    }
    assert!(!contains("planted"));
    // The search does find what is there.
    assert!(contains("double free") && contains("hak_malloc_64"));
}

#[test]
fn the_fast_paths_call_nothing_outside_the_core() {
    for (name, most) in ENTRY_POINTS {
        let function = Function::named(name, &BUILT.assembly);
        let steps = function.shortest_way(&BUILT.assembly);
        println!("{name}: {steps:?} of {} instructions", function.instructions.len());
        assert!(steps.is_some(), "{name} cannot end without a call");
        // Other compilers and machines: no promise, but not many more either.
        let most = if cfg!(all(target_arch = "x86_64", target_os = "linux")) { most } else { 60 };
        assert!(steps.unwrap() <= most, "{name} takes {steps:?} instructions");
    }
}

#[test]
fn no_system_call_was_inlined_into_the_entry_points() {
    for (name, _) in ENTRY_POINTS {
        for instruction in Function::named(name, &BUILT.assembly).instructions {
            for hook in [
                "mmap",
                "munmap",
                "mprotect",
                "madvise",
                "pthread_",
                "hak6memory",
                "hak6thread5watch",
            ] {
                assert!(!instruction.contains(hook), "{name} contains `{instruction}`");
            }
        }
    }
}
