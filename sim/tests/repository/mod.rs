//! The files of the repository, for tests that look at all of them.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// All files of the repository, in the order of their names; not what is built, and nothing hidden.
pub(crate) fn files() -> impl Iterator<Item = PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_ours = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name == "target" || name.starts_with('.'))
    };
    let entries = WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(is_ours);
    entries.map(|entry| entry.expect("a file of the repository").into_path())
}
