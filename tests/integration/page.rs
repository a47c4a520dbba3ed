//! The report page in a real browser: what it shows, what it lets through, and how fast it is.
use std::collections::BTreeMap;
use std::path::PathBuf;

use dlgrid_sweep::pack::Cut;
use dlgrid_sweep::spec;
use dlgrid_sweep::store::record::{Best, End, Epoch, Number, Outcome};
use dlgrid_sweep::store::segment::{HeadFacts, SegmentWriter};
use dlgrid_sweep::sweep::Sweep;

#[cfg(feature = "torch")]
use crate::blobs::{results, write_blobs};
use crate::browser::{Browser, is_installed};
use crate::support::{REPORT, Sandbox, script};

/// Names and values that a page that trusts them would run.
const HOSTILE: &str = r#"
name: toy
description: "</title></script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
command: [sh, -c, "true", "{lr}", "{width}", "{kind}"]
parameters:
  lr: {log: [1e-4, 1e-1], steps: STEPS}
  width: {int: [1, 10]}
  kind: [plain, "</script><script>window.hacked=1</script>", "{{board}}", "\"><img src=x onerror=window.hacked=1>"]
seeds: SEEDS
objective: {maximize: "valid/<i>f1</i>"}
"#;

/// A finished sweep of `steps` × 40 trials, made by the real writer; each run has `epochs` epochs,
/// the first run of all failed. The larger `lr` and `width`, the better.
fn sweep(here: &Sandbox, steps: u64, seeds: u64, epochs: u32) -> Sweep {
    let text = HOSTILE.replace("STEPS", &steps.to_string()).replace("SEEDS", &seeds.to_string());
    let (spec, _) = spec::read("toy.yaml", text.as_bytes(), 1_000_000).unwrap();
    let root = here.path().join("runs");
    let sweep = Sweep::create(&root, spec, text.as_bytes(), &Cut::Slots(2)).unwrap().sweep;
    let slices = u32::try_from(sweep.manifest.slices.len()).unwrap();
    for slice in 0..slices {
        let facts = HeadFacts {
            sweep: sweep.manifest.id.clone(),
            device: "cpu".into(),
            ..HeadFacts::default()
        };
        let mut writer = SegmentWriter::begin(&sweep.dir, slice, facts).unwrap();
        let mut ends = Vec::new();
        for index in sweep.slice_runs(slice) {
            let run = sweep.run(index).unwrap();
            if index == 0 {
                ends.push(End::failed(&run, "boom <img src=x onerror=window.hacked=1>", 1.7e9));
                continue;
            }
            let values = sweep.spec.space.values(run.point).unwrap();
            let x = |place: usize| values[place].as_ref().unwrap().as_f64().unwrap();
            let noise = (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 1.7e7;
            let top = 0.6 + 0.06 * (x(0).log10() + 4.0) + 0.01 * x(1) + 0.02 * noise;
            let mut metrics = BTreeMap::new();
            for epoch in 1..=epochs {
                let f1 = top * (1.0 - (-f64::from(epoch) / 3.0).exp());
                metrics = [
                    ("valid/<i>f1</i>", f1),
                    ("train/<i>f1</i>", f1 + 0.02),
                    ("valid/loss", 1.0 - f1),
                ]
                .map(|(name, value)| (name.to_owned(), Number(value)))
                .into();
                writer.epoch(&Epoch {
                    run: run.id,
                    index,
                    epoch,
                    metrics: metrics.clone(),
                    seconds: 1.0,
                    samples_per_s: None,
                });
            }
            let best = metrics.iter().map(|(k, v)| (k.clone(), Best { epoch: epochs, value: *v }));
            let failed = End::failed(&run, "", 1.7e9);
            ends.push(End {
                outcome: Outcome::Done,
                why: None,
                epochs,
                best: best.collect(),
                metrics,
                seconds: 10.0,
                confusion: (index < 400).then(|| vec![vec![50, 3], vec![7, 40]]),
                ..failed
            });
        }
        writer.end_all(&ends).unwrap();
        writer.close().unwrap();
    }
    sweep
}

/// Functions of the page that this sweep does not need: it has no hours of GPUs.
const NOT_HERE: [&str; 1] = ["hours"];

fn page(here: &Sandbox) -> PathBuf {
    here.run(["report", "toy", "--html", "page.html"]).code(3).says("page: `page.html`");
    here.path().join("page.html")
}

#[test]
fn the_page_shows_selects_and_lets_nothing_out() {
    if !is_installed() {
        println!("skipped: chromium and chromedriver are not installed");
        return;
    }
    let here = Sandbox::new();
    sweep(&here, 5, 2, 6);
    let browser = Browser::start();
    browser.count_calls();
    browser.open(&page(&here), "");
    assert_eq!(browser.unnamed(), Vec::<String>::new());
    let count = "document.getElementById('count').textContent";
    let first = "document.querySelector('#table tbody tr').dataset.trial";
    assert_eq!(browser.get(count), "200 trials");
    let best = browser.get(first);
    assert!(
        browser
            .get("document.querySelector('#verdict').textContent")
            .to_string()
            .contains(best.as_str().unwrap())
    );
    assert!(
        browser
            .get("document.body.innerText")
            .to_string()
            .contains("</script><script>window.hacked=1")
    );
    assert_eq!(browser.get("document.querySelectorAll('#classes svg rect').length"), 4);

    // What matters: the rate most, then the width; the heat map is over these two.
    let shares = browser.get("[...document.querySelectorAll('#shares tr')].map(r => r.innerText)");
    assert!(shares[0].as_str().unwrap().starts_with("lr\t"), "{shares}");
    assert!(shares[1].as_str().unwrap().starts_with("width\t"), "{shares}");
    let axes = "[...document.querySelectorAll('#influence select')].map(s => s.selectedOptions[0].text).sort().join()";
    assert_eq!(browser.get(axes), "lr,width");
    assert!(
        browser
            .get("document.querySelector('#influence').innerText")
            .to_string()
            .contains("% of trials it did not see")
    );
    assert_eq!(browser.get("document.querySelectorAll('#influence figure').length"), 3);
    // A cell for each rate and width.
    assert_eq!(
        browser.get("document.querySelectorAll('#influence [aria-label^=Mean] rect').length"),
        50
    );

    // Sorting turns the order round; the head says so.
    browser.click("[data-sort=rank]");
    assert_ne!(browser.get(first), best);
    assert_eq!(
        browser.get("document.querySelector('th[aria-sort]').getAttribute('aria-sort')"),
        "descending"
    );
    browser.click("[data-sort=rank]");

    // The filter speaks the language of `--where`; a mistake is told and changes nothing.
    browser.keys("#filter", "width >= 9 and kind in ['plain']");
    browser.wait("document.getElementById('count').textContent === '10 of 200 trials'");
    let told = here.run([
        "report",
        "toy",
        "--where",
        "width >= 9 and kind in ['plain']",
        "--format",
        "json",
    ]);
    assert_eq!(told.code(3).json()["trials"], 10);
    browser.keys("#filter", " and wdth > 1");
    browser.wait("document.getElementById('filter').getAttribute('aria-invalid') === 'true'");
    assert!(browser.get(count).to_string().contains("no column wdth"));
    browser.click("#reset");
    assert_eq!(browser.get(count), "200 trials");

    // A brush by the keyboard, then one by the mouse on the objective; all views follow.
    browser.keys("[data-axis=width]", "\u{e013}");
    browser.wait("document.getElementById('count').textContent === '60 of 200 trials'");
    browser.wait("document.querySelector('#table .tools').textContent.includes('of 60')");
    // The command for the terminal has the brush; shares of the variance are not of it.
    browser.keys("[data-axis=kind]", "\u{e013}");
    browser.wait("document.getElementById('count').textContent === '15 of 200 trials'");
    browser.click("#command");
    browser.wait("document.getElementById('count').textContent.includes('dlgrid report toy')");
    let command = browser.get(count).as_str().unwrap().to_owned();
    let (where_, end) = (command.find("--where '").unwrap() + 9, command.rfind('\'').unwrap());
    let condition = command[where_..end].replace("'\\''", "'");
    let told = here.run(["report", "toy", "--where", &condition, "--format", "json"]);
    assert_eq!(told.code(3).json()["trials"], 15, "{condition}");
    browser.keys("[data-axis=kind]", "\u{e00c}");
    browser
        .wait("document.querySelector('#influence').innerText.includes('not of the 60 selected')");
    browser.keys("[data-axis=width]", "\u{e00c}");
    browser.wait("document.getElementById('count').textContent === '200 trials'");
    browser.get("document.querySelector('.parallel').scrollIntoView({block: 'center'})");
    let at = browser.get("(() => { const r = document.querySelector('.parallel').getBoundingClientRect(); return [r.right - 60, r.top + 32, r.top + 130] })()");
    let at: Vec<f64> = at.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    browser.drag(&[(at[0], at[1]), (at[0], at[2] - 20.0), (at[0], at[2])]);
    browser.wait("/^[0-9]+ of 200/.test(document.getElementById('count').textContent)");
    assert!(browser.get("location.hash").to_string().contains("brush"));

    // Dark and light; an axis moves by the keyboard; a ticked trial has its curve.
    let theme = browser.get("document.documentElement.dataset.theme");
    browser.click("#theme");
    assert_ne!(browser.get("document.documentElement.dataset.theme"), theme);
    browser.keys("[data-axis=lr]", "\u{e014}");
    assert_eq!(browser.get("document.querySelector('.axis').dataset.axis"), "width");
    browser.click("#table tbody input");
    browser.wait("document.querySelectorAll('#curves .legend > span').length === 1");

    // The board fits; what it has can be saved; two words stand against each other in the heat map.
    browser.click("#csv");
    browser.get("document.querySelector('#table .wide').scrollIntoView()");
    assert_eq!(
        browser
            .get("(w => w.scrollWidth <= w.clientWidth)(document.querySelector('#table .wide'))"),
        true
    );
    browser.keys("#influence select", "kind");
    browser.wait("document.querySelector('#influence [role=img][aria-label^=Mean]').ariaLabel.includes('kind')");

    let (asked, errors) = browser.traffic();
    let own = ["file://", "data:image/", "blob:"];
    assert!(
        !asked.is_empty() && asked.iter().all(|url| own.iter().any(|own| url.starts_with(own))),
        "{asked:?}"
    );
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(browser.get("window.hacked === undefined"), true);

    // On paper nothing is cut off at the side; afterwards all is as before.
    let width = browser.get("document.body.clientWidth");
    browser.get("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.get("document.documentElement.className"), "paper");
    let cut = "[...document.querySelectorAll('.wide')].filter(w => w.scrollWidth > w.clientWidth + 1).length";
    assert_eq!(browser.get(cut), 0);
    browser.get("dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.get("document.documentElement.className"), "");
    assert_eq!(browser.get("document.body.clientWidth"), width);

    // Each function of the page was called by now: none is left over, none hides a name that is not there.
    assert_eq!(browser.never_called("\"use strict\";\n// What every view needs"), NOT_HERE);

    // What the address keeps comes back.
    browser.open(&here.path().join("page.html"), "#%7B%22filter%22%3A%22width%20%3D%3D%203%22%7D");
    browser.get("location.reload()");
    browser.wait("document.body.dataset.ready === 'yes' && document.getElementById('count').textContent === '20 of 200 trials'");

    // What can't be read there is told, and takes nothing else away.
    browser.open(&here.path().join("page.html"), "#%7B%22filter%22%3A%22rank%20%3C%22%7D");
    browser.get("location.reload()");
    browser.wait("document.body.dataset.ready === 'yes' && document.getElementById('filter').getAttribute('aria-invalid') === 'true'");
    assert!(browser.get("document.querySelectorAll('#table tbody tr').length").as_u64() > Some(9));
    browser.click("#theme");
    browser.keys("[data-axis=width]", "\u{e013}");
    browser.wait("document.getElementById('count').textContent === '60 of 200 trials'");
    browser.click("#command");
    browser.wait("document.getElementById('count').textContent.includes('dlgrid report toy')");
    assert!(!browser.get(count).to_string().contains("rank <"), "{}", browser.get(count));
}

#[test]
fn the_filter_of_a_page_takes_the_trials_that_the_terminal_takes() {
    if !is_installed() {
        println!("skipped: chromium and chromedriver are not installed");
        return;
    }
    let here = Sandbox::new();
    let parameters = "  kind: [plain, deep]\n  depth: [1, 2, 3]\n  rate: [0.00001, 0.1234567, auto]\n  flag: [true, false]\n";
    here.write(
        "toy.yaml",
        script(1, REPORT)
            .replace("$DLGRID_PARAM_X", "1")
            .replace("  x: {int: [0, 0]}\n", parameters)
            + "when: {depth: \"kind == 'deep'\"}\n",
    );
    here.run(["submit", "toy.yaml"]).code(0).says("24 runs");
    here.run(["report", "toy", "--html", "page.html"]).code(0);
    let browser = Browser::start();
    browser.open(&here.path().join("page.html"), "");
    for condition in [
        "depth > 1",
        "not (depth > 1)",
        "depth > 1 or kind == 'plain'",
        "depth + 1 > 2 or kind == 'plain'",
        "depth not in [2]",
        "depth is defined and depth > 1",
        "depth is not defined or depth > 2",
        "rate in ['auto'] and depth in [1, 2]",
        "flag == 1",
        "flag != 0 and depth > 1",
        "flag not in [1, 'x'] and true == 1",
        "depth // 2 == 1 and -depth // 2 == -2",
        "depth % 2 == 1 and -depth % 2 == 1 and depth % -2 == -1",
        "depth is undefined",
        "depth is not undefined and kind != 'undefined'",
    ] {
        let told = here.run(["report", "toy", "--where", condition, "--format", "json"]).json();
        let trials = told["trials"].as_u64().unwrap();
        browser.click("#reset");
        browser.keys("#filter", condition);
        let shown =
            if trials == 24 { "24 trials".into() } else { format!("{trials} of 24 trials") };
        browser.wait(&format!("document.getElementById('count').textContent === '{shown}'"));
    }
    // A value that two languages write differently stands on its axis.
    browser.click("#reset");
    browser.keys("[data-axis=rate]", "\u{e013}");
    browser.wait("document.getElementById('count').textContent === '8 of 24 trials'");
}

#[test]
fn a_sweeps_name_is_not_taken_for_a_file() {
    let here = Sandbox::new();
    here.run(["report", "--html", "toy"]).code(2).says("`dlgrid report toy --html`");
    assert!(!here.path().join("toy").exists());
}

#[test]
fn the_page_of_a_data_set_is_written_over_no_data() {
    let here = Sandbox::new();
    let data = "a,b\n1,2\n3,4\n5,6\n";
    for name in ["d.csv", "d.html"] {
        here.write(name, data);
    }
    std::os::unix::fs::symlink("d.html", here.path().join("page.html")).unwrap();
    for (path, html, said) in [
        ("d.csv", "d.csv", "a page's file ends in .html"),
        ("d.html", "d.html", "`d.html` is the data"),
        ("d.html", "page.html", "`page.html` is the data"),
    ] {
        here.run(["data", "explore", "--path", path, "--html", html]).code(2).says(said);
        assert_eq!(std::fs::read_to_string(here.path().join(path)).unwrap(), data);
    }
    here.run(["data", "explore", "--path", "d.csv", "--html", "new.html"]).code(0);
    assert!(here.path().join("new.html").is_file());
}

#[test]
fn ten_thousand_trials_stay_small_and_fluent() {
    if !is_installed() {
        println!("skipped: chromium and chromedriver are not installed");
        return;
    }
    let here = Sandbox::new();
    sweep(&here, 250, 1, 20);
    let page = page(&here);
    let bytes = std::fs::metadata(&page).unwrap().len();
    assert!(bytes < 10_000_000, "{bytes} bytes");
    let browser = Browser::start();
    browser.open(&page, "");
    let mut redraws: Vec<f64> = Vec::new();
    for _ in 0..9 {
        browser.keys("[data-axis=width]", "\u{e013}");
        let took = browser.get("Number(document.body.dataset.redraw)").as_f64().unwrap();
        redraws.push(took);
    }
    redraws.sort_by(f64::total_cmp);
    println!(
        "{bytes} bytes; a brush redraws in {redraws:?} ms; the rest in {} ms",
        browser.get("document.body.dataset.settle")
    );
    // The fastest: what else the machine does is none of the page's slowness.
    assert!(redraws[0] < 100.0, "{redraws:?}");
}

#[test]
#[cfg(feature = "torch")]
fn the_images_that_the_best_run_takes_for_something_else_are_shown() {
    if !is_installed() {
        println!("skipped: chromium and chromedriver are not installed");
        return;
    }
    let here = Sandbox::new();
    write_blobs(&here.path().join("blobs"), 400, 80);
    let spec = "name: toy\ntrain:\n  data: {set: idx, path: blobs}\n  model: {layers: 1, width: 4}\n  epochs: 1\n  batch_size: 256\n";
    here.write("toy.yaml", format!("{spec}parameters: {{optimizer.lr: [1.0e-6]}}\n"));
    here.run(["submit", "toy.yaml"]).code(0);
    let mistakes = results(&here).values().next().unwrap()["mistakes"].as_array().unwrap().clone();
    assert_eq!(mistakes.len(), 12);
    let shares: Vec<f64> = mistakes.iter().map(|m| m["share"].as_f64().unwrap()).collect();
    assert!(shares.is_sorted() && mistakes.iter().all(|m| m["class"] != m["taken"]));
    here.run(["report", "toy", "--html", "page.html"]).code(0);
    let browser = Browser::start();
    browser.open(&here.path().join("page.html"), "");
    let shown =
        "[...document.querySelectorAll('.mistakes img')].map(i => i.naturalWidth > 0 && i.alt)";
    let shown = browser.get(shown);
    let first = &mistakes[0];
    let label = format!("{} taken for {} (", first["class"], first["taken"]);
    assert_eq!(shown.as_array().unwrap().len(), 12, "{shown}");
    assert!(shown[0].as_str().unwrap().starts_with(&label), "{shown} {label}");
}
