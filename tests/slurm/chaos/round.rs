//! A round: sweeps that are submitted, faults, their end, and the commands with which their user goes on.
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fault::{ALL, Fault, QUICK};
use super::field::{Cure, Field, copy};
use super::{Figures, check};
use crate::draw::Draw;
use crate::place::Place;
use crate::support::{Said, script};

/// How large a round is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    sweeps: usize,
    runs: u32,
    faults: usize,
    kinds: &'static [Fault],
}

impl Size {
    pub const SHORT: Self = Self { sweeps: 2, runs: 12, faults: 10, kinds: QUICK };
    pub const FULL: Self = Self { sweeps: 4, runs: 32, faults: 44, kinds: ALL };
}

/// A run: it logs that it begins, with the processes of its worker and itself; sleeps; reports a value that no other
/// attempt has; and logs its end.
fn program(log: &Path, seconds: &str) -> String {
    format!(
        "log={}; me=\"$DLGRID_PARAM_X $PPID.$(cut -d' ' -f22 /proc/$PPID/stat) $$\"; echo \"begin $me\" >> $log; \
         v=$DLGRID_PARAM_X.$(od -An -N4 -tu4 /dev/urandom | tr -d ' '); sleep {seconds}; \
         echo \"{{\\\"loss\\\": $v}}\" >> \"$DLGRID_METRICS\"; echo \"end $me $v\" >> $log",
        log.display()
    )
}

/// A command that a user typed.
struct Typed {
    words: String,
    child: Child,
    since: Instant,
    killed: bool,
}

/// A round under way.
pub struct Round<'f> {
    field: &'f Field,
    places: Vec<(Place, PathBuf)>,
    cures: Vec<(Instant, Cure)>,
    typed: Vec<Typed>,
}

impl<'f> Round<'f> {
    /// One round: sweeps, faults, an end of faults, the commands that go on, the check.
    pub fn lead(field: &'f Field, size: Size, draw: &mut Draw) -> Figures {
        let mut round = Self::new(field, size, draw);
        let mut figures = Figures { sweeps: size.sweeps, ..Figures::default() };
        figures.runs = size.sweeps * size.runs as usize;
        round.strike(size, draw, &mut figures);
        round.cure(true);
        round.wait_for_commands(&mut figures.wrong);
        field.heal(&mut figures);
        for place in 0..size.sweeps {
            round.go_on(place, &mut figures);
        }
        for place in &round.places {
            check::check(field, place, size.runs, &mut figures);
        }
        let foreign = field.client(&["squeue", "-h", "-j", &field.foreign, "-o", "%T|%j"]);
        if foreign.as_deref().map(str::trim) != Some("PENDING|foreign") {
            figures.wrong.push(format!("the job of somebody else is {foreign:?}"));
        }
        if !figures.wrong.is_empty() {
            round.keep();
        }
        figures
    }

    /// Strikes as often as a round's size says. What does not take hold is drawn again, but not for ever.
    fn strike(&mut self, size: Size, draw: &mut Draw, figures: &mut Figures) {
        let begun = Instant::now();
        // Some rounds strike while the sweeps are made, others while they run.
        let waits = draw.below(2) == 0;
        while waits && self.at_work().is_empty() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut struck = 0;
        while struck < size.faults && begun.elapsed() < Duration::from_secs(300) {
            self.cure(false);
            let Some(fault) = draw.of(size.kinds).copied() else { break };
            if fault.strike(self.field, self, draw) {
                *figures.faults.entry(fault.name()).or_default() += 1;
                struck += 1;
                std::thread::sleep(draw.pause(100, 1400));
            } else {
                std::thread::sleep(Duration::from_millis(100));
                // A user whose sweep stands still submits it again.
                if self.typed.is_empty() {
                    self.types(draw, &["submit", "toy.yaml"]);
                }
            }
            self.reap(&mut figures.wrong);
        }
    }

