//! Programs that people use, under the library: they must do what they do without it.
//!
//! What is not installed is not tested, and says so; with `PRELOAD_TESTS_NEED_ALL=1`, as in `.ci/run`, it is a failure. The
//! longer runs are behind `#[ignore]`:
//!
//! ```console
//! $ cargo test -p hak-preload --test real_programs -- --ignored
//! ```
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{Ended, finish, preloaded};

const MINUTES: Duration = Duration::from_secs(600);

/// Whether a program is there, and is served by hak when it runs: judged by its last words.
fn is_here(program: impl AsRef<OsStr>, probe: &[&str]) -> bool {
    let program = program.as_ref();
    if Command::new(program).args(probe).output().is_err() {
        let required = std::env::var_os("PRELOAD_TESTS_NEED_ALL").is_some_and(|value| value == "1");
        assert!(!required, "{program:?} is not installed: .ci/run installs what these tests use");
        eprintln!("not tested: {program:?} is not installed");
        return false;
    }
    let ended = finish(preloaded(program).args(probe).env("HAK_STATS", "1"), MINUTES);
    assert!(ended.status.success(), "{ended:?}");
    let stats = ended.err.lines().filter(|line| line.starts_with("{\"hak\":"));
    let served = stats.filter(|line| !line.contains("\"superslabs\":0,")).count();
    assert!(served > 0, "{program:?} runs, but hak does not serve it: {ended:?}");
    true
}

fn under(program: impl AsRef<OsStr>, arguments: &[&str], folder: &Path) -> Ended {
    finish(preloaded(program).args(arguments).current_dir(folder), MINUTES)
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
    fs::write(folder.join(name), text).unwrap();
}

/// A Python that has its own regression tests. Not a wrapper script: the interpreter itself.
fn python() -> Option<String> {
    ["/usr/bin/python3", "python3"].into_iter().find_map(|candidate| {
        let code = "import sys, test.libregrtest, test.test_json; print(sys.executable)";
        let output = Command::new(candidate).args(["-c", code]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    })
}

/// Runs Python's regression tests. One that fails must fail without the library, too.
fn python_tests(names: &[&str], limit: Duration) {
    let Some(python) = python() else {
        let required = std::env::var_os("PRELOAD_TESTS_NEED_ALL").is_some_and(|value| value == "1");
        assert!(!required, "no Python with its regression tests is installed");
        return eprintln!("not tested: no Python with its regression tests is installed");
    };
    assert!(is_here(&python, &["-c", "import json, threading"]));
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        // It says where it hangs before we say that it does.
        let seconds = (limit.as_secs() - 20).to_string();
        let run = |command: &mut Command| {
            command.args(["-m", "test", "--timeout", &seconds, name]).current_dir(folder.path());
            finish(command, limit)
        };
        let ended = run(&mut preloaded(&python));
        eprintln!("python {name}: {} in {:?}", ended.status, ended.time);
        if !ended.status.success() {
            let without = run(&mut Command::new(&python));
            assert!(!without.status.success(), "fails with hak only: {}\n{}", ended.out, ended.err);
            eprintln!("python {name} fails without hak, too");
        }
    }
}

#[test]
fn python_passes_its_own_tests() {
    python_tests(
        &["test_json", "test_re", "test_thread", "test_queue", "test_fork1", "test_dict"],
        MINUTES,
    );
}

#[test]
fn python_threads_and_subprocesses_work() {
    let Some(python) = python() else { return eprintln!("not tested: no Python with its tests") };
    let folder = tempfile::tempdir().unwrap();
    let code = r#"
import concurrent.futures, json, multiprocessing, re, subprocess, sys, threading

def work(seed):
    words = [f"{seed}-{i % 997}" for i in range(20000)]
    text = json.dumps({word: [i, word * 3] for i, word in enumerate(words)})
    back = json.loads(text)
    return len(re.findall(r'"\d+-\d+":', text)), len(back)

if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(8))) == {(997, 997)}
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert set(pool.map(work, range(4))) == {(997, 997)}
    running = threading.Thread(target=work, args=(5,))
    running.start()
    for _ in range(20):
        done = subprocess.run([sys.executable, "-c", "print('x' * 100000)"], capture_output=True)
        assert len(done.stdout) == 100001, done
    running.join()
    print("done")
"#;
    write(folder.path(), "work.py", code);
    assert_eq!(under(python, &["work.py"], folder.path()).well(), "done\n");
}

