//! The `HAK_*` variables: read once, by a constructor, from the environment that the process was
//! started with.
//!
//! Without any of them nothing is ever printed. Reading allocates nothing, and no function of the
//! allocator waits for it: what is allocated before the constructor runs is allocated like
//! everything else. What is said at the end is said by processes that end by `exit` or by returning
//! from `main`, and not by `_exit` or a signal.
//!
//! A process that has more rights than who started it (a set-user-id program; the system calls it
//! `AT_SECURE`) reads none of them.
//!
//! Invariant: the constructor gets the environment of the process, a list of C strings that ends in
//! null, or null itself. It runs when the program starts, and nobody else uses that list meanwhile:
//! this library is loaded with the program.

use core::ffi::{CStr, c_char, c_int};
use core::fmt::Write;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, Ordering};

use hak_core::numbers::size_class::CLASSES;
use native::{Hak, HugePages, StackText, Stats, Totals};

use crate::crash;

/// A variable: everything that hak does with it stands in its row of [`VARIABLES`].
struct Variable {
    name: &'static str,
    what: &'static str,
    takes: VariableTakes,
}

/// What the value of a variable is, and what happens with it.
enum VariableTakes {
    /// 1 turns it on; 0 and nothing turn it off.
    Switch(Switch),
    /// A number of bytes, which the function gets at once.
    Bytes(fn(usize)),
    /// Which memory may be in huge pages.
    Huge,
}

struct Switch {
    on: AtomicBool,
    /// Called if it is on, in the order of the table, once all variables are read.
    at_start: fn(Environment),
    /// Called if it is on, in the opposite order: what it says when the process ends.
    at_end: Option<fn(&mut LastWords)>,
}

/// A list of C strings that ends in null, or null itself: what the constructor was called with.
type Environment = *mut *const c_char;

/// It fits: a class has seven numbers, and there are a few beside.
type LastWords = StackText<{ 2048 + 200 * CLASSES }>;

const fn switch(at_start: fn(Environment), at_end: Option<fn(&mut LastWords)>) -> VariableTakes {
    VariableTakes::Switch(Switch { on: AtomicBool::new(false), at_start, at_end })
}

/// The variables. `docs/INSTALL.md` shows what `HAK_HELP` prints of them.
static VARIABLES: [Variable; 7] = [
    Variable {
        name: HELP,
        what: "lists these variables, on standard error",
        takes: switch(|_| help(), None),
    },
    Variable {
        name: "HAK_VERBOSE",
        what: "says when hak starts and ends, and which HAK_* variables it does not know",
        takes: switch(verbose, Some(verbose_end)),
    },
    Variable {
        name: "HAK_STATS",
        what: "prints what is in use when the process ends, as JSON, on standard error",
        takes: switch(|_| keep_last_words(), Some(stats)),
    },
    Variable {
        name: "HAK_BACKGROUND",
        what: "gives idle memory back also while the program does nothing, from a thread of its \
            own",
        takes: switch(|_| background(), None),
    },
    Variable {
        name: "HAK_CRASH_REPORT",
        what: "prints a line on SIGSEGV, SIGBUS and SIGABRT, unless the program has a handler of \
            its own",
        takes: switch(|_| crash::install(), None),
    },
    Variable {
        name: "HAK_LIMIT",
        what: "limits the memory that is obtained from the system, as in 512M (K, M, G, T)",
        takes: VariableTakes::Bytes(Hak::set_limit),
    },
    Variable {
        name: HUGE,
        what: "which memory may be in huge pages: never (any), adaptive (large and wholly used; \
            starts the thread of HAK_BACKGROUND), always",
        takes: VariableTakes::Huge,
    },
];

const HUGE: &str = "HAK_HUGE";

/// What `HAK_HUGE` says. It is obeyed once all variables are read.
static HUGE_PAGES: AtomicU8 = AtomicU8::new(HugePages::Never as u8);

const HUGE_WORDS: [(&[u8], HugePages); 3] = [
    (b"never", HugePages::Never),
    (b"adaptive", HugePages::Adaptive),
    (b"always", HugePages::Always),
];

/// This one is taken out of the environment, so that children do not print the list again.
const HELP: &str = "HAK_HELP";

impl Switch {
    fn is_on(&self) -> bool {
        // Relaxed: written by the constructor only.
        self.on.load(Ordering::Relaxed)
    }
}

