//! The `HAK_*` variables: read once, by a constructor, from the environment that the process was started with.
//!
//! Without any of them nothing is ever printed. Reading allocates nothing, and no function of the allocator waits for it:
//! what is allocated before the constructor runs is allocated like everything else. What is said at the end is said by
//! processes that end by `exit` or by returning from `main`, and not by `_exit` or a signal.
//!
//! A process that has more rights than who started it (a set-user-id program; the system calls it `AT_SECURE`) reads none of them.

use core::ffi::{CStr, c_char, c_int};
use core::fmt::Write;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use native::{Hak, Stats, Text, Totals};

use crate::crash;

/// A variable that is on or off.
struct Switch {
    name: &'static str,
    what: &'static str,
    on: AtomicBool,
}

impl Switch {
    const fn new(name: &'static str, what: &'static str) -> Switch {
        Switch { name, what, on: AtomicBool::new(false) }
    }

    fn is_on(&self) -> bool {
        // Relaxed: written by the constructor only.
        self.on.load(Ordering::Relaxed)
    }
}

static HELP: Switch = Switch::new("HAK_HELP", "lists these variables, on standard error");
static VERBOSE: Switch = Switch::new(
    "HAK_VERBOSE",
    "says when hak starts and ends, and which HAK_* variables it does not know",
);
static STATS: Switch = Switch::new(
    "HAK_STATS",
    "prints what is in use when the process ends, as JSON, on standard error",
);
static BACKGROUND: Switch = Switch::new(
    "HAK_BACKGROUND",
    "gives idle memory back also while the program does nothing, from a thread of its own",
);
static CRASH_REPORT: Switch = Switch::new(
    "HAK_CRASH_REPORT",
    "prints a line on SIGSEGV, SIGBUS and SIGABRT, unless the program has a handler of its own",
);

/// The variable that is a number of bytes, and what it does.
const LIMIT: (&str, &str) =
    ("HAK_LIMIT", "limits the memory that is had from the system, as in 512M (K, M, G, T)");

static SWITCHES: [&Switch; 5] = [&HELP, &VERBOSE, &STATS, &BACKGROUND, &CRASH_REPORT];

/// Where the last words go: a copy of standard error, because many programs close that before they end. -1 without.
static LAST_WORDS: AtomicI32 = AtomicI32::new(-1);
/// Which file that was: a program that closes every file it finds may have opened another one in its place.
static LAST_WORDS_FILE: AtomicU64 = AtomicU64::new(0);

/// Runs before the program's `main`, and before its own constructors.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn(c_int, *const *const c_char, *mut *const c_char) = start;

/// Runs after the program's own destructors and `atexit` functions.
#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;

extern "C" fn start(
    _count: c_int,
    _arguments: *const *const c_char,
    environment: *mut *const c_char,
) {
    // SAFETY: no precondition.
    if unsafe { libc::getauxval(libc::AT_SECURE) } != 0 {
        return;
    }
    // SAFETY: the C library calls constructors with the environment, a list that ends in null, while there is one
    // thread.
    unsafe { read(environment) };
    if HELP.is_on() {
        help();
    }
    if CRASH_REPORT.is_on() {
        crash::install();
    }
    if BACKGROUND.is_on() && !Hak::start_background() {
        let text = format_args!("hak: HAK_BACKGROUND stays off: no thread could be made");
        Text::line(text).print();
    }
    if VERBOSE.is_on() {
        // SAFETY: no precondition.
        let process = unsafe { libc::getpid() };
        let version = env!("CARGO_PKG_VERSION");
        Text::line(format_args!("hak: version {version} serves process {process}")).print();
    }
    if STATS.is_on() || VERBOSE.is_on() {
        keep_last_words();
    }
}

