//! Overfits one batch of each of some trials, for `dlgrid sanity`: the spec comes on standard
//! input, a line of JSON with the losses of each goes to standard output.
use std::io::{Read as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use dlgrid_sweep::exit;
use dlgrid_sweep::recipe::{Recipe, Work};
use dlgrid_sweep::sanity::{Curve, SAMPLES, STEPS, bare};
use dlgrid_sweep::spec::{self, yaml};
use dlgrid_sweep::store::record::Number;
use dlgrid_sweep::trial::Run;
use dlgrid_train::data::shelf::Shelf;
use dlgrid_train::overfit::{Batch, overfit};
use dlgrid_train::run::{Job, RunError};
use dlgrid_train::tch::Device;

use crate::ends::Chain;

/// Tries runs; the exit code.
///
/// # Errors
/// Where the spec can't be read, data is missing, or the device has failed.
pub fn try_all(runs: &[u64], device: Device) -> anyhow::Result<u8> {
    let mut bytes = Vec::new();
    let most = yaml::MAX_BYTES as u64 + 1;
    std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("no spec comes")?;
    let spec = match spec::read_again("sanity.yaml", &bytes) {
        Ok(spec) => spec,
        Err(errors) => {
            eprintln!("{}", errors.render(false, 100));
            return Ok(exit::INPUT);
        }
    };
    let mut shelf = Shelf::new(device);
    for index in runs {
        let Some(run) = spec.run(*index) else {
            eprintln!("error: the spec has no run {index}");
            return Ok(exit::INPUT);
        };
        let Some(curve) = try_one(&run, &mut shelf)? else { return Ok(exit::MISSING) };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&curve)?)
            .and_then(|()| out.flush())
            .context("nobody listens")?;
    }
    Ok(exit::OK)
}

/// The curve of a run; nothing where its data is missing, which is said.
fn try_one(run: &Run, shelf: &mut Shelf) -> anyhow::Result<Option<Curve>> {
    let Work::Train(settings) = &run.work else {
        anyhow::bail!("a `command` has no model to look into")
    };
    let empty =
        Curve { run: run.index, losses: Vec::new(), guessing: None, samples: 0, error: None };
    let recipe = match Recipe::new(&bare(settings)) {
        Ok(recipe) => recipe,
        Err(faults) => {
            let why = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            return Ok(Some(Curve { error: Some(why), ..empty }));
        }
    };
    let data = match shelf.of(&recipe) {
        Ok(data) => data,
        Err(error) => {
            eprintln!("error: {}\nhint: {}", Chain(&error), error.hint());
            return Ok(None);
        }
    };
    let job = Job {
        id: run.id,
        recipe: &recipe,
        seed: run.seed,
        fold: run.fold,
        data: &data,
        test: None,
        save_every: Duration::MAX,
    };
    match overfit(&job, Batch { steps: STEPS, samples: SAMPLES }) {
        Ok(found) => Ok(Some(Curve {
            losses: found.losses.into_iter().map(Number).collect(),
            guessing: found.guessing.map(Number),
            samples: found.samples,
            ..empty
        })),
        Err(error) if RunError::is_lasting(&error) => Err(error.into()),
        Err(error) => Ok(Some(Curve { error: Some(Chain(&error).to_string()), ..empty })),
    }
}
