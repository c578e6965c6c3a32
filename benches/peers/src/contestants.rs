//! Who is measured, and where it comes from: crates are built here, shared libraries come from
//! Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::process::Launch;
use crate::rows::GIB_FREED;

/// The form in which an allocator is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// C malloc of the system.
    System,
    /// A Rust crate as the global allocator.
    Crate,
    /// A shared library, loaded before the C library.
    Library,
}

/// One allocator in one form.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) form: Form,
    pub(crate) version: String,
    /// The one row that it is measured in, if it is only a setting of another contestant.
    pub(crate) only: Option<&'static str>,
    /// How to start it, or why that cannot be done.
    #[serde(skip)]
    pub(crate) launch: Result<Launch, String>,
}

impl Contestant {
    /// Whether this is what the others are compared with.
    pub(crate) fn is_reference(&self) -> bool {
        self.form == Form::System
    }

    /// Whether this is hak.
    pub(crate) fn is_hak(&self) -> bool {
        self.name == "hak" || self.name.starts_with("hak ")
    }

    /// Whether it is one for itself, and not a setting of another one.
    pub(crate) fn is_general(&self) -> bool {
        self.only.is_none()
    }

    /// Whether it is measured in this row.
    pub(crate) fn is_in(&self, row: &str) -> bool {
        self.only.is_none_or(|only| only == row)
    }

    /// Name and form.
    pub(crate) fn label(&self) -> String {
        if !self.is_general() {
            return self.name.clone();
        }
        match self.form {
            Form::System => self.name.clone(),
            Form::Crate => format!("{} crate", self.name),
            Form::Library => format!("{} .so", self.name),
        }
    }
}

/// Crates: name, feature of the workload, package whose version says what it is, compilers for its
/// C and C++.
///
/// Each gets the compiler that was measured to be the better one for it: clang makes rpmalloc up to
/// 18 % and mimalloc up to 10 % faster than gcc does, and snmalloc slower in `xthread`. Nobody has
/// compared them for tcmalloc, scudo and hardened, which gcc builds.
const CRATES: [(&str, &str, &str, [&str; 2]); 10] = [
    ("hak", "with-hak", "hak", GCC),
    ("mimalloc 3", "with-mimalloc-3", "mimalloc", CLANG),
    ("mimalloc 2", "with-mimalloc-2", "mimalloc", CLANG),
    ("jemalloc", "with-jemalloc", "tikv-jemallocator", GCC),
    ("snmalloc", "with-snmalloc", "snmalloc-rs", GCC),
    ("rpmalloc", "with-rpmalloc", "rpmalloc", CLANG),
    ("tcmalloc", "with-tcmalloc", "tcmalloc-better", GCC),
    ("scudo", "with-scudo", "scudo", GCC),
    ("hardened", "with-hardened", "hardened_malloc-rs", GCC),
    ("ferroc", "with-ferroc", "ferroc", GCC),
];

const GCC: [&str; 2] = ["gcc", "g++"];
const CLANG: [&str; 2] = ["clang", "clang++"];