fn keep_last_words() {
    // A number far up, where no program looks for one, if the limit is not lower.
    for number in [900, 200, 10] {
        // SAFETY: no precondition.
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
    // SAFETY: the result is written there if the call succeeds.
    unsafe {
        if libc::fstat(file, about.as_mut_ptr()) != 0 {
            return 0;
        }
        let about = about.assume_init();
        about.st_ino ^ about.st_dev.rotate_left(32)
    }
}

/// Sets the switches. `HAK_HELP` is taken out of the environment, so that children do not print the list again.
///
/// # Safety
/// `environment` is null or a list of C strings that ends in null, and nobody else uses it now.
unsafe fn read(environment: *mut *const c_char) {
    let mut place = environment;
    let mut kept = environment;
    // SAFETY: the caller's contract: the list is read up to its end, and entries move towards its start.
    while !place.is_null() && !unsafe { *place }.is_null() {
        // SAFETY: the caller's contract.
        let entry = unsafe { CStr::from_ptr(*place) }.to_bytes();
        if entry.starts_with(b"HAK_") {
            set(entry);
        }
        if value(&HELP, entry).is_none() {
            // SAFETY: as above; `kept` is not behind `place`.
            unsafe { *kept = *place };
            kept = kept.wrapping_add(1);
        }
        place = place.wrapping_add(1);
    }
    if kept != place {
        // SAFETY: before the end of the list.
        unsafe { *kept = ptr::null() };
    }
    if VERBOSE.is_on() {
        for entry in unknown(environment) {
            let name = printable(entry.split(|&byte| byte == b'=').next().unwrap_or_default());
            let text = format_args!("hak: {name} is no variable of hak; HAK_HELP=1 lists them");
            Text::line(text).print();
        }
    }
}

/// The `HAK_*` entries that no switch has the name of.
fn unknown(environment: *mut *const c_char) -> impl Iterator<Item = &'static [u8]> {
    let mut place = environment;
    core::iter::from_fn(move || {
        loop {
            // SAFETY: `read` was called with this list, and has walked it before.
            if place.is_null() || unsafe { *place }.is_null() {
                return None;
            }
            // SAFETY: as above.
            let entry = unsafe { CStr::from_ptr(*place) }.to_bytes();
            place = place.wrapping_add(1);
            let known =
                SWITCHES.iter().any(|s| value(s, entry).is_some()) || limit(entry).is_some();
            if entry.starts_with(b"HAK_") && !known {
                return Some(entry);
            }
        }
    })
}

/// The value that `entry` gives to `switch`, if it does.
fn value<'a>(switch: &Switch, entry: &'a [u8]) -> Option<&'a [u8]> {
    entry.strip_prefix(switch.name.as_bytes())?.strip_prefix(b"=")
}

/// The value that `entry` gives to the limit, if it does.
fn limit(entry: &[u8]) -> Option<&[u8]> {
    entry.strip_prefix(LIMIT.0.as_bytes())?.strip_prefix(b"=")
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
    if let Some(text) = limit(entry) {
        match bytes_of(text) {
            Some(bytes) => Hak::set_limit(bytes),
            None => {
                let (name, text) = (LIMIT.0, printable(text));
                let text =
                    format_args!("hak: {name} is {text:?} and no limit; write it as in 512M");
                Text::line(text).print();
            }
        }
    }
    for switch in SWITCHES {
        match value(switch, entry) {
            None => {}
            Some(b"1") => switch.on.store(true, Ordering::Relaxed),
            Some(b"" | b"0") => switch.on.store(false, Ordering::Relaxed),
            Some(other) => {
                let (name, other) = (switch.name, printable(other));
                let text = format_args!("hak: {name} is {other:?} and stays off; set it to 1 or 0");
                Text::line(text).print();
            }
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
    let mut text = Text::<1024>::new();
    let version = env!("CARGO_PKG_VERSION");
    // Both fit: there are as many lines as switches.
    let _ = writeln!(text, "hak {version}: environment variables; set one to 1 to turn it on");
    for switch in SWITCHES {
        let _ = writeln!(text, "  {:<17} {}", switch.name, switch.what);
    }
    let _ = writeln!(text, "  {:<17} {}", LIMIT.0, LIMIT.1);
    text.print();
}

extern "C" fn end() {
    let file = LAST_WORDS.load(Ordering::Relaxed);
    if file < 0 || identity(file) != LAST_WORDS_FILE.load(Ordering::Relaxed) {
        return;
    }
    let mut text = Text::<16384>::new();
    // It fits: there are as many numbers as size classes.
    if STATS.is_on() {
        let _ = Stats::take().write_json(&mut text);
    }
    if VERBOSE.is_on() {
        let bytes = Totals::take().total_bytes();
        // SAFETY: no precondition.
        let process = unsafe { libc::getpid() };
        let _ = writeln!(text, "hak: process {process} ends with {bytes} bytes from the system");
    }
    text.print_to(file);
}
