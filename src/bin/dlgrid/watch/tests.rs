//! The live view: keys in, effects out; whole screens of a sweep at two sizes.
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use dlgrid_sweep::exec::slurm::ledger::Kind;
use dlgrid_sweep::exec::slurm::state::Array;
use dlgrid_sweep::judge::{Counts, State};
use dlgrid_sweep::recipe::Value;
use dlgrid_sweep::report::live::{AtWork, Course, Live, News, Rate, Task};
use dlgrid_sweep::report::status::{Short, Status};
use dlgrid_sweep::report::{Aim, Cause, Row, Summary, Title};
use dlgrid_sweep::spec::Rounds;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::curve::Curve;
use super::model::{Effect, Event, LOG_LINES, Model, Over, View};
use super::screen::{Palette, draw};

const NOW: f64 = 1_000_000.0;

fn row(point: u64, mean: f64, sd: f64) -> Row {
    let mut counts = Counts::default();
    counts.add(State::Done, 3);
    Row {
        rank: Some(point + 1),
        trial: None,
        point,
        parameters: vec![Some(Value::Float(0.003)), Some(Value::Int(4))],
        objective: Summary { mean: Some(mean), sd: Some(sd), n: 3 },
        versus: None,
        metrics: vec![],
        seconds: 30.0,
        seconds_mean: 10.0,
        cohort: None,
        samples_per_s: None,
        counts,
        runs: vec![],
    }
}

fn status() -> Status {
    let mut counts = Counts::default();
    for (state, runs) in [
        (State::Done, 118),
        (State::Running, 8),
        (State::Waiting, 110),
        (State::Failed, 12),
        (State::LeftOut, 4),
    ] {
        counts.add(state, runs);
    }
    let cause = Cause {
        state: State::Failed,
        text: "out of memory: its task had 4 G".into(),
        runs: 12,
        example: 41,
        kind: None,
        nodes: vec!["n3".into(), "n7".into()],
    };
    let array = Array {
        job: 118,
        kind: Kind::Runs,
        token: String::new(),
        waiting: 30,
        running: 4,
        reasons: vec!["waits for free nodes (Resources)".into()],
        held: false,
        start: None,
    };
    Status {
        sweep: Title { name: "fashion-depth".into(), ..Title::default() },
        aim: Aim { metric: "valid/f1".into(), maximize: true, best: false },
        parameters: vec!["optimizer.lr".into(), "model.layers".into()],
        rounds: Rounds { seeds: 3, folds: None },
        counts,
        missing: 0,
        unsubmitted: false,
        open: (vec![], false),
        best: Some(row(0, 0.8721, 0.0031)),
        running: vec![],
        arrays: vec![array],
        pace: None,
        fused: None,
        together: None,
        causes: vec![cause],
        pauses: vec![],
        short: Short::default(),
        on_slurm: true,
        is_at_work: true,
        last_lines: vec![],
        bad_nodes: vec![],
        notes: vec![],
        damaged_lines: 0,
        damage: vec![],
    }
}

fn live() -> Live {
    let run = |index: u64| AtWork {
        index,
        trial: format!("97efd7{index:02}"),
        seed: index % 3,
        fold: None,
        node: format!("n{}", index % 4),
        heard: NOW - 12.5 - index as f64,
        epoch: index.is_multiple_of(2).then_some(3),
        parameters: "lr=0.003 layers=4".into(),
    };
    let task = |node: &str, task| Task {
        node: node.into(),
        job: (118, task),
        slices: format!("{task}-{}", task + 3),
        ended: (u64::from(task), 12),
        since: NOW - 300.0,
        restarts: task,
        is_full: task == 1,
    };
    let ends: Vec<(f64, Option<f64>)> = (0..118)
        .map(|n| (f64::from(n), Some(0.87 - 0.4 / (1.0 + f64::from(n * 37 % 118)))))
        .collect();
    let mut times: Vec<(f64, f64)> =
        (0..118).map(|n| f64::from(n * 5)).map(|ago| (NOW - ago - 5.0, NOW - ago)).collect();
    Live {
        at: NOW,
        status: status(),
        at_work: (50..58).map(run).collect(),
        board: (0..20).map(|n| row(n, 0.8721 - 0.01 * n as f64, 0.0031)).collect(),
        course: Course::of(ends, true),
        rate: Rate::of(&mut times, NOW),
        tasks: vec![task("n1", 0), task("n2", 1)],
        is_busy: true,
        on_slurm: true,
        asked: Some(NOW - 12.0),
        trouble: None,
    }
}