    fn new(field: &'f Field, size: Size, draw: &mut Draw) -> Self {
        let mut round = Self { field, places: Vec::new(), cures: Vec::new(), typed: Vec::new() };
        for place in 0..size.sweeps {
            let on = Place::on(Arc::clone(&field.cluster));
            // The log is no part of the sweep: what stands there was acknowledged, whatever the sweep says.
            let log = tempfile::Builder::new().prefix("dlgrid-ends").tempfile().unwrap();
            let log = log.into_temp_path().keep().unwrap();
            let per_task = [1, 2, 3, 4][draw.below(4) as usize];
            let seconds = ["0.5", "1", "1.5", "2"][draw.below(4) as usize];
            let text = script(size.runs, &program(&log, seconds));
            on.here.write(
                "toy.yaml",
                format!("{text}slurm: {{time: 5m, runs_per_task: {per_task}}}\n"),
            );
            round.places.push((on, log));
            round.types_in(place, &["submit", "toy.yaml"]);
        }
        round
    }

    /// Types a command in the folder of a sweep that is drawn; the sweep and the command's number.
    pub fn types(&mut self, draw: &mut Draw, words: &[&str]) -> (usize, usize) {
        let place = draw.below(self.places.len() as u64) as usize;
        (place, self.types_in(place, words))
    }

    pub fn types_in(&mut self, place: usize, words: &[&str]) -> usize {
        let mut command = self.places[place].0.command([]);
        command.args(words);
        let child = self.places[place].0.start(command);
        let words = words.join(" ");
        self.typed.push(Typed { words, child, since: Instant::now(), killed: false });
        self.typed.len() - 1
    }

    /// Kills a command that was typed; whether it was still at work.
    pub fn kill(&mut self, (_, at): (usize, usize)) -> bool {
        let typed = &mut self.typed[at];
        typed.killed = typed.child.try_wait().is_ok_and(|ended| ended.is_none());
        let _gone = typed.child.kill();
        typed.killed
    }

    /// Looks at the commands that have ended: however bad the moment, each ends with a code of its own and a word.
    pub fn reap(&mut self, wrong: &mut Vec<String>) {
        for at in (0..self.typed.len()).rev() {
            if self.typed[at].child.try_wait().is_ok_and(|ended| ended.is_none()) {
                continue;
            }
            let Typed { words, child, since, killed } = self.typed.remove(at);
            let said = Said::from(child.wait_with_output().unwrap());
            let is_known = [0, 2, 3, 4, 5, 6].contains(&said.code) || killed;
            if !is_known || said.err.contains("panicked") {
                let seconds = since.elapsed().as_secs();
                wrong.push(format!("`{words}`, {seconds} s: code {}: {}", said.code, said.err));
            }
        }
    }

    fn wait_for_commands(&mut self, wrong: &mut Vec<String>) {
        let begun = Instant::now();
        while !self.typed.is_empty() {
            self.reap(wrong);
            std::thread::sleep(Duration::from_millis(50));
            if begun.elapsed() > Duration::from_secs(400) {
                let words: Vec<&str> = self.typed.iter().map(|one| one.words.as_str()).collect();
                wrong.push(format!("these never end: {words:?}"));
                self.typed.iter_mut().for_each(|one| drop(one.child.kill()));
                return;
            }
        }
    }

    pub fn later(&mut self, when: Duration, cure: Cure) {
        self.cures.push((Instant::now() + when, cure));
    }

    pub fn has(&self, cure: &Cure) -> bool {
        self.cures.iter().any(|(_, one)| one == cure)
    }

    pub fn is_ill(&self, node: usize) -> bool {
        let of = [Cure::Start(node), Cure::Thaw(node), Cure::Resume(node)];
        of.iter().any(|cure| self.has(cure))
    }

    /// Ends the faults whose time is over, or all of them. The controller comes first: the others ask it.
    fn cure(&mut self, all: bool) {
        let now = Instant::now();
        let (mut due, rest): (Vec<_>, Vec<_>) =
            self.cures.drain(..).partition(|(when, _)| all || *when <= now);
        self.cures = rest;
        due.sort_by_key(|(_, cure)| *cure != Cure::StartController);
        for (_, cure) in due {
            self.field.apply(&cure);
        }
    }

    /// Whether a job of this name is one of these sweeps'.
    pub fn owns(&self, name: &str) -> bool {
        self.places.iter().any(|(on, _)| token(on).is_some_and(|start| name.starts_with(&start)))
    }

