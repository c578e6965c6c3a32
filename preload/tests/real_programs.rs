//! Programs that people use, under the library: they must do what they do without it.
//!
//! What is not installed is not tested, and says so; with `PRELOAD_TESTS_NEED_ALL=1`, as in
//! `.ci/run`, it is a failure. The longer runs are behind `#[ignore]`:
//!
//! ```console
//! $ cargo test -p hak-preload --test real_programs -- --ignored
//! ```
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Ended, LIBRARY, finish, preloaded};

const MINUTES: Duration = Duration::from_secs(600);

/// Whether everything has to be there.
fn required() -> bool {
    std::env::var_os("PRELOAD_TESTS_NEED_ALL").is_some_and(|value| value == "1")
}

/// Whether a program is there, and is served by hak when it runs: judged by its last words.
fn is_here(program: impl AsRef<OsStr>, probe: &[&str]) -> bool {
    let program = program.as_ref();
    if Command::new(program).args(probe).output().is_err() {
        assert!(!required(), "{program:?} is not installed: .ci/run installs what these tests use");
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
        assert!(!required(), "no Python with its regression tests is installed");
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
                "mod m{n} {{ use std::collections::*; \
                 pub fn f(n: usize) -> BTreeMap<usize, String> \
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
fn node_parses_sorts_and_has_workers() {
    if !is_here("node", &["-e", "0"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const crypto = require("crypto"), zlib = require("zlib");
const { execFileSync } = require("child_process");
function work(seed) {
  const words = new Map();
  for (let i = 0; i < 60000; i++)
    words.set(`${seed}-${(i * 7919) % 5003}`, [i, "x".repeat(i % 50)]);
  const text = JSON.stringify([...words].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
  const back = zlib.gunzipSync(zlib.gzipSync(Buffer.from(text)));
  return crypto.createHash("sha256").update(back).digest("hex").slice(0, 8) + words.size;
}
if (!isMainThread) parentPort.postMessage(work(workerData));
else {
  const answers = [0, 1, 2].map(seed => new Promise((good, bad) => {
    const worker = new Worker(__filename, { workerData: seed });
    worker.on("message", good); worker.on("error", bad);
  }));
  Promise.all(answers).then(all => {
    const script = "console.log('c'.repeat(9))";
    const child = execFileSync(process.execPath, ["-e", script]).toString().trim();
    let kept = [];
    for (let i = 0; i < 300; i++) { kept.push(Buffer.alloc(200000, i)); if (i % 3) kept.shift(); }
    console.log(all.join(","), work(3), child, kept.length);
  });
}
"#;
    write(folder.path(), "script.js", script);
    same_with_and_without("node", &["script.js"], folder.path(), |command| command);
}

#[test]
fn ruby_has_threads_strings_and_forks() {
    if !is_here("ruby", &["-e", "1"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = r##"
require "json"
require "digest/sha2" # Left to threads, loading it is a race of theirs.
def work(seed)
  words = (0...30000).map { |i| ["#{seed}-#{i * 7919 % 5003}", "v" * (i % 60)] }.to_h
  back = JSON.parse(JSON.generate(words.sort.to_h))
  Digest::SHA256.hexdigest(back.to_a.flatten.join(","))[0, 8]
end
answers = (0...4).map { |seed| Thread.new { work(seed) } }.map(&:value)
3.times do |n|
  pid = fork { exit!(work(n) == answers[n] ? 0 : 1) }
  Process.wait(pid)
  raise "child" unless $?.success?
end
GC.start
GC.compact if GC.respond_to?(:compact)
ObjectSpace.each_object(String).count
puts answers.join(","), `echo child`
"##;
    write(folder.path(), "script.rb", script);
    same_with_and_without("ruby", &["script.rb"], folder.path(), |command| command);
}

/// Compiles and runs a program with each of two collectors.
fn java(prepare: impl Fn(&mut Command) -> &mut Command) {
    if !is_here("java", &["-Xmx64m", "-version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = r#"
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Work {
    static long work(int seed) {
        Map<String, List<Integer>> words = new TreeMap<>();
        for (int i = 0; i < 200000; i++)
            words.computeIfAbsent(seed + "-" + i * 7919L % 5003, k -> new ArrayList<>()).add(i);
        return words.entrySet().stream()
            .mapToLong(e -> e.getKey().hashCode() * 31L + e.getValue().size()).sum();
    }
    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Long>> answers = new ArrayList<>();
        for (int seed = 0; seed < 8; seed++) {
            int s = seed;
            answers.add(pool.submit(() -> work(s)));
        }
        StringBuilder all = new StringBuilder();
        for (Future<Long> answer : answers) all.append(answer.get()).append(' ');
        pool.shutdown();
        java.nio.ByteBuffer direct = null;
        for (int i = 0; i < 200; i++) direct = java.nio.ByteBuffer.allocateDirect(1 << 20);
        java.util.zip.Deflater deflater = new java.util.zip.Deflater();
        deflater.setInput(new byte[1 << 20]); deflater.finish();
        int deflated = deflater.deflate(new byte[1 << 16]);
        System.out.println(all.toString() + direct.capacity() + " " + deflated);
    }
}
"#;
    write(folder.path(), "Work.java", program);
    // The compiler runs once, under the library, if there is one: a runtime alone has none, and
    // none of its collectors is met.
    if Command::new("javac").arg("-version").output().is_err() {
        assert!(!required(), "java's compiler is not installed");
        return eprintln!("java's compiler is not installed: only `java -version` was tested");
    }
    under("javac", &["-J-Xmx256m", "Work.java"], folder.path()).well();
    for collector in ["-XX:+UseSerialGC", "-XX:+UseG1GC"] {
        let arguments = ["-Xmx200m", "-XX:MaxDirectMemorySize=64m", collector, "-cp", ".", "Work"];
        same_with_and_without("java", &arguments, folder.path(), &prepare);
    }
}

#[test]
fn java_compiles_and_collects() {
    java(|command| command);
}

/// Its own reservations are some gigabytes.
#[test]
fn java_lives_within_a_limited_address_space() {
    java(|command| limited_to(command, 8 << 30));
}

#[test]
fn php_lists_its_modules_and_runs_a_script() {
    if !is_here("php", &["-r", "1;"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // It loads its modules with RTLD_DEEPBIND.
    same_with_and_without("php", &["-m"], folder.path(), |command| command);
    let script = r#"<?php
$words = [];
for ($i = 0; $i < 200000; $i++) $words["k" . ($i * 7919 % 50021)] = str_repeat("v", $i % 50);
ksort($words);
$text = json_encode($words);
preg_match_all('/"k\d+7":/', $text, $found);
$lines = array_map(fn($w) => explode("v", $w), array_slice($words, 0, 1000));
echo count($words), " ", strlen($text), " ", count($found[0]), " ", md5(serialize($lines)), "\n";
echo iconv("UTF-8", "ISO-8859-1", "\u{e9}t\u{e9}") === "\xe9t\xe9" ? "iconv\n" : "no iconv\n";
"#;
    write(folder.path(), "script.php", script);
    // Where it uses the system's allocator for every object, too.
    for own in ["1", "0"] {
        same_with_and_without("php", &["script.php"], folder.path(), |command| {
            command.env("USE_ZEND_ALLOC", own)
        });
    }
}

/// Where Debian has the programs of its newest PostgreSQL; they are not in the path.
fn postgres_folder() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders.filter(|folder| folder.join("initdb").exists()).max()
}

#[test]
fn postgres_makes_a_cluster_and_serves_its_benchmark() {
    let Some(programs) = postgres_folder() else {
        assert!(!required(), "PostgreSQL is not installed");
        return eprintln!("not tested: PostgreSQL is not installed");
    };
    assert!(is_here(programs.join("postgres"), &["--version"]));
    let folder = tempfile::tempdir().unwrap();
    // It does not run as root.
    // SAFETY: [native lib 1] no precondition.
    let is_root = unsafe { libc::geteuid() } == 0;
    const NOBODY: u32 = 65_534;
    if is_root {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // Nobody else may have to see the folder of the build: the library is copied.
    let library = folder.path().join("libhak.so");
    fs::copy(&*LIBRARY, &library).unwrap();
    let command = |program: &str, arguments: &[&str]| {
        let mut command = preloaded(programs.join(program));
        command.args(arguments).current_dir(folder.path()).env("LD_PRELOAD", &library);
        command.env("LC_ALL", "C").env("PGHOST", folder.path()).env("PGUSER", "tester");
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let run = |program: &str, arguments: &[&str]| finish(&mut command(program, arguments), MINUTES);
    run("initdb", &["-D", "data", "-U", "tester", "-A", "trust", "--no-sync"]).well();
    let options = ["-D", "data", "-c", "listen_addresses=", "-c", "fsync=off", "-k"];
    let mut server = command("postgres", &options);
    server.arg(folder.path()).args(["-c", "max_parallel_workers_per_gather=2"]);
    let process = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut server = Served(process);
    let up = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        run("pg_isready", &["-q"]).status.success()
    });
    assert!(up, "the server does not answer");
    let query = |text: &str| run("psql", &["-X", "-A", "-t", "-d", "postgres", "-c", text]).well();
    query("create database bench");
    run("pgbench", &["-i", "-q", "-s", "2", "bench"]).well();
    let benchmark = run("pgbench", &["-c", "4", "-j", "2", "-t", "200", "bench"]).well();
    assert!(
        benchmark.contains("number of transactions actually processed: 800/800"),
        "{benchmark}"
    );
    let sums = query(
        "select count(*), sum(length(s)), count(distinct left(s, 2)) from (select md5(i::text) || \
         repeat('x', i % 90) as s from generate_series(1, 200000) i order by 1) t",
    );
    assert_eq!(sums, "200000|15299320|256\n");
    // Asked to, it waits for nobody and ends.
    server.ask(libc::SIGINT);
    let ended = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        server.0.try_wait().unwrap().is_some_and(|status| status.success())
    });
    assert!(ended, "the server does not end well");
}

/// A server of the tests', which ends with them.
struct Served(std::process::Child);

impl Served {
    fn ask(&self, signal: i32) {
        // SAFETY: [native lib 1] the process is our child, and was not waited for yet.
        unsafe { libc::kill(self.0.id() as i32, signal) };
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            self.ask(libc::SIGQUIT);
            let _ = self.0.wait();
        }
    }
}

/// Runs a program with and without the library, and compares what it prints.
#[track_caller]
fn same_with_and_without(
    program: &str,
    arguments: &[&str],
    folder: &Path,
    prepare: impl Fn(&mut Command) -> &mut Command,
) {
    let run = |mut command: Command| {
        prepare(command.args(arguments).current_dir(folder));
        finish(&mut command, MINUTES)
    };
    let with = run(preloaded(program));
    let time = with.time;
    let without = run(Command::new(program));
    eprintln!("{program}: {time:?} with, {:?} without", without.time);
    let (with, without) = (with.well(), without.well());
    assert!(!with.is_empty() && with == without, "with hak: {with}\nwithout: {without}");
}

/// Limits the address space of a program.
fn limited_to(command: &mut Command, bytes: u64) -> &mut Command {
    let both = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: [native lib 1] one system call, which is allowed in the child before the program.
    unsafe {
        command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_AS, &both) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        })
    }
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
for (1 .. 5) {
    my $p = fork;
    if (!$p) { my %c = map { $_ => [$_] } @s; exit(keys %c == @s ? 0 : 1) }
    waitpid $p, 0; die if $?
}
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