/// The switches that are on.
fn switches() -> impl DoubleEndedIterator<Item = &'static Switch> {
    let switches = VARIABLES.iter().filter_map(|variable| match &variable.takes {
        VariableTakes::Switch(switch) => Some(switch),
        VariableTakes::Bytes(_) | VariableTakes::Huge => None,
    });
    switches.filter(|switch| switch.is_on())
}

/// Where the last words go: a copy of standard error, because many programs close that before they
/// end. -1 without.
static LAST_WORDS: AtomicI32 = AtomicI32::new(-1);
/// Which file that was: a program that closes every file it finds may have opened another one in
/// its place.
static LAST_WORDS_FILE: AtomicU64 = AtomicU64::new(0);

/// Runs before the program's `main`, and before its own constructors.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(c_int, *const *const c_char, *mut *const c_char) = start;

/// Runs after the program's own destructors and `atexit` functions.
#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;

extern "C" fn start(_count: c_int, _arguments: *const *const c_char, environment: Environment) {
    // SAFETY: [native lib 1] no precondition.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return;
    }
    // SAFETY: [environment 1] a list that ends in null, or null, and nobody else uses it now.
    unsafe { read(environment) };
    for switch in switches() {
        (switch.at_start)(environment);
    }
    huge_pages();
}

fn huge_pages() {
    let wanted = HUGE_PAGES.load(Ordering::Relaxed);
    let Some((_, wanted)) = HUGE_WORDS.iter().find(|(_, one)| *one as u8 == wanted) else { return };
    if !Hak::set_huge_pages(*wanted) {
        let text = format_args!("hak: {HUGE} stays off: no thread could be made");
        StackText::line(text).print();
    }
}

fn background() {
    if !Hak::start_background() {
        let text = format_args!("hak: HAK_BACKGROUND stays off: no thread could be made");
        StackText::line(text).print();
    }
}

fn verbose(environment: Environment) {
    for entry in unknown(environment) {
        let name = printable(entry.split(|&byte| byte == b'=').next().unwrap_or_default());
        let text = format_args!("hak: {name} is no variable of hak; HAK_HELP=1 lists them");
        StackText::line(text).print();
    }
    // SAFETY: [native lib 1] no precondition.
    let process = unsafe { libc::getpid() };
    let version = env!("CARGO_PKG_VERSION");
    StackText::line(format_args!("hak: version {version} serves process {process}")).print();
    keep_last_words();
}

fn keep_last_words() {
    if LAST_WORDS.load(Ordering::Relaxed) >= 0 {
        return;
    }
    // A number far up, where no program looks for one, if the limit is not lower.
    for number in [900, 200, 10] {
        // SAFETY: [native lib 1] no precondition.
        let file = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, number) };
        if file >= 0 {
            LAST_WORDS_FILE.store(identity(file), Ordering::Relaxed);
            LAST_WORDS.store(file, Ordering::Relaxed);
            return;
        }
    }
}

/// The file behind an open number; 0 for none.
fn identity(file: c_int) -> u64 {
    let mut about = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: [native lib 1] the result is written there if the call succeeds.
    unsafe {
        if libc::fstat(file, about.as_mut_ptr()) != 0 {
            return 0;
        }
        let about = about.assume_init();
        about.st_ino ^ about.st_dev.rotate_left(32)
    }
}

/// Sets what is set. `HAK_HELP` is taken out of the environment, so that children do not print the
/// list again.
///
/// # Safety
/// `environment` is null or a list of C strings that ends in null, and nobody else uses it now.
unsafe fn read(environment: Environment) {
    let mut place = environment;
    let mut kept = environment;
    // SAFETY: [contract] the list is read up to its end, and entries move towards its start.
    while !place.is_null() && !unsafe { *place }.is_null() {
        // SAFETY: [contract] an entry is a C string.
        let entry = unsafe { CStr::from_ptr(*place) }.to_bytes();
        if entry.starts_with(b"HAK_") {
            set(entry);
        }
        if value(HELP, entry).is_none() {
            // SAFETY: [contract] `kept` is not behind `place`.
            unsafe { *kept = *place };
            kept = kept.wrapping_add(1);
        }
        place = place.wrapping_add(1);
    }
    if kept != place {
        // SAFETY: [contract] before the end of the list.
        unsafe { *kept = ptr::null() };
    }
}