    /// The processes of workers and of their programs that have begun last.
    pub fn at_work(&self) -> Vec<[u32; 2]> {
        let mut found = Vec::new();
        for (_, log) in &self.places {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            for line in text.lines().rev().take(6).filter(|line| line.starts_with("begin ")) {
                let words: Vec<&str> = line.split(' ').collect();
                let Some((worker, started)) = words[2].split_once('.') else { continue };
                let stat = std::fs::read_to_string(format!("/proc/{worker}/stat"));
                if stat.is_ok_and(|stat| stat.split(' ').nth(21) == Some(started)) {
                    found.push([worker.parse().unwrap(), words[3].parse().unwrap()]);
                }
            }
        }
        found
    }

    /// What a user does until the sweep is complete: submit, wait, submit again; retry what failed.
    fn go_on(&self, place: usize, figures: &mut Figures) {
        let (on, _) = &self.places[place];
        for turn in 0..10 {
            let submitted = on.run(["submit", "toy.yaml"]);
            if ![0, 3].contains(&submitted.code) {
                figures.wrong.push(format!("submit: code {}: {}", submitted.code, submitted.err));
            }
            let waiting = self.drained(on, figures);
            if !waiting.is_empty() {
                figures.wrong.push(format!("after {turn} submits these stand still: {waiting}"));
                return;
            }
            let report = on.run(["report", "--format", "json"]).json();
            let counts = &report["counts"];
            if counts["done"] == report["trials"] {
                // What interrupted submissions have left is cleared by the next one.
                on.run(["submit", "toy.yaml"]);
                self.drained(on, figures);
                return;
            }
            if counts["failed"].as_u64() > Some(0) {
                on.run(["retry", "toy"]);
                self.drained(on, figures);
            }
        }
        figures.wrong.push(format!("it is not complete: {}", on.run(["status"]).out));
    }

    /// Waits until Slurm has nothing of a sweep but what interrupted submissions left, held; what is left after five
    /// minutes.
    fn drained(&self, on: &Place, figures: &mut Figures) -> String {
        let begun = Instant::now();
        loop {
            let rows = jobs_of(self.field, on);
            let rows: Vec<&str> =
                rows.iter().map(String::as_str).filter(|r| !r.contains("JobHeldUser")).collect();
            if rows.is_empty() || begun.elapsed() > Duration::from_secs(300) {
                return rows.join("\n");
            }
            if rows.iter().any(|row| row.contains("launch failed")) {
                self.field.heal(figures);
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Keeps what a round that went wrong has left.
    fn keep(&self) {
        let to = std::env::temp_dir().join(format!("dlgrid-chaos-{}", std::process::id()));
        drop(std::fs::create_dir_all(&to));
        for (number, (on, log)) in self.places.iter().enumerate() {
            let place = to.join(number.to_string());
            drop(std::fs::create_dir_all(&place));
            copy(&on.here.path().join("runs"), &place);
            copy(log, &place);
        }
        copy(&self.field.cluster.dir().join("log"), &to);
        eprintln!("what it left: {}", to.display());
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        for one in &mut self.typed {
            let _gone = one.child.kill();
            let _gone = one.child.wait();
        }
        for (_, log) in &self.places {
            drop(std::fs::remove_file(log));
        }
    }
}

/// How the names of a sweep's jobs begin.
fn token(on: &Place) -> Option<String> {
    let text = std::fs::read(on.here.sweeps().pop()?.join("SWEEP.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(format!("dlg-{}-", manifest["id"].as_str()?.get(..8)?))
}

/// The jobs of a sweep that are not over, whoever submitted them: `array_task|state|name|reason`.
pub fn jobs_of(field: &Field, on: &Place) -> Vec<String> {
    let Some(start) = token(on) else { return Vec::new() };
    let begun = Instant::now();
    loop {
        if let Some(rows) = field.client(&["squeue", "-h", "-r", "-a", "-o", "%F_%K|%T|%j|%r"]) {
            let is_ours = |row: &&str| row.split('|').nth(2).is_some_and(|n| n.starts_with(&start));
            return rows.lines().filter(is_ours).map(str::to_owned).collect();
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "squeue does not answer");
    }
}
