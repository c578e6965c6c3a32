//! The core's source, as it was when this program was built: the text of a line, the function
//! around it, and the invariant that stands next to it.

use std::sync::OnceLock;

/// File names, as the compiler writes them, with their text.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/core_source.rs"));

/// A function of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFunction {
    /// Where it is.
    pub file: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The type that it belongs to, or nothing.
    pub owner: &'static str,
    /// Its first line,
    pub begin: u32,
    /// and its last one.
    pub end: u32,
    /// Whether it is called with a value in front of a dot.
    pub is_method: bool,
}

/// All functions of the core, in the order of files and lines.
pub fn functions() -> &'static [SourceFunction] {
    static ALL: OnceLock<Vec<SourceFunction>> = OnceLock::new();
    ALL.get_or_init(|| FILES.iter().flat_map(|(file, text)| functions_of(file, text)).collect())
}

/// The lines of a file of the core; none if it is not one.
pub fn lines(file: &str) -> Vec<&'static str> {
    let file = file.replace('\\', "/");
    let found = FILES.iter().find(|(name, _)| file.ends_with(name));
    found.map_or(Vec::new(), |(_, text)| code(text).lines().collect())
}

/// Without the tests at the end.
fn code(text: &'static str) -> &'static str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
}

/// A line without what stands around it; nothing if there is no such line.
pub(crate) fn line(file: &str, number: u32) -> &'static str {
    let lines = lines(file);
    (number as usize).checked_sub(1).and_then(|place| lines.get(place)).map_or("", |one| one.trim())
}

/// The innermost function around a line.
pub fn function_at(file: &str, line: u32) -> Option<&'static SourceFunction> {
    let file = file.replace('\\', "/");
    let around =
        |one: &&SourceFunction| (one.begin..=one.end).contains(&line) && file.ends_with(one.file);
    functions().iter().filter(around).min_by_key(|one| one.end - one.begin)
}

fn functions_of(file: &'static str, text: &'static str) -> Vec<SourceFunction> {
    let lines: Vec<&str> = code(text).lines().collect();
    let mut owner = "";
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        if line.starts_with("impl") || line.starts_with("pub trait ") {
            owner = owner_of(line);
        } else if *line == "}" {
            owner = "";
        }
        let Some(name) = name_of(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let body = (number..lines.len()).find(|&at| lines[at].ends_with(['{', '}', ';']));
        let Some(body) = body.filter(|&at| !lines[at].ends_with(';')) else { continue };
        let close = format!("{indent}}}");
        let last = match lines[body].ends_with('}') {
            true => Some(body),
            false => (body..lines.len()).find(|&at| lines[at] == close),
        };
        let Some(last) = last else { continue };
        let is_method = lines[number..=body].iter().any(|line| line.contains("self"));
        let (begin, end) = (number as u32 + 1, last as u32 + 1);
        found.push(SourceFunction { file, name, owner, begin, end, is_method });
    }
    found
}

/// The name of the function that begins at a line.
fn name_of(line: &'static str) -> Option<&'static str> {
    let mut words = line.trim_start();
    loop {
        if let Some(rest) = words.strip_prefix("fn ") {
            let end = rest.find(|one: char| !is_of_name(one))?;
            return Some(&rest[..end]);
        }
        let rest = ["pub(super) ", "pub(crate) ", "pub ", "const ", "unsafe "]
            .iter()
            .find_map(|word| words.strip_prefix(word))?;
        words = rest;
    }
}

/// The type of an `impl` or the trait.
fn owner_of(line: &'static str) -> &'static str {
    let line = line.trim_start_matches("pub trait ").trim_start_matches("impl");
    let line = match line.strip_prefix('<') {
        Some(rest) => rest.split_once("> ").map_or("", |(_, behind)| behind),
        None => line.trim_start(),
    };
    let line = line.split_once(" for ").map_or(line, |(_, behind)| behind);
    line.split(|one: char| !is_of_name(one)).next().unwrap_or_default()
}

pub(crate) fn is_of_name(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '_'
}

/// The rule of the core that stands next to a line: what the nearest comment in its function cites,
/// as it is written there, with the text of that invariant.
pub(crate) fn rule_at(file: &str, line: u32) -> Option<(String, String)> {
    let function = function_at(file, line)?;
    let lines = lines(file);
    // The function's own comments stand in front of it.
    let mut begin = function.begin as usize - 1;
    while begin > 0 && lines[begin - 1].trim_start().starts_with(['/', '#']) {
        begin -= 1;
    }
    let cited = (begin..function.end as usize).filter_map(|at| {
        let (_, comment) = lines[at].split_once("//")?;
        Some((at.abs_diff(line as usize - 1), citation(comment)?))
    });
    let (_, (module, number)) = cited.min_by_key(|(away, _)| *away)?;
    Some((format!("[{module} {number}]"), invariant(module, number)?))
}

/// `[module 3]` in a comment.
fn citation(comment: &'static str) -> Option<(&'static str, u32)> {
    comment.split('[').skip(1).find_map(|rest| {
        let inside = rest.split(']').next()?;
        let first = inside.split(", ").next()?;
        let (module, number) = first.split_once(' ')?;
        module.chars().all(is_of_name).then_some((module, number.parse().ok()?))
    })
}

/// The text of an invariant, from the head of its file.
fn invariant(module: &str, number: u32) -> Option<String> {
    let ends = [format!("/{module}.rs"), format!("/{module}/mod.rs")];
    let (_, text) = FILES.iter().find(|(name, _)| ends.iter().any(|end| name.ends_with(end)))?;
    let head = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let mut behind = head.skip_while(|line| !line.starts_with("Invariant"));
    // The only one of a file has no number.
    let only = behind.clone().next().and_then(|line| line.strip_prefix("Invariant: "));
    let begin = format!("{number}. ");
    let first = match only {
        Some(only) => behind.next().filter(|_| number == 1).map(|_| only)?,
        None => behind.find_map(|line| line.strip_prefix(&begin))?,
    };
    let next = format!("{}. ", number + 1);
    let rest = behind.take_while(|line| !line.is_empty() && !line.starts_with(&next));
    Some(std::iter::once(first).chain(rest).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_access_of_the_core_has_a_function_around_it() {
        assert!(functions().len() > 300, "{} functions", functions().len());
        let release = functions()
            .iter()
            .find(|one| (one.owner, one.name) == ("Owned", "release"))
            .expect("a slab is released");
        assert!(release.is_method && release.file == "core/src/slabs/ownership.rs");
        let inside = function_at(release.file, release.begin + 3).expect("a function");
        assert_eq!(inside, release);
        assert!(line(release.file, release.begin).contains("fn release"));
    }

    #[test]
    fn invariants_are_found_by_their_number() {
        let cited = FILES.iter().flat_map(|(file, text)| {
            code(text).lines().enumerate().filter_map(move |(at, line)| {
                let comment = line.trim_start().strip_prefix("// ")?.strip_prefix("SAFETY")?;
                Some((*file, at as u32 + 1, citation(comment)?))
            })
        });
        let mut found = 0;
        for (file, line, (module, number)) in cited {
            let text = invariant(module, number);
            assert!(text.is_some_and(|text| text.len() > 10), "{file}:{line}: [{module} {number}]");
            found += 1;
        }
        assert!(found > 30, "{found} citations");
    }
}
