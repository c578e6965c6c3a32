//! The list of mutants, the arguments, and a sample that the simulator has to notice.

use hak_mutants::places::{self, FILES, FUNCTIONS, Mutant};
use hak_mutants::score::{SCHEDULES, score};
use hak_mutants::{arguments, copy, source};

fn core() -> places::Core {
    places::read(&source().join("core/src")).expect("the core's source")
}

#[test]
fn each_file_of_the_core_is_changed_or_left_out_by_name() {
    let core = core();
    for file in &core.files {
        let changes = core.mutants.iter().filter(|mutant| mutant.file == file.name).count();
        let left_out = FILES.iter().any(|(name, _)| *name == file.name);
        assert!((changes > 0) != left_out, "{}: {changes} changes", file.name);
    }
    for (name, _) in FILES {
        assert!(
            core.files.iter().any(|file| file.name == *name),
            "{name} is left out: where is it?"
        );
    }
    for (file, function, _) in FUNCTIONS {
        let met = core.left_out.contains(&((*file).to_owned(), (*function).to_owned()));
        assert!(met, "{function} of {file} is left out: where is it?");
    }
    assert!(core.mutants.len() > 1000, "there are only {} mutants", core.mutants.len());
}

#[test]
fn each_argument_names_a_mutant() {
    let core = core();
    let arguments = arguments::ours().expect("good entries");
    let stale: Vec<_> = arguments::stale(&arguments, &core.mutants)
        .iter()
        .map(|argument| format!("line {}: {}", argument.line, argument.key))
        .collect();
    assert!(stale.is_empty(), "these entries of arguments.txt name no mutant: {stale:#?}");
    for mutant in &core.mutants {
        let key = mutant.key();
        let entries = arguments.iter().filter(|argument| argument.key == key).count();
        assert!(entries <= 1, "there are {entries} entries for {key}");
        let same = core.mutants.iter().filter(|other| other.key() == key).count();
        assert_eq!(same, 1, "one name for {same} mutants: {key}");
    }
}

/// Files a sample of whose mutants is tried here; `hak-sim mutants --guards` tries all of all.
const SAMPLED: &[&str] = &["tables/index_stack.rs", "tables/remote_list.rs"];

#[test]
fn a_sample_of_the_mutants_is_noticed() {
    let core = core();
    let arguments = arguments::ours().expect("good entries");
    let program = copy::build(&source(), &core).expect("a copy of the core that is built");
    let sample: Vec<&Mutant> = core
        .mutants
        .iter()
        .filter(|mutant| SAMPLED.contains(&mutant.file.as_str()))
        .filter(|mutant| arguments::find(&arguments, mutant).is_none())
        .collect();
    assert!(sample.len() >= 24, "a sample of {}", sample.len());
    let verdicts = score(&program, &sample, SCHEDULES, 2, &|_, _| {}).expect("answers");
    assert_eq!(verdicts.len(), sample.len());
    let alive: Vec<String> = sample
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| !verdict.is_noticed())
        .map(|(mutant, verdict)| format!("{mutant}: {verdict}"))
        .collect();
    assert!(alive.is_empty(), "not noticed: {alive:#?}");
}
