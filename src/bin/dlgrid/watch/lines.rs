//! Prints lines as a sweep changes, until it is over.
use std::time::{Duration, Instant};

use anyhow::Result;
use dlgrid_sweep::host;
use dlgrid_sweep::report::live::Live;
use dlgrid_sweep::report::live::lines::{self, Told};

use super::look::Looker;
use crate::pick;
use crate::show::has_reader;
use crate::talk::{self, talk};

/// A sweep that seems over is believed to be after this: a stage may begin, or a submission go on.
const GRACE: Duration = Duration::from_secs(3);

/// Prints until the sweep is over; the exit code, as that of `status`.
pub fn run(mut looker: Looker, as_json: bool) -> Result<u8> {
    let mut told = Told::default();
    let mut latest: Option<Live> = None;
    let mut over: Option<Instant> = None;
    loop {
        let news = match (looker.look()?, &mut latest) {
            (Some((live, news)), latest) => {
                if latest.is_none() {
                    talk(&format!("{}\n", lines::head(&live)));
                }
                told.lines(latest.insert(live), &news)
            }
            (None, Some(live)) => told.later(live, host::now()),
            (None, None) => Vec::new(),
        };
        let render = if as_json { lines::render_json } else { lines::render };
        let text: String = news.iter().map(render).collect();
        if !has_reader(text.as_bytes())? {
            break;
        }
        over = match &latest {
            Some(live) if live.is_over() => over.or_else(|| Some(host::instant())),
            _ => None,
        };
        if over.is_some_and(|since| since.elapsed() >= GRACE) {
            break;
        }
        std::thread::sleep(if over.is_some() { GRACE / 3 } else { looker.pause() });
    }
    let Some(live) = latest else { return Ok(dlgrid_sweep::exit::OK) };
    talk::next(&lines::next(&live));
    let status = &live.status;
    Ok(pick::code(&status.counts, status.missing, status.damaged_lines))
}
