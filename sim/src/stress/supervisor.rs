//! Watching the process that stresses, and saying how it ended: also where it cannot say so itself.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{StressFinding, StressTotals, oracle};

/// How long a stress may go on after its time is up: a round has to end, and the machine may be
/// busy.
const MARGIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How a stress ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing wrong.
    Passed(StressTotals),
    /// A rule was broken, in this round.
    Violation(StressFinding, u64),
    /// The system refused what was needed: one sentence.
    Refused(String),
}

/// Runs the command, which is to stress for `time` and to speak as `stress_process` does.
///
/// # Errors
/// The process cannot be started.
pub(crate) fn watch(mut command: Command, time: Duration) -> io::Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().expect("standard output is a pipe");
    let stderr = child.stderr.take().expect("standard error is a pipe");
    let said = thread::spawn(move || listen(stdout));
    let complained = thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has said what it had to say.
        let _ = BufReader::new(stderr).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let status = wait(&mut child, Instant::now() + time + MARGIN)?;
    let said = said.join().expect("the listener does not panic");
    let complained = complained.join().expect("the listener does not panic");
    Ok(judge(status, &said, &complained))
}

/// Waits for the child; `None` if it had to be ended.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What the child said: the last round, and its last word.
#[derive(Default)]
struct Said {
    round: u64,
    last: Option<Value>,
}

fn listen(output: impl Read) -> Said {
    let mut said = Said::default();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        match line.strip_prefix("round ") {
            Some(number) => said.round = number.parse().unwrap_or(said.round),
            None => said.last = serde_json::from_str(&line).ok().or(said.last),
        }
    }
    said
}

/// How it ended, from the outside. No status: it had to be ended.
fn judge(status: Option<ExitStatus>, said: &Said, complained: &str) -> Ended {
    if let Some(last) = &said.last {
        let text = |name: &str| last[name].as_str();
        if let (Some(oracle), Some(message)) = (text("oracle"), text("message")) {
            return Ended::Violation(StressFinding::new(oracle, message), said.round);
        }
        if let Some(why) = text("refused") {
            return Ended::Refused(why.to_owned());
        }
        if let (Some(totals), Some(true)) =
            (StressTotals::from_value(last), status.map(|status| status.success()))
        {
            return Ended::Passed(totals);
        }
    }
    let finding = match status {
        None => StressFinding::new(
            oracle::PROGRESS,
            format!("the threads had not ended {} s after the time was up", MARGIN.as_secs()),
        ),
        Some(status) => about_end(status, complained),
    };
    Ended::Violation(finding, said.round)
}

/// About a process that ended without its last word.
fn about_end(status: ExitStatus, complained: &str) -> StressFinding {
    if let Some(line) = complained.lines().find(|line| line.starts_with("hak: ")) {
        return StressFinding::new(
            oracle::MISUSE,
            format!("an innocent program is accused: {line}"),
        );
    }
    let lines: Vec<&str> = complained.lines().collect();
    if let Some(place) = lines.iter().position(|line| line.contains("panicked at")) {
        let about = lines[place..].iter().take(2).copied().collect::<Vec<_>>().join(" ");
        return StressFinding::new(oracle::ASSERTION, format!("an assertion fails: {about}"));
    }
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("the process was ended by {}", signal_name(signal)),
        (None, code) => format!("the process ended with exit code {}", code.unwrap_or(-1)),
    };
    let last = lines.last().map_or(String::new(), |line| format!(": {line}"));
    StressFinding::new(oracle::CRASH, format!("{how}{last}"))
}

fn signal_name(signal: i32) -> String {
    let names = [
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGKILL, "SIGKILL"),
    ];
    match names.iter().find(|(number, _)| *number == signal) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("signal {signal}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(script: &str, time: Duration) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        watch(command, time).expect("a shell")
    }

    fn violation(script: &str) -> (String, String, u64) {
        match ended(script, Duration::from_secs(60)) {
            Ended::Violation(finding, round) => (finding.oracle, finding.message, round),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_signal_is_a_crash_in_the_round_that_was_begun_last() {
        let (oracle, message, round) = violation("echo round 6; echo round 7; kill -SEGV $$");
        assert_eq!((oracle.as_str(), round), (oracle::CRASH, 7));
        assert!(message.contains("SIGSEGV"), "{message}");
    }

    #[test]
    fn an_abort_says_what_was_said_before_it() {
        let script =
            "echo hello >&2; echo 'hak: double free: address 0x10: why' >&2; kill -ABRT $$";
        let (oracle, message, _) = violation(script);
        assert_eq!(oracle, oracle::MISUSE);
        assert!(message.contains("double free"), "{message}");
        let script =
            "echo 'thread x panicked at slab.rs:7:' >&2; echo 'left is right' >&2; kill -ABRT $$";
        let (oracle, message, _) = violation(script);
        assert_eq!(oracle, oracle::ASSERTION);
        assert!(message.contains("slab.rs:7") && message.contains("left is right"), "{message}");
    }

    #[test]
    fn who_says_nothing_and_who_says_half_of_it_has_not_passed() {
        let (oracle, message, _) = violation("exit 0");
        assert_eq!(oracle, oracle::CRASH);
        assert!(message.contains("exit code 0"), "{message}");
        let totals = StressTotals { rounds: 3, ..StressTotals::default() }.value().to_string();
        violation(&format!("echo '{totals}'; exit 1"));
        violation(&format!("printf '%s' '{}'", &totals[..20]));
        let passed = ended(&format!("echo '{totals}'"), Duration::from_secs(60));
        assert_eq!(passed, Ended::Passed(StressTotals { rounds: 3, ..StressTotals::default() }));
    }

    #[test]
    fn a_broken_rule_and_a_refusal_are_passed_on() {
        let script = r#"echo round 9; echo '{"oracle":"overlap","message":"two of them"}'; exit 1"#;
        assert_eq!(violation(script), ("overlap".to_owned(), "two of them".to_owned(), 9));
        let script = r#"echo '{"refused":"no threads: use fewer"}'; exit 2"#;
        let refused = Ended::Refused("no threads: use fewer".to_owned());
        assert_eq!(ended(script, Duration::from_secs(60)), refused);
    }
}
