//! What all the tests need: running the command, and a folder to run it in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use hak_traces::Trace;
use serde_json::Value;
use tempfile::TempDir;

/// A run that fails, if that is still one of those that do: it depends on what programs are drawn.
pub(crate) const FAULT: &str =
    "--seed 42 --schedule 6 --scenario thread-churn --strategy portfolio --plant unowned-drain";

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The JSON object on standard output: one line, and nothing else.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "one line: {}", self.stdout);
        let value: Value = serde_json::from_str(&self.stdout).expect("standard output is JSON");
        assert!(value.is_object(), "{value}");
        value
    }

    /// Checks that this is a refusal: one line on standard error, nothing on standard output, exit
    /// code 2.
    #[track_caller]
    pub(crate) fn refused(&self, contains: &str) {
        assert_eq!(self.code, 2, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("hak-sim: ") && self.stderr.ends_with('\n'), "{self:?}");
        assert!(self.stderr.contains(contains), "no {contains:?} in {self:?}");
    }
}

/// A folder of its own for a test, in which it runs the command.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `hak-sim` with these arguments, which stand in one text with spaces between them.
    pub(crate) fn run(&self, arguments: &str) -> Ended {
        self.run_list(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `hak-sim` with these arguments.
    pub(crate) fn run_list(&self, arguments: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_hak-sim"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .expect("hak-sim can be started");
        let text = |bytes| String::from_utf8(bytes).expect("what is printed is UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let code = output.status.code().unwrap_or_else(|| panic!("ended by a signal: {stderr}"));
        assert!(!stderr.contains("panicked at"), "{arguments:?}: {stderr}");
        Ended { code, stdout, stderr }
    }

    /// Runs a command that is to end with this code and to be silent on standard error.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, arguments: &str) -> Ended {
        let ended = self.run(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (code, ""), "{arguments}: {ended:?}");
        ended
    }

    /// Records a run into `name`, and reads the trace.
    pub(crate) fn record(&self, arguments: &str, name: &str) -> Trace {
        let ended = self.run(&format!("{arguments} --trace {name}"));
        assert!(ended.code <= 1, "{ended:?}");
        Trace::read(self.path(name)).expect("what was recorded can be read")
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("the file is there")
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("the folder can be written");
    }

    /// The names and contents of all files: what must not change when nothing is to be written.
    pub(crate) fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(self.0.path()).expect("the folder can be read");
        let files = entries.map(|entry| entry.expect("an entry").path());
        files.filter(|path| path.is_file()).map(|path| (path.clone(), read(&path))).collect()
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("the file can be read")
}

/// The arguments of a printed command: what stands behind `--`.
pub(crate) fn arguments_of(command: &str) -> &str {
    command.split_once(" -- ").expect("a command of cargo").1
}

/// The commands that a report says to run, in order.
pub(crate) fn commands_in(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.starts_with("cargo run")).collect()
}
