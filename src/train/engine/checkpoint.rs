//! A training as bytes and back: safetensors with the weights, the optimizer's state and what
//! the task has counted in the epoch under way; progress as JSON in the file's metadata.
use std::collections::HashMap;

use dlgrid_sweep::trial::RunId;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::{Named, Progress, Training};

/// Version of a checkpoint's contents.
///
/// 1: first form.
pub const CHECKPOINT_SCHEMA: u32 = 1;

/// The key in the metadata under which the JSON stands.
const KEY: &str = "dlgrid";

#[derive(Debug, Serialize, Deserialize)]
struct About {
    schema: u32,
    run: RunId,
    seed: u64,
    steps: u64,
    progress: Progress,
}

/// Why bytes are no checkpoint of this training.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The bytes are no safetensors file, or can't be made into one.
    #[error("the checkpoint is no valid safetensors file: {0}")]
    Format(SafeTensorError),
    /// The metadata is missing or not understood.
    #[error("the checkpoint's metadata is not understood: {0}")]
    About(String),
    /// It was written by a later dlgrid.
    #[error("the checkpoint has schema {found}, this dlgrid reads {CHECKPOINT_SCHEMA}")]
    Schema {
        /// What it says.
        found: u32,
    },
    /// It belongs to another run.
    #[error("the checkpoint is of run {found}, not of {expected}")]
    Run {
        /// Whose it is.
        found: RunId,
        /// Whose it should be.
        expected: RunId,
    },
    /// A tensor is missing, or is one that this training has not.
    #[error("the checkpoint holds the tensors {found:?}, expected {expected:?}")]
    Names {
        /// What it holds.
        found: Vec<String>,
        /// What it should hold.
        expected: Vec<String>,
    },
    /// A tensor has another shape or type.
    #[error("`{name}` in the checkpoint is {found}, expected {expected}")]
    Shape {
        /// The tensor.
        name: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
}

/// Writes a training and what its task has counted.
///
/// # Errors
/// Where safetensors refuses; no training that can exist makes it.
pub fn encode(
    training: &Training,
    counted: &[Named],
    run: RunId,
) -> Result<Vec<u8>, CheckpointError> {
    let about = About {
        schema: CHECKPOINT_SCHEMA,
        run,
        seed: training.seed,
        steps: training.optimizer.steps(),
        progress: training.progress.clone(),
    };
    let json = serde_json::to_string(&about).map_err(|e| CheckpointError::About(e.to_string()))?;
    let tensors = tensors(training, counted);
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|(_, tensor)| bytes(tensor)).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let (kind, shape) = (dtype(tensor.kind()), shape(tensor));
        TensorView::new(kind, shape, bytes).map(|view| (name.as_str(), view))
    });
    let views: Vec<_> = views.collect::<Result<_, _>>().map_err(CheckpointError::Format)?;
    let metadata = HashMap::from([(KEY.to_owned(), json)]);
    safetensors::serialize(views, &Some(metadata)).map_err(CheckpointError::Format)
}

/// Sets a training to where a checkpoint of it left off, and gives what its task had counted.
/// `counted` says what the task counts. On an error the training is as it was.
///
/// # Errors
/// Where the bytes are damaged, of another run, or don't fit the training.
pub fn decode(
    bytes: &[u8],
    run: RunId,
    training: &mut Training,
    counted: &[Named],
) -> Result<Vec<Tensor>, CheckpointError> {
    let file = SafeTensors::deserialize(bytes).map_err(CheckpointError::Format)?;
    let about = about(bytes)?;
    if about.run != run {
        return Err(CheckpointError::Run { found: about.run, expected: run });
    }
    let wanted = tensors(training, counted);
    check_names(&file, &wanted)?;
    let found: Vec<Tensor> =
        wanted.iter().map(|(name, like)| read(&file, name, like)).collect::<Result<_, _>>()?;
    let (weights, rest) = found.split_at(training.parameters.tensors().len());
    let (state, counted) = rest.split_at(training.optimizer.state().len());
    training.parameters.restore(weights);
    training.optimizer.restore(about.steps, state);
    training.progress = about.progress;
    training.seed = about.seed;
    Ok(counted.iter().map(Tensor::shallow_clone).collect())
}

/// All tensors of a training by name, in an order that `decode` relies on.
fn tensors(training: &Training, counted: &[Named]) -> Vec<(String, Tensor)> {
    let weights = training.parameters.named();
    let weights = weights.map(|(name, tensor)| (format!("model.{name}"), tensor.detach()));
    let state = training.optimizer.state().iter();
    let state = state.map(|(name, tensor)| (format!("optimizer.{name}"), tensor.shallow_clone()));
    let counted = counted.iter();
    let counted = counted.map(|(name, tensor)| (format!("epoch.{name}"), tensor.shallow_clone()));
    weights.chain(state).chain(counted).collect()
}

fn about(bytes: &[u8]) -> Result<About, CheckpointError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let wrong = |e: serde_json::Error| CheckpointError::About(e.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(CheckpointError::Format)?;
    let json = header.metadata().as_ref().and_then(|map| map.get(KEY));
    let json = json.ok_or_else(|| CheckpointError::About(format!("no `{KEY}` in it")))?;
    let Version { schema: found } = serde_json::from_str(json).map_err(wrong)?;
    if found != CHECKPOINT_SCHEMA {
        return Err(CheckpointError::Schema { found });
    }
    serde_json::from_str(json).map_err(wrong)
}

fn check_names(file: &SafeTensors<'_>, wanted: &[(String, Tensor)]) -> Result<(), CheckpointError> {
    let mut found: Vec<String> = file.names().into_iter().cloned().collect();
    let mut expected: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    if found == expected { Ok(()) } else { Err(CheckpointError::Names { found, expected }) }
}

fn read(file: &SafeTensors<'_>, name: &str, like: &Tensor) -> Result<Tensor, CheckpointError> {
    let view = file.tensor(name).map_err(CheckpointError::Format)?;
    let expected = (dtype(like.kind()), shape(like));
    if (view.dtype(), view.shape()) != (expected.0, &expected.1[..]) {
        return Err(CheckpointError::Shape {
            name: name.to_owned(),
            found: format!("{:?} {:?}", view.dtype(), view.shape()),
            expected: format!("{:?} {:?}", expected.0, expected.1),
        });
    }
    Ok(Tensor::from_data_size(view.data(), &like.size(), like.kind()).to_device(like.device()))
}

pub(super) fn bytes(tensor: &Tensor) -> Vec<u8> {
    let here = tensor.to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; here.numel() * here.kind().elt_size_in_bytes()];
    here.copy_data_u8(&mut bytes, here.numel());
    bytes
}

pub(super) fn shape(tensor: &Tensor) -> Vec<usize> {
    tensor.size().into_iter().map(|n| usize::try_from(n).unwrap_or(0)).collect()
}

pub(super) fn dtype(kind: Kind) -> Dtype {
    match kind {
        Kind::Double => Dtype::F64,
        Kind::Int64 => Dtype::I64,
        _ => Dtype::F32,
    }
}
