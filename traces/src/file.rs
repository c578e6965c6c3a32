//! Whole files in, whole files out.
//!
//! A trace is written to a file of another name in the same folder, forced to the disk, and only
//! then given its name:
//!
//! ```text
//!  create .hak-PROCESS-NUMBER.tmp ──▶ write ──▶ fsync ──▶ rename to NAME ──▶ fsync the folder
//!                                       └───────┴──────────┴──▶ failed: remove the temporary file
//! ```
//!
//! 1. Under its name a trace is either absent, the old one, or complete.
//! 2. A write that fails leaves no file behind, and an old trace as it was.
//! 3. A reader takes no more from a file than its header announces, plus one byte to see whether
//!    something follows: the wrong file, however large, costs nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::TraceError;
use crate::header::{HEADER_LENGTH, Header};
use crate::trace::Trace;

/// How many names are tried for a temporary file before the folder is considered hopeless.
const NAMES_TRIED_MAX: u32 = 64;

/// Numbers the temporary files of this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Trace {
    /// Reads the trace in this file.
    ///
    /// # Errors
    ///
    /// [`TraceError::Unreadable`] if the operating system objects, else as
    /// [`Trace::from_bytes`].
    pub fn read(path: impl AsRef<Path>) -> Result<Trace, TraceError> {
        let path = path.as_ref();
        let unreadable = |error| TraceError::unreadable(path, error);
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        (&file).take(HEADER_LENGTH as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        let header = Header::parse(&bytes)?;
        file.take(header.payload_length + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        Trace::from_bytes(&bytes)
    }

    /// Writes the trace to this file, which may exist and is then replaced, all at once.
    ///
    /// # Errors
    ///
    /// As [`Trace::to_bytes`], and [`TraceError::Unwritable`] if the operating system objects.
    /// Then no new file exists, and an old one of that name is as it was.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), TraceError> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        replace(path, &bytes).map_err(|error| TraceError::unwritable(path, error))
    }
}

/// Gives the file at `path` this content, or changes nothing. What is there and is no regular file
/// (a pipe, a device) is written to; a link is followed.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let there = fs::canonicalize(path);
    let path = there.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let (file, temporary) = create_temporary(folder)?;
    let replaced = fill(file, bytes).and_then(|()| fs::rename(&temporary, path));
    if replaced.is_err() {
        // The first error is the one to report; a file that cannot be removed either is beyond us.
        let _ = fs::remove_file(&temporary);
        return replaced;
    }
    // The content is safe. Whether the name also survives a power failure is up to the folder, and
    // some file systems refuse to be asked: not a failure of this write.
    let _ = File::open(folder).and_then(|opened| opened.sync_all());
    Ok(())
}

/// Writes and forces to the disk; closes the file.
fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// A new file in this folder, under a name that nobody else uses.
fn create_temporary(folder: &Path) -> io::Result<(File, PathBuf)> {
    let mut tried = 0;
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed); // unique by itself; publishes nothing
        let temporary = folder.join(format!(".hak-{}-{number}.tmp", process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => tried += 1,
            Err(error) => return Err(error),
        }
        if tried == NAMES_TRIED_MAX {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
    }
}
