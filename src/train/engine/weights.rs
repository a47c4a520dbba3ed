//! A model's parameters as a file and back: safetensors, each by its name in the model, running
//! statistics included.
use std::path::Path;

use dlgrid_sweep::recipe::is_any;
use dlgrid_sweep::store::{StoreError, fs};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use tch::{Kind, Tensor};

use super::checkpoint::{bytes, dtype, shape};
use crate::parameters::Parameters;

/// Why a file can't be what a model begins with.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// It can't be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// It is no safetensors file.
    #[error("it is no valid safetensors file: {0}")]
    Format(SafeTensorError),
    /// The model has a parameter that it lacks.
    #[error("it has no `{name}`, which the model has (`init_skip: {name}` would draw it)")]
    Absent {
        /// The parameter.
        name: String,
    },
    /// It has a tensor that the model lacks.
    #[error("it has `{name}`, which the model has not (`init_skip: {name}` would leave it out)")]
    Foreign {
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape, or holds no fractions.
    #[error(
        "`{name}` in it is {found}, in the model {expected} (`init_skip: {name}` would draw it)"
    )]
    Shape {
        /// The parameter.
        name: String,
        /// What it is in the file.
        found: String,
        /// What it is in the model.
        expected: String,
    },
}

/// The parameters as the bytes of a file.
///
/// # Panics
/// Never: safetensors refuses only bytes that don't fit their shape.
#[must_use]
pub fn encode(parameters: &Parameters) -> Vec<u8> {
    let all: Vec<(&str, Vec<u8>, &Tensor)> =
        parameters.named().map(|(name, tensor)| (name, bytes(&tensor.detach()), tensor)).collect();
    let views = all.iter().map(|(name, bytes, tensor)| {
        let view = TensorView::new(dtype(tensor.kind()), shape(tensor), bytes);
        (*name, view.expect("a tensor's bytes fit its shape"))
    });
    safetensors::serialize(views, &None).expect("a tensor's bytes fit its shape")
}

/// Sets parameters to what a file holds, in half, single or double precision, but those that `skip`
/// means: they stay as they are. On an error all do.
///
/// # Errors
/// Where the file can't be read, or its first difference from the model.
pub fn load(path: &Path, parameters: &mut Parameters, skip: &[String]) -> Result<(), WeightsError> {
    decode(&fs::read(path)?, parameters, skip)
}

/// As [`load`], from the bytes of a file.
///
/// # Errors
/// As [`load`].
pub fn decode(
    bytes: &[u8],
    parameters: &mut Parameters,
    skip: &[String],
) -> Result<(), WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(WeightsError::Format)?;
    let mut all = Vec::new();
    for (name, like) in parameters.named() {
        if is_any(name, skip) {
            all.push(like.detach());
        } else {
            all.push(tensor(&file, name, like)?);
        }
    }
    let mut names = file.names();
    names.sort_unstable();
    let foreign = |name: &&&String| {
        !is_any(name, skip) && !parameters.named().any(|(own, _)| own == name.as_str())
    };
    if let Some(name) = names.iter().find(foreign) {
        return Err(WeightsError::Foreign { name: (*name).clone() });
    }
    parameters.restore(&all);
    Ok(())
}

/// A tensor of the file, of the parameter's shape, in its kind.
fn tensor(file: &SafeTensors<'_>, name: &str, like: &Tensor) -> Result<Tensor, WeightsError> {
    let absent = |_| WeightsError::Absent { name: name.to_owned() };
    let view = file.tensor(name).map_err(absent)?;
    let kind = number(view.dtype()).filter(|_| view.shape() == shape(like));
    let kind = kind.ok_or_else(|| WeightsError::Shape {
        name: name.to_owned(),
        found: format!("{:?} {:?}", view.dtype(), view.shape()),
        expected: format!("{:?} {:?}", dtype(like.kind()), shape(like)),
    })?;
    let tensor = Tensor::from_data_size(view.data(), &like.size(), kind);
    Ok(tensor.to_kind(like.kind()).to_device(like.device()))
}

/// The kind of numbers that weights can be, whatever the model computes in.
const fn number(dtype: Dtype) -> Option<Kind> {
    match dtype {
        Dtype::F16 => Some(Kind::Half),
        Dtype::BF16 => Some(Kind::BFloat16),
        Dtype::F32 => Some(Kind::Float),
        Dtype::F64 => Some(Kind::Double),
        _ => None,
    }
}