fn news() -> Vec<News> {
    let one = |index: u64, state, objective: Option<f64>, is_best| News {
        time: NOW - 100.0 + index as f64,
        index,
        state,
        trial: "97efd701".into(),
        parameters: "lr=0.003 layers=4".into(),
        objective,
        is_best,
        why: (state == State::Failed).then(|| "out of memory: its task had 4 G".into()),
        node: (state == State::Failed).then(|| "n3".into()),
    };
    vec![
        one(40, State::Done, Some(0.8612), false),
        one(41, State::Failed, None, false),
        one(42, State::Done, Some(0.8721), true),
        one(43, State::Running, None, false),
    ]
}

fn looked(size: (u16, u16)) -> Model {
    let mut model = Model::new(size, NOW);
    model.take(Event::Looked(Box::new(live()), news()), NOW);
    let values = |from: f64| (1..=10).map(|e| (f64::from(e), from - 0.3 / f64::from(e))).collect();
    let lines = vec![("valid/f1".into(), values(0.87)), ("train/f1".into(), values(0.95))];
    model.take(Event::Curve(Curve { index: 50, lines }), NOW);
    model
}

fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '↓' => KeyCode::Down,
            '⎋' => KeyCode::Esc,
            key => KeyCode::Char(key),
        };
        effects = model.take(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), NOW);
    }
    effects
}

fn terminal(model: &Model, color: bool) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal.draw(|frame| draw(frame, model, Palette { color })).unwrap();
    terminal
}

fn screen(model: &Model) -> String {
    terminal(model, true).backend().to_string()
}

#[test]
fn a_sweep_fits_on_a_small_screen_and_fills_a_large_one() {
    insta::assert_snapshot!("small", screen(&looked((80, 24))));
    insta::assert_snapshot!("large", screen(&looked((140, 45))));
}

#[test]
fn each_list_has_its_screen() {
    for (key, name) in [("2", "best"), ("3", "failures"), ("4", "tasks"), ("5", "events")] {
        let mut model = looked((80, 24));
        press(&mut model, key);
        insta::assert_snapshot!(name, screen(&model));
    }
}

#[test]
fn a_log_the_help_and_questions_have_their_screens() {
    let mut model = looked((80, 24));
    assert_eq!(press(&mut model, "↓l"), [Effect::ReadLog(51)]);
    let lines = (1..=60).map(|n| format!("line {n} of what was printed")).collect();
    model.take(Event::Log(51, lines), NOW);
    press(&mut model, "kk");
    insta::assert_snapshot!("log", screen(&model));
    press(&mut model, "q");
    model.take(Event::Log(51, vec!["late".into()]), NOW);
    assert_eq!(model.over, Over::Nothing, "a log that was left stays left");
    press(&mut model, "?");
    insta::assert_snapshot!("help", screen(&model));
    press(&mut model, " c");
    let last = |model: &Model| screen(model).lines().last().unwrap().to_owned();
    assert!(last(&model).contains("stop the sweep? 118 runs stay open"), "{}", last(&model));
    press(&mut model, "n/x > 1");
    assert!(last(&model).contains("show runs where: x > 1"), "{}", last(&model));
}

#[test]
fn any_size_can_be_drawn() {
    for size in [(1, 1), (10, 3), (30, 8), (60, 15), (109, 24), (110, 12), (300, 100)] {
        for keys in ["", "2", "3", "4", "5", "g", "?", "c", "l"] {
            let mut model = looked(size);
            press(&mut model, keys);
            screen(&model);
        }
        screen(&Model::new(size, NOW));
    }
}