#[test]
#[ignore = "takes minutes"]
fn python_passes_its_longer_tests() {
    let tests = [
        "test_threading",
        "test_subprocess",
        "test_multiprocessing_fork",
        "test_concurrent_futures",
        "test_asyncio",
        "test_io",
        "test_gc",
        "test_ctypes",
        "test_pickle",
        "test_faulthandler",
        "test_mmap",
        "test_zlib",
    ];
    // On a busy machine some take six minutes, with and without hak.
    python_tests(&tests, 2 * MINUTES);
}

#[test]
fn git_makes_clones_and_packs_a_repository() {
    if !is_here("git", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, origin) = (folder.path(), folder.path().join("origin"));
    fs::create_dir(&origin).unwrap();
    let git = |arguments: &[&str], at: &Path| {
        let mut command = preloaded("git");
        command.args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "init.defaultBranch=main",
        ]);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        finish(command.args(arguments).current_dir(at), MINUTES).well()
    };
    git(&["init", "-q"], &origin);
    for commit in 0..15 {
        for file in 0..100 {
            let text: String = (0..200).map(|line| format!("{} {line}\n", file * commit)).collect();
            write(&origin, &format!("folder-{}/file-{file}", file % 7), &text);
        }
        git(&["add", "."], &origin);
        git(&["commit", "-q", "-m", &format!("commit {commit}")], &origin);
    }
    git(&["clone", "-q", "--no-local", "origin", "copy"], folder);
    git(&["gc", "-q", "--aggressive"], &folder.join("copy"));
    git(&["fsck", "--full", "--strict"], &folder.join("copy"));
    git(&["grep", "-q", "1386 199"], &folder.join("copy"));
    let heads = ["origin", "copy"].map(|name| git(&["rev-parse", "HEAD"], &folder.join(name)));
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn cargo_and_rustc_build_a_crate() {
    let cargo = env!("CARGO");
    if !is_here(cargo, &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    write(folder.path(), "Cargo.toml", manifest);
    let modules: String = (0..20)
        .map(|n| {
            format!(
                "mod m{n} {{ use std::collections::*; pub fn f(n: usize) -> BTreeMap<usize, String> \
                 {{ (0..n).map(|i| (i, format!(\"{{i}}\"))).collect() }} }}\n"
            )
        })
        .collect();
    let calls: String = (0..20).map(|n| format!("sum += m{n}::f({n}).len(); ")).collect();
    let program =
        format!("{modules}fn main() {{ let mut sum = 0; {calls}println!(\"{{sum}}\"); }}\n");
    write(folder.path(), "src/main.rs", &program);
    let mut command = preloaded(cargo);
    command.args(["run", "--quiet", "--release", "--offline"]).current_dir(folder.path());
    command.env("CARGO_TARGET_DIR", folder.path().join("target"));
    assert_eq!(finish(&mut command, MINUTES).well(), "190\n");
}

#[test]
fn compilers_for_c_and_cxx_compile() {
    if !is_here("c++", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = "#include <algorithm>\n#include <iostream>\n#include <map>\n#include <regex>\n\
                   #include <string>\n#include <vector>\n\
                   int main() { std::map<std::string, std::vector<int>> m; std::regex r(\"a+b\");\n\
                   for (int i = 0; i < 1000; i++) m[std::to_string(i % 10)].push_back(i);\n\
                   std::cout << m.size() << std::regex_match(\"aab\", r) << std::endl; }\n";
    write(folder.path(), "program.cc", program);
    under("c++", &["-O2", "-o", "program", "program.cc"], folder.path()).well();
    assert_eq!(under(folder.path().join("program"), &[], folder.path()).well(), "101\n");
}

#[test]
fn sqlite_answers_as_without() {
    if !is_here("sqlite3", &[":memory:", "select 1"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = "create table t(a integer primary key, b text, c real);\n\
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) \
        insert into t select i, hex(i * 7919 % 100003), i / 3.0 from n;\n\
        create index t_b on t(b);\n\
        update t set b = b || 'x' where a % 3 = 0;\n\
        delete from t where a % 5 = 0;\n\
        vacuum;\n\
        select count(*), count(distinct b), sum(length(b)) from t;\n\
        select b, group_concat(a) from t group by b order by b limit 3;\n\
        pragma integrity_check;\n";
    write(folder.path(), "script", script);
    let answer = |command: &mut Command, base: &str| {
        finish(command.args([base, ".read script"]).current_dir(folder.path()), MINUTES).well()
    };
    let with = answer(&mut preloaded("sqlite3"), "with.db");
    assert!(with.starts_with("160000|") && with.ends_with("ok\n"), "{with}");
    assert_eq!(with, answer(&mut Command::new("sqlite3"), "without.db"));
}

/// Runs redis-server, and redis-benchmark against it, both under the library.
fn redis(requests: &str, tests: &str, more: &[&str]) {
    if !is_here("redis-benchmark", &["--version"]) || !is_here("redis-server", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = preloaded("redis-server");
    command.args(["--port", "0", "--unixsocket", "socket", "--save", ""]).args(more);
    command.env("HAK_STATS", "1").current_dir(folder.path());
    let server = std::thread::spawn(move || finish(&mut command, MINUTES));
    let ask = |arguments: &[&str]| {
        let all = [&["-s", "socket"], arguments].concat();
        under("redis-cli", &all, folder.path())
    };
    let up = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        ask(&["ping"]).out == "PONG\n"
    });
    let benchmark = ["-s", "socket", "-q", "-n", requests, "-r", "50000", "-d", "200", "-t", tests];
    let benchmark = under("redis-benchmark", &benchmark, folder.path());
    let keys = ask(&["dbsize"]).out;
    // A copy of the process writes the keys to a file: a fork of a process with threads.
    let saved = ask(&["bgsave"]).out;
    let written = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        ask(&["info", "persistence"]).out.contains("rdb_bgsave_in_progress:0")
    });
    let good = ask(&["info", "persistence"]).out.contains("rdb_last_bgsave_status:ok");
    ask(&["shutdown", "nosave"]);
    let server = server.join().unwrap();
    assert!(up && server.status.success(), "{server:?}");
    // Each line was written over many times.
    for line in benchmark.well().lines().filter_map(|line| line.trim_end().rsplit('\r').next()) {
        eprintln!("redis {line}");
    }
    assert!(keys.trim().parse::<u32>().unwrap() > 1000, "{keys}");
    assert!(saved.contains("started") && written && good, "{saved}");
    let stats = server.err.lines().rfind(|line| line.starts_with("{\"hak\":")).unwrap();
    assert!(!stats.contains("\"superslabs\":0,"), "{stats}");
}

#[test]
fn redis_serves_its_benchmark() {
    redis("20000", "set,get,lpush,hset,spop,zadd,lrange_300", &[]);
}

#[test]
#[ignore = "takes a minute"]
fn redis_serves_its_benchmark_for_longer() {
    let tests = "set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,zpopmin,mset";
    redis("100000", tests, &["--io-threads", "2", "--io-threads-do-reads", "yes"]);
}

#[test]
fn perl_sorts_forks_and_matches() {
    if !is_here("perl", &["-e", "1"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
my %h; $h{"k" . ($_ * 7919 % 100003)} = "v" x ($_ % 50) for 1 .. 100000;
my @s = sort { $h{$a} cmp $h{$b} || $a cmp $b } keys %h;
my $t = join ",", @s; my $n = () = $t =~ /k\d+7\b/g;
for (1 .. 5) { my $p = fork; if (!$p) { my %c = map { $_ => [$_] } @s; exit(keys %c == @s ? 0 : 1) } waitpid $p, 0; die if $? }
print scalar(@s), " $n\n";
"#;
    write(folder.path(), "script.pl", script);
    let with = under("perl", &["script.pl"], folder.path()).well();
    let mut bare = Command::new("perl");
    let without = finish(bare.arg("script.pl").current_dir(folder.path()), MINUTES).well();
    assert_eq!(with, without.replace('\r', ""));
    assert!(with.starts_with("100000 "));
}

#[test]
fn pipelines_of_bash_work() {
    if !is_here("bash", &["-c", "true"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
set -euo pipefail
seq 1 100000 | awk '{ print $1 % 997, $1 }' | sort -n -S 10M --parallel=2 | uniq -c -w 3 > counted
for i in $(seq 1 30); do a[i]=$(echo "$i" | tr 0-9 a-j | tee >(cat > /dev/null)); done
echo "${a[*]}" | md5sum
tar cf - counted | gzip | gunzip | tar tf -
find / -maxdepth 2 2> /dev/null | grep -c / > /dev/null
wc -l < counted
"#;
    write(folder.path(), "script", script);
    let with = under("bash", &["script"], folder.path()).well();
    let mut bare = Command::new("bash");
    let without = finish(bare.arg("script").current_dir(folder.path()), MINUTES).well();
    assert_eq!(with, without);
}
