//! What the tests share: the built library, programs in C and C++, and running something under the
//! library.

#![allow(dead_code, reason = "each test program uses a part")]

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// libhak.so as it ships.
///
/// Cargo builds no `cdylib` for the tests of its own package, so it is called here, with a folder
/// of its own: no waiting for whoever runs these tests. If nothing has changed it has nothing to
/// do.
pub(crate) static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = scratch().join("library");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["build", "--profile", "shared", "--offline", "-p", "hak-preload", "--target-dir"]);
    let output = cargo.arg(&target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let library = target.join("shared/libhak.so");
    assert!(library.exists());
    library
});

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Compiles `tests/programs/SOURCE` and returns the program.
pub(crate) fn compiled(source: &str) -> PathBuf {
    compiled_with(source, source.split('.').next().unwrap(), &[])
}

/// Compiles `tests/programs/SOURCE` into `name`. A compiler must be there: without one nothing here
/// was tested.
pub(crate) fn compiled_with(source: &str, name: &str, more: &[&OsStr]) -> PathBuf {
    let compiler = if source.ends_with(".cc") { "c++" } else { "cc" };
    let folder = scratch().join("programs");
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join(name);
    // Under another name at first: tests that run at once want the same program.
    let half_done =
        folder.join(format!("{name}.{}.{:?}", std::process::id(), thread::current().id()));
    let mut command = Command::new(compiler);
    command.args(["-O2", "-g", "-Wall", "-Wno-free-nonheap-object", "-pthread"]);
    command.arg("-o").arg(&half_done);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source));
    command.args(more).arg("-ldl");
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot run {compiler} ({error}): install a C and C++ compiler to run these tests")
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&half_done, &program).unwrap();
    program
}

/// How a run ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) time: Duration,
}

impl Ended {
    /// Checks that it ended well; what it printed.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.out, self.err);
        self.out
    }

    /// The signal that ended it.
    pub(crate) fn signal(&self) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&self.status)
    }
}

/// A command that runs under the library, without `HAK_*` variables of the caller's.
pub(crate) fn preloaded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HAK_") {
            command.env_remove(name);
        }
    }
    command.env("LD_PRELOAD", &*LIBRARY).stdin(Stdio::null());
    command
}

/// Runs a program of ours under the library.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Ended {
    finish(preloaded(program).args(arguments), Duration::from_secs(120))
}

/// Runs a command to its end, which must come in time: a deadlock is a failure like others.
#[track_caller]
pub(crate) fn finish(command: &mut Command, limit: Duration) -> Ended {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = thread::spawn(move || text_of(&mut out));
    let err = thread::spawn(move || text_of(&mut err));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > limit {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(3));
    };
    let time = started.elapsed();
    let status = status.unwrap_or_else(|| panic!("{command:?} did not end within {limit:?}"));
    Ended { status, out: out.join().unwrap(), err: err.join().unwrap(), time }
}

fn text_of(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