#[test]
fn without_colours_there_are_none() {
    let terminal = terminal(&looked((140, 40)), false);
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn commands_are_asked_for_twice_and_only_where_there_is_something_to_do() {
    let mut model = looked((80, 24));
    assert_eq!(press(&mut model, "cn"), []);
    assert_eq!(press(&mut model, "cy"), [Effect::Start("cancel", false)]);
    press(&mut model, "r");
    assert_eq!(model.over, Over::Nothing, "one at a time");
    model.take(Event::Said("cancel", "cancelled array 118".into()), NOW);
    model.take(Event::Ended("cancel", 0), NOW);
    assert_eq!(
        model.message.as_ref().map(|m| m.text.as_str()),
        Some("cancel: cancelled array 118")
    );
    assert_eq!(press(&mut model, "ry"), [Effect::Start("retry", false)]);
    assert_eq!(press(&mut model, "cy"), [Effect::Start("cancel", false)], "of a retry too");
    assert_eq!(press(&mut model, "cy"), [], "once");
    model.take(Event::Ended("retry", 3), NOW);
    assert!(model.message.as_ref().is_some_and(|m| m.is_bad));
    model.take(Event::Ended("cancel", 0), NOW);

    let mut idle = live();
    idle.is_busy = false;
    idle.on_slurm = false;
    model.take(Event::Looked(Box::new(idle.clone()), vec![]), NOW);
    assert_eq!(press(&mut model, "cy"), [], "nothing works on it");
    assert_eq!(press(&mut model, "ry"), [Effect::Start("retry", true)], "here, as it was");
    idle.status.counts = Counts::default();
    model.take(Event::Ended("retry", 0), NOW);
    model.take(Event::Looked(Box::new(idle), vec![]), NOW);
    assert_eq!(press(&mut model, "ry"), [], "nothing is to be done again");
}

#[test]
fn a_filter_is_typed_taken_refused_and_left() {
    let mut model = looked((80, 24));
    assert_eq!(press(&mut model, "/x < 1\n"), [Effect::Filter(Some("x < 1".into()))]);
    assert_eq!(press(&mut model, "/ nonsense\n"), [Effect::Filter(Some("x < 1 nonsense".into()))]);
    model.take(Event::NoFilter("`nonsense` is no condition".into()), NOW);
    assert_eq!(model.filter.as_deref(), Some("x < 1"), "the one before it stays");
    assert_eq!(press(&mut model, "/q⎋"), [], "what is typed is no command");
    assert_eq!(press(&mut model, "⎋"), [Effect::Filter(None)]);
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
}

#[test]
fn a_curve_is_read_only_where_it_is_seen() {
    let mut model = looked((80, 24));
    assert_eq!(press(&mut model, "↓"), []);
    assert_eq!(press(&mut model, "g"), [Effect::ReadCurve(51)]);
    assert_eq!(press(&mut model, "↓"), [Effect::ReadCurve(52)]);
    assert_eq!(press(&mut model, "g"), []);
    assert_eq!(model.take(Event::Resized(140, 40), NOW), [Effect::ReadCurve(52)]);
    press(&mut model, "4");
    assert_eq!((model.view, model.run()), (View::Tasks, None));
}

#[test]
fn what_time_moves_is_drawn_again_and_what_is_still_is_not() {
    let mut model = looked((80, 24));
    assert!(model.moves(), "runs are at work");
    let mut idle = live();
    idle.at_work.clear();
    idle.tasks.clear();
    model.events.clear();
    model.take(Event::Looked(Box::new(idle), vec![]), NOW);
    assert!(!model.moves());
}

#[test]
fn a_log_is_read_to_its_beginning_and_as_long_as_its_run_prints() {
    let mut model = looked((80, 24));
    press(&mut model, "↓l");
    let lines: Vec<String> = (1..=60).map(|n| format!("line {n}.")).collect();
    model.take(Event::Log(51, lines), NOW);
    let home = KeyEvent::new(KeyCode::Home, KeyModifiers::NONE);
    model.take(Event::Key(home), NOW);
    assert!(screen(&model).contains("line 1."), "{}", screen(&model));
    let lines: Vec<String> = (1..=70).map(|n| format!("line {n}.")).collect();
    model.take(Event::Log(51, lines), NOW);
    assert!(screen(&model).contains("line 1."), "it stays where it is");
    let read = [Effect::ReadLog(51)];
    assert_eq!(model.take(Event::Still, NOW), read, "its run is at work");
    let mut ended = live();
    ended.at_work.retain(|run| run.index != 51);
    let reads = model.take(Event::Looked(Box::new(ended), vec![]), NOW);
    assert!(reads.contains(&read[0]), "its run has just ended");
    assert_eq!(model.take(Event::Still, NOW), read, "what follows the end");
    assert_eq!(model.take(Event::Still, NOW), []);
    press(&mut model, "q");
    assert_eq!(model.take(Event::Still, NOW), []);
}

#[test]
fn what_is_read_of_a_long_log_stays_where_it_is() {
    let mut model = looked((80, 24));
    press(&mut model, "↓l");
    let lines = |from: usize| (from..from + LOG_LINES).map(|n| format!("line {n}.")).collect();
    model.take(Event::Log(51, lines(1)), NOW);
    let up = KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE);
    for _ in 0..10 {
        model.take(Event::Key(up), NOW);
    }
    let read = screen(&model);
    for from in [11, 11, 12] {
        model.take(Event::Log(51, lines(from)), NOW);
        assert_eq!(screen(&model), read, "{from}");
    }
    // A line that was read half, and others in which it can't be found again.
    let mut half: Vec<String> = lines(12);
    half[LOG_LINES - 1].pop();
    model.take(Event::Log(51, half), NOW);
    model.take(Event::Log(51, lines(14)), NOW);
    assert_eq!(screen(&model), read);
    model.take(Event::Log(51, lines(5000)), NOW);
    assert_ne!(screen(&model), read);
}