/// The `HAK_*` entries that no variable has the name of.
fn unknown(environment: Environment) -> impl Iterator<Item = &'static [u8]> {
    let mut place = environment;
    core::iter::from_fn(move || {
        loop {
            // SAFETY: [environment 1] `read` was called with this list, and has walked it before.
            if place.is_null() || unsafe { *place }.is_null() {
                return None;
            }
            // SAFETY: [environment 1] an entry is a C string.
            let entry = unsafe { CStr::from_ptr(*place) }.to_bytes();
            place = place.wrapping_add(1);
            let known = VARIABLES.iter().any(|one| value(one.name, entry).is_some());
            if entry.starts_with(b"HAK_") && !known {
                return Some(entry);
            }
        }
    })
}

/// The value that `entry` gives to the variable of that name, if it does.
fn value<'a>(name: &str, entry: &'a [u8]) -> Option<&'a [u8]> {
    entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// A number of bytes: digits, and perhaps one of K, M, G and T for powers of 1,024.
fn bytes_of(text: &[u8]) -> Option<usize> {
    let (digits, shift) = match text.split_last()? {
        (b'K' | b'k', digits) => (digits, 10),
        (b'M' | b'm', digits) => (digits, 20),
        (b'G' | b'g', digits) => (digits, 30),
        (b'T' | b't', digits) => (digits, 40),
        _ => (text, 0),
    };
    let number: usize = core::str::from_utf8(digits).ok()?.parse().ok()?;
    number.checked_mul(1 << shift)
}

fn set(entry: &[u8]) {
    for &Variable { name, ref takes, .. } in &VARIABLES {
        let Some(text) = value(name, entry) else { continue };
        match (takes, text) {
            (VariableTakes::Switch(switch), b"1") => switch.on.store(true, Ordering::Relaxed),
            (VariableTakes::Switch(switch), b"" | b"0") => {
                switch.on.store(false, Ordering::Relaxed)
            }
            (VariableTakes::Switch(_), other) => {
                let other = printable(other);
                let text = format_args!("hak: {name} is {other:?} and stays off; set it to 1 or 0");
                StackText::line(text).print();
            }
            (VariableTakes::Huge, text) => {
                match HUGE_WORDS.iter().find(|(word, _)| *word == text) {
                    Some((_, wanted)) => HUGE_PAGES.store(*wanted as u8, Ordering::Relaxed),
                    None => {
                        let text = printable(text);
                        let text = format_args!(
                            "hak: {name} is {text:?} and stays never; set it to never, adaptive or \
                             always"
                        );
                        StackText::line(text).print();
                    }
                }
            }
            (VariableTakes::Bytes(obey), text) => match bytes_of(text) {
                Some(bytes) => obey(bytes),
                None => {
                    let text = printable(text);
                    let text =
                        format_args!("hak: {name} is {text:?} and no limit; write it as in 512M");
                    StackText::line(text).print();
                }
            },
        }
    }
}

/// The beginning of a text of the environment, for a message.
fn printable(text: &[u8]) -> &str {
    let text = &text[..text.len().min(60)];
    match core::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    }
}

fn help() {
    let mut text = StackText::<1024>::new();
    let version = env!("CARGO_PKG_VERSION");
    // It fits: there are as many lines as variables.
    let _ = writeln!(text, "hak {version}: environment variables; set one to 1 to turn it on");
    for Variable { name, what, .. } in &VARIABLES {
        let _ = writeln!(text, "  {name:<17} {what}");
    }
    text.print();
}

extern "C" fn end() {
    let file = LAST_WORDS.load(Ordering::Relaxed);
    if file < 0 || identity(file) != LAST_WORDS_FILE.load(Ordering::Relaxed) {
        return;
    }
    let mut text = LastWords::new();
    for say in switches().rev().filter_map(|switch| switch.at_end) {
        say(&mut text);
    }
    text.print_to(file);
}

fn stats(text: &mut LastWords) {
    let _ = Stats::take().write_json(text);
}

fn verbose_end(text: &mut LastWords) {
    let bytes = Totals::take().total_bytes();
    // SAFETY: [native lib 1] no precondition.
    let process = unsafe { libc::getpid() };
    let _ = writeln!(text, "hak: process {process} ends with {bytes} bytes from the system");
}
