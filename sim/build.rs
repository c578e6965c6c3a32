//! Names the commit that the program is built from, for reports; "unknown" where there is no
//! repository. And puts the source of the core into the program, so that a report can show lines of
//! it from any folder; without it, reports name lines and do not show them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const CORE: &str = "../core/src";

fn main() {
    let commit = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or("unknown".to_owned(), |text| text.trim().to_owned());
    println!("cargo::rustc-env=HAK_COMMIT={commit}");
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/refs/heads");
    println!("cargo::rerun-if-changed={CORE}");
    let mut files = Vec::new();
    collect(Path::new(CORE), &mut files);
    files.sort();
    let mut list = "&[\n".to_owned();
    for file in &files {
        let name = file.strip_prefix("..").expect("found there").display().to_string();
        let name = name.replace('\\', "/");
        let text = fs::canonicalize(file).expect("a file that was found");
        let _ = writeln!(list, "    ({name:?}, include_str!({text:?})),");
    }
    list.push_str("]\n");
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names a folder"));
    fs::write(folder.join("core_source.rs"), list).expect("the folder can be written");
}

/// The source files of a folder and of those in it; none if there is no such folder.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