#[test]
fn under_a_filter_nothing_is_said_of_other_runs() {
    let mut model = looked((80, 24));
    press(&mut model, "/x == 77\n");
    let mut none = live();
    none.at_work.clear();
    none.board.clear();
    none.course = Course::default();
    model.take(Event::Looked(Box::new(none.clone()), vec![]), NOW);
    let told = screen(&model);
    for text in ["1 runs 0", "no run for which x == 77 is being trained now", "x == 77 is done yet"]
    {
        assert!(told.contains(text), "{text}\n{told}");
    }
    press(&mut model, "2");
    assert!(screen(&model).contains("no run for which x == 77 has ended yet"));
    press(&mut model, "⎋1");
    let (done, failed) = (none.status.counts.ended(), &mut none.status.counts);
    *failed = Counts::default();
    failed.add(State::Failed, done);
    model.take(Event::Looked(Box::new(none), vec![]), NOW);
    let told = screen(&model);
    assert!(told.contains("all runs have ended; some are tried again"), "{told}");
}

#[test]
fn a_curve_that_is_being_read_is_not_said_to_be_empty() {
    let mut model = looked((140, 45));
    press(&mut model, "↓");
    assert!(screen(&model).contains("reading …") && !screen(&model).contains("no epoch"));
    model.take(Event::Curve(Curve { index: 51, lines: vec![] }), NOW);
    assert!(screen(&model).contains("no epoch of this run"));
}

#[test]
fn wide_letters_leave_room_for_where_it_runs() {
    let mut model = Model::new((80, 24), NOW);
    let mut wide = live();
    wide.status.aim.metric = "損失".repeat(30);
    model.take(Event::Looked(Box::new(wide), vec![]), NOW);
    let told = screen(&model);
    assert!(told.lines().next().is_some_and(|line| line.contains("on Slurm")), "{told}");
}