/// Shared libraries: name, Debian package, file, which may have folders before its name.
const LIBRARIES: [(&str, &str, &str); 5] = [
    ("mimalloc 2", "libmimalloc2.0", "libmimalloc.so.2"),
    ("jemalloc", "libjemalloc2", "libjemalloc.so.2"),
    ("tcmalloc", "libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
    ("tbbmalloc", "libtbbmalloc2", "libtbbmalloc_proxy.so.2"),
    ("scudo", "libclang-rt-22-dev", SCUDO),
];

#[cfg(target_arch = "x86_64")]
const SCUDO: &str = "llvm-22/lib/clang/22/lib/linux/libclang_rt.scudo_standalone-x86_64.so";
#[cfg(not(target_arch = "x86_64"))]
const SCUDO: &str = "llvm-22/lib/clang/22/lib/linux/libclang_rt.scudo_standalone-aarch64.so";

/// Programs that builds of peers need, and their Debian packages.
const TOOLS: [(&str, &str); 5] =
    [("gcc", "gcc"), ("g++", "g++"), ("make", "make"), ("cmake", "cmake"), ("clang", "clang")];

/// Says which Debian packages are missing and what that means, or installs them.
pub(crate) fn check_packages(install: bool) -> Result<(), String> {
    let tools = TOOLS.iter().filter(|(tool, _)| !succeeds(Command::new(tool).arg("--version")));
    let libraries = LIBRARIES.iter().filter(|(_, _, file)| find_library(file).is_none());
    let missing: Vec<&str> =
        tools.map(|tool| tool.1).chain(libraries.map(|library| library.1)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !install {
        eprintln!(
            "note: some peers will be missing. They need Debian packages: apt-get install {list}, \
            or run this with --install"
        );
        return Ok(());
    }
    eprintln!("installing {list}");
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--yes", "--no-install-recommends"]).args(&missing);
    if succeeds(&mut apt) {
        Ok(())
    } else {
        Err(format!("apt-get install {list} failed: run it by hand, and apt-get update before it"))
    }
}

/// Builds and finds everything. glibc is the first one.
pub(crate) fn all(libhak: Option<&Path>) -> Result<Vec<Contestant>, String> {
    let plain = build("c", None, GCC)
        .map_err(|reason| format!("the workloads cannot be built: {reason}"))?;
    let library = |name: &str, version, file: Result<PathBuf, String>| Contestant {
        name: name.to_owned(),
        form: Form::Library,
        version,
        only: None,
        launch: file.map(|file| Launch {
            program: plain.clone(),
            identity: file_name(&file),
            variables: &[],
            preload: Some(file),
        }),
    };
    let mut found = vec![Contestant {
        name: "glibc".to_owned(),
        form: Form::System,
        version: package_version("libc6"),
        only: None,
        launch: Ok(Launch {
            program: plain.clone(),
            preload: None,
            variables: &[],
            identity: "libc.so.6".to_owned(),
        }),
    }];
    let file = match libhak {
        Some(file) => {
            std::fs::canonicalize(file).map_err(|error| format!("{}: {error}", file.display()))
        }
        None => build_libhak(),
    };
    let hak = library("hak", "this source".to_owned(), file);
    let mut background = hak.clone();
    background.name = "hak .so, HAK_BACKGROUND".to_owned();
    background.only = Some(GIB_FREED);
    if let Ok(launch) = &mut background.launch {
        launch.variables = &[("HAK_BACKGROUND", "1")];
    }
    found.extend([hak, background]);
    for (name, feature, package, compilers) in CRATES {
        found.push(Contestant {
            name: name.to_owned(),
            form: Form::Crate,
            version: if name == "hak" { "this source".to_owned() } else { locked_version(package) },
            only: None,
            launch: build(&name.replace(' ', "-"), Some(feature), compilers).map(|program| {
                let identity = format!("crate {name}");
                Launch { program, preload: None, variables: &[], identity }
            }),
        });
    }
    for (name, package, file) in LIBRARIES {
        let found_file =
            find_library(file).ok_or_else(|| format!("not installed: apt-get install {package}"));
        found.push(library(name, package_version(package), found_file));
    }
    found.sort_by_key(|one| {
        (!one.is_reference(), !one.is_hak(), one.form == Form::Library, !one.is_general())
    });
    for one in &found {
        if let Err(reason) = &one.launch {
            eprintln!("note: {} is not measured: {reason}", one.label());
        }
    }
    Ok(found)
}

/// Builds the workload with a crate (or with C malloc) and puts it aside under a name of its own.
fn build(name: &str, feature: Option<&str>, compilers: [&str; 2]) -> Result<PathBuf, String> {
    eprintln!("building {name}");
    let mut arguments = vec!["build", "--release", "--package", "hak-peers-workload"];
    arguments.extend(feature.map(|feature| ["--features", feature]).iter().flatten());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let built = artifact(&arguments, &manifest, compilers, "/hak-peers-workload")?;
    let aside = built.with_file_name(format!("hak-peers-workload-{name}"));
    std::fs::copy(&built, &aside).map_err(|error| format!("{}: {error}", aside.display()))?;
    Ok(aside)
}

/// Builds this source's libhak.so.
fn build_libhak() -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../preload/Cargo.toml");
    if !manifest.exists() {
        return Err("this source has no package preload/; name a file with --libhak".to_owned());
    }
    eprintln!("building libhak.so");
    artifact(&["build", "--profile", "shared"], &manifest, GCC, "/libhak.so")
}

/// Runs cargo and returns the file that it made whose path ends so.
fn artifact(
    arguments: &[&str],
    manifest: &Path,
    compilers: [&str; 2],
    ending: &str,
) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--message-format", "json", "--manifest-path"])
        .arg(manifest)
        .env("CC", compilers[0])
        .env("CXX", compilers[1])
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let messages =
        || text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    if !output.status.success() {
        let said: Vec<String> = messages()
            .filter(|message| message["message"]["level"] == "error")
            .filter_map(|message| message["message"]["message"].as_str().map(str::to_owned))
            .collect();
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let reason = said.first().cloned().unwrap_or(stderr).replace('\n', " ");
        return Err(format!(
            "it does not build with this toolchain ({} errors, the first: {reason})",
            said.len().max(1)
        ));
    }
    let made: Vec<String> = messages()
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(str::to_owned))
        .collect();
    let file = made.iter().rfind(|file| file.ends_with(ending));
    file.map(PathBuf::from).ok_or_else(|| format!("cargo made no file {ending}"))
}

/// Where the dynamic linker would find a library.
fn find_library(file: &str) -> Option<PathBuf> {
    let machine = std::env::consts::ARCH;
    ["/usr/lib", "/lib", "/usr/local/lib", &format!("/usr/lib/{machine}-linux-gnu")]
        .map(|folder| Path::new(folder).join(file))
        .into_iter()
        .find(|path| path.exists())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn package_version(package: &str) -> String {
    let output =
        Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

/// The version of a package in this workspace's lock file.
fn locked_version(package: &str) -> String {
    let lock = include_str!("../Cargo.lock");
    let wanted = format!("name = \"{package}\"\nversion = \"");
    let rest = lock.split_once(&wanted).map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split('"').next()).unwrap_or("unknown").to_owned()
}
