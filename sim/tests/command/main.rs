//! The command line, from outside: `hak-sim` is run as users run it, and what it prints and how it
//! ends is checked.

mod bad_input;
mod bad_usage;
mod contention;
mod corpus;
mod determinism;
mod digests;
mod divergence;
mod json;
mod lists;
mod main_job;
mod measuring;
mod mutants;
mod planted_faults;
mod proving;
mod readme;
mod searching;
mod showing;
mod shrinking;
mod stress;
mod support;
