//! The workspace that is built: the core with its changes, and the simulator on it.
//!
//! It lies under `target/`, has a folder for what it builds, and is written only where it differs,
//! so that it is built anew only after a change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::places::Core;
use crate::text::edited;

/// The crates that the simulator is made of.
const CRATES: &[&str] = &["core", "native", "traces", "replay", "sim"];

/// Writes the workspace and builds it; the program that tries changes.
///
/// # Errors
/// A file cannot be written, or the copy is not built: then the rules of `places` are wrong, and
/// what the compiler said is the error.
pub fn build(source: &Path, core: &Core) -> io::Result<PathBuf> {
    let folder = source.join("target/mutants");
    let copy = folder.join("copy");
    for name in CRATES {
        mirror(&source.join(name), &copy.join(name))?;
    }
    // The commit and the core's lines stand in reports, which nobody reads here.
    put(
        &copy.join("sim/build.rs"),
        "fn main() {\n    \
             println!(\"cargo::rerun-if-changed=build.rs\\n\
             cargo::rustc-env=HAK_COMMIT=mutants\");\n    \
             let folder = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(folder + \"/core_source.rs\", \"&[]\").unwrap();\n\
         }\n",
    )?;
    for file in &core.files {
        let mut text = edited(&file.text, file.edits.clone());
        if file.name == "lib.rs" {
            text += "\npub mod mutation;\n";
        }
        put(&copy.join("core/src").join(&file.name), &text)?;
    }
    let count = format!(
        "\n/// How many changes there are.\npub const COUNT: usize = {};\n",
        core.mutants.len()
    );
    put(
        &copy.join("core/src/mutation.rs"),
        include_str!("../judge/mutation.rs").to_owned() + &count,
    )?;
    put(&copy.join("judge/src/main.rs"), include_str!("../judge/main.rs"))?;
    put(&copy.join("judge/Cargo.toml"), include_str!("../judge/Cargo.toml.in"))?;
    put(&copy.join("Cargo.toml"), workspace(&fs::read_to_string(source.join("Cargo.toml"))?)?)?;
    if !copy.join("Cargo.lock").exists() {
        fs::copy(source.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    }
    let built = folder.join("built");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--offline", "--quiet", "--package", "judge"])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", &built)
        // The copy has parentheses that nobody needs.
        .env("RUSTFLAGS", "--cap-lints=allow")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("the copy of the core cannot be built:\n{said}")));
    }
    Ok(built.join("release/judge"))
}

/// The workspace's manifest with other members.
fn workspace(manifest: &str) -> io::Result<String> {
    let mut text = String::new();
    let mut found = 0;
    for line in manifest.lines() {
        if line.starts_with("members = ") {
            found += 1;
            text += &format!("members = {:?}", [CRATES, &["judge"]].concat());
        } else if !line.starts_with("exclude = ") && !line.starts_with("default-members = ") {
            text += line;
        }
        text.push('\n');
    }
    if found != 1 {
        return Err(io::Error::other("the workspace's manifest has no line of members"));
    }
    Ok(text)
}

/// Makes `to` a copy of the folder `from`, but for the core's source, which is written by the
/// caller.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut kept = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            mirror(&path, &to.join(&name))?;
        } else if !(from.to_string_lossy().contains("core/src")
            || from.ends_with("sim") && name == "build.rs")
        {
            put(&to.join(&name), &fs::read(&path)?)?;
        }
        kept.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        let ours = ["build.rs", "mutation.rs"].iter().any(|ours| entry.file_name() == *ours);
        if !kept.contains(&entry.file_name()) && !ours {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
        }
    }
    Ok(())
}

/// Writes a file if it is not there as it is to be.
fn put(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text.as_ref()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
