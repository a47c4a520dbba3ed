//! The settings from `model` on: the model, how it is updated and kept from overfitting.
use super::entry::{
    ACTIVATIONS, MODELS, NOT_NEGATIVE, OPTIMIZERS, POSITIVE, SCHEDULES, TASKS, UNIT, by, key, only,
};
use super::kind::{Bound, Key, Kind, Lit, Preset};

/// Sorted by path.
pub(super) const FROM_MODEL: &[Key] = &[
    by(
        "model.activation",
        Kind::Choice(ACTIVATIONS),
        (&[("perceptron", Lit::Text("sigmoid"))], Lit::Text("relu")),
        ("model.kind", &["perceptron", "mlp", "cnn", "resnet", "vgg", "alexnet", "googlenet"]),
        "the activation after each hidden layer, and after a perceptron's only one",
    ),
    only(
        key(
            "model.batch_norm",
            Kind::Bool,
            Lit::Bool(false),
            "norms each hidden layer over the batch before its activation",
        ),
        "model.kind",
        &["mlp", "cnn", "vgg", "alexnet"],
    ),
    only(
        key(
            "model.blocks",
            Kind::Int { min: 1, max: 64 },
            Lit::Int(2),
            "blocks; each of a CNN ends in a pool of 2 × 2, a ResNet has so many a stage",
        ),
        "model.kind",
        &["cnn", "resnet"],
    ),
    by(
        "model.channels",
        Kind::Int { min: 1, max: 4096 },
        (
            &[
                ("resnet", Lit::Int(64)),
                ("vgg", Lit::Int(64)),
                ("alexnet", Lit::Int(96)),
                ("googlenet", Lit::Int(64)),
            ],
            Lit::Int(32),
        ),
        ("model.kind", &["cnn", "resnet", "vgg", "alexnet", "googlenet"]),
        "channels in the first block or stage; each doubles them (a VGG up to eightfold); an \
         AlexNet's or GoogLeNet's other layers keep their proportions to it",
    ),
    only(
        key(
            "model.convolutions",
            Kind::Int { min: 1, max: 16 },
            Lit::Int(1),
            "convolutions in each block",
        ),
        "model.kind",
        &["cnn"],
    ),
    only(
        key(
            "model.depth",
            Kind::Int { min: 11, max: 19 },
            Lit::Int(11),
            "the VGG of so many layers: 11, 13, 16 or 19, with two hidden dense layers",
        ),
        "model.kind",
        &["vgg"],
    ),
    key(
        "model.init",
        Kind::Choice(&["he", "torch", "xavier"]),
        Lit::Text("he"),
        "how weights are drawn: to keep the signal's size, as PyTorch's layers, as Glorot",
    ),
    only(
        key(
            "model.kernel",
            Kind::Int { min: 1, max: 15 },
            Lit::Int(3),
            "rows and columns of a convolution's kernel, odd",
        ),
        "model.kind",
        &["cnn"],
    ),
    key("model.kind", Kind::Choice(MODELS), Lit::Text("mlp"), "the kind of model"),
    by(
        "model.layers",
        Kind::Int { min: 0, max: 256 },
        (&[("cnn", Lit::Int(1)), ("vgg", Lit::Int(2)), ("alexnet", Lit::Int(2))], Lit::Int(3)),
        ("model.kind", &["mlp", "cnn", "vgg", "alexnet"]),
        "hidden dense layers; an MLP with 0 is a linear classifier",
    ),
    only(
        key(
            "model.stages",
            Kind::Int { min: 1, max: 6 },
            Lit::Int(4),
            "stages; each but the first halves the image. 4 of 2 blocks are ResNet-18",
        ),
        "model.kind",
        &["resnet"],
    ),
    by(
        "model.width",
        Kind::Int { min: 1, max: 1 << 17 },
        (
            &[("cnn", Lit::Int(128)), ("vgg", Lit::Int(512)), ("alexnet", Lit::Int(512))],
            Lit::Int(64),
        ),
        ("model.kind", &["mlp", "cnn", "vgg", "alexnet"]),
        "units in each hidden dense layer",
    ),
    only(
        key("optimizer.alpha", UNIT, Lit::Float(0.99), "decay of the mean square"),
        "optimizer.kind",
        &["rmsprop"],
    ),
    only(
        key("optimizer.beta1", UNIT, Lit::Float(0.9), "decay of the first moment"),
        "optimizer.kind",
        &["adam", "adamw"],
    ),
    only(
        key("optimizer.beta2", UNIT, Lit::Float(0.999), "decay of the second moment"),
        "optimizer.kind",
        &["adam", "adamw"],
    ),
    key(
        "optimizer.clip",
        POSITIVE,
        Lit::Null,
        "the norm of all gradients together at most, penalties included, decay left out",
    ),
    by(
        "optimizer.eps",
        POSITIVE,
        (&[("adagrad", Lit::Float(1e-10))], Lit::Float(1e-8)),
        ("optimizer.kind", &["adam", "adamw", "rmsprop", "adagrad"]),
        "added to the root of the second moment, mean square or sum of squares",
    ),
    key("optimizer.kind", Kind::Choice(OPTIMIZERS), Lit::Text("adam"), "the optimizer"),
    by(
        "optimizer.lr",
        POSITIVE,
        (
            &[
                ("sgd", Lit::Float(0.01)),
                ("gd", Lit::Float(0.1)),
                ("rmsprop", Lit::Float(0.01)),
                ("adagrad", Lit::Float(0.01)),
            ],
            Lit::Float(0.001),
        ),
        ("optimizer.kind", OPTIMIZERS),
        "the learning rate, which a schedule multiplies by its factor",
    ),
    only(
        key("optimizer.lr_decay", NOT_NEGATIVE, Lit::Float(0.0), "decay of the rate with steps"),
        "optimizer.kind",
        &["adagrad"],
    ),
    only(
        key("optimizer.momentum", UNIT, Lit::Float(0.0), "momentum"),
        "optimizer.kind",
        &["sgd", "rmsprop"],
    ),
    only(
        key("optimizer.nesterov", Kind::Bool, Lit::Bool(false), "Nesterov's form of the momentum"),
        "optimizer.kind",
        &["sgd"],
    ),
    Key {
        path: "optimizer.weight_decay",
        kind: NOT_NEGATIVE,
        preset: Preset::By(&[("adamw", Lit::Float(0.01))], Lit::Float(0.0)),
        only: Some(("optimizer.kind", OPTIMIZERS)),
        doc: "weight decay, as libtorch's optimizer of that kind defines it",
    },
    key(
        "precision",
        Kind::Choice(&["f32", "bf16", "f64"]),
        Lit::Text("f32"),
        "in which numbers dense layers and convolutions multiply; weights and all else are f32, or \
         f64 too: that shows what rounding does to a result",
    ),
    key(
        "regularize.dropout",
        UNIT,
        Lit::Float(0.0),
        "the share of outputs that a training step drops: of each hidden dense layer (of an `mlp`, and \
         of the head of a `cnn`, `vgg` or `alexnet`), and of the pooled features of a `resnet` or \
         `googlenet`",
    ),
    key(
        "regularize.l1",
        NOT_NEGATIVE,
        Lit::Float(0.0),
        "adds l1 · Σ|w| over the weights (not the biases) to the loss",
    ),
    key(
        "regularize.l2",
        NOT_NEGATIVE,
        Lit::Float(0.0),
        "adds l2 · Σw² over the weights (not the biases) to the loss",
    ),
    key(
        "save_weights",
        Kind::Bool,
        Lit::Bool(false),
        "keeps the weights of a run that is done, in the sweep's folder `weights`",
    ),
    only(
        key("schedule.floor", UNIT, Lit::Float(0.0), "the factor at the end of the cosine"),
        "schedule.kind",
        &["cosine"],
    ),
    only(
        key(
            "schedule.gamma",
            Kind::Float { min: Bound::Excl(0.0), max: Bound::Incl(1.0) },
            Lit::Float(0.1),
            "what each step multiplies the learning rate by",
        ),
        "schedule.kind",
        &["step"],
    ),
    key(
        "schedule.kind",
        Kind::Choice(SCHEDULES),
        Lit::Text("constant"),
        "how the learning rate changes while training",
    ),
    only(
        key(
            "schedule.rise",
            Kind::Float { min: Bound::Excl(0.0), max: Bound::Excl(1.0) },
            Lit::Float(0.3),
            "the share of one cycle in which the learning rate rises, from 1/25 of it",
        ),
        "schedule.kind",
        &["one_cycle"],
    ),
    only(
        key(
            "schedule.step",
            Kind::Int { min: 1, max: 1_000_000 },
            Lit::Int(10),
            "epochs from one step down to the next",
        ),
        "schedule.kind",
        &["step"],
    ),
    only(
        key(
            "schedule.warmup",
            NOT_NEGATIVE,
            Lit::Float(0.0),
            "epochs, also parts of one, in which the learning rate first rises in a line",
        ),
        "schedule.kind",
        &["constant", "step", "cosine"],
    ),
    key(
        "shared_order",
        Kind::Bool,
        Lit::Bool(false),
        "whether runs of all seeds hold the same samples back and see the same batches: their seeds \
         decide their first weights and what they draw in training; faster where many are trained \
         together",
    ),
    key(
        "sync_batch_norm",
        Kind::Bool,
        Lit::Bool(true),
        "whether batch norm goes by the samples of all ranks (`slurm.ranks`), not by each rank's own",
    ),
    key(
        "task",
        Kind::Choice(TASKS),
        Lit::Text("classify"),
        "what is learnt: one of several classes for each sample, or a number",
    ),
];
