//! Tests of the models: their parameters, and what they compute.
use dlgrid_sweep::recipe::{Recipe, Settings, Value, key};
use tch::{Device, Kind};

use super::*;
use crate::parameters::{Initial, Parameters, Role};
use crate::random::Purpose;

const MNIST: [usize; 3] = [1, 28, 28];

fn recipe(given: &[(&str, Value)]) -> Recipe {
    let mut settings = Settings::default();
    let base = [("data.set", Value::Text("mnist".into()))];
    for (path, value) in base.iter().chain(given) {
        settings.set(key::find(path).expect(path), value.clone());
    }
    Recipe::new(&settings).expect("a recipe")
}

fn text(word: &str) -> Value {
    Value::Text(word.into())
}

pub fn model(shape: [usize; 3], given: &[(&str, Value)]) -> Model {
    Model::new(&recipe(given), shape, 10).expect("it fits")
}

fn drawn(model: &Model) -> Parameters {
    let stream = &mut Place::start(1).stream(Purpose::Weights);
    Parameters::new(model.declare(), stream, Device::Cpu).expect("memory")
}

fn images(samples: i64, features: i64) -> Tensor {
    let numbers = Tensor::arange(samples * features, (Kind::Float, Device::Cpu));
    (numbers * 0.37).sin().view([samples, features])
}

fn train(batch: u32) -> Mode {
    Mode::train(Place::start(3), batch)
}

/// Ways to build every kind.
pub fn recipes() -> Vec<Vec<(&'static str, Value)>> {
    let kind = |kind| ("model.kind", text(kind));
    let norm = ("model.batch_norm", Value::Bool(true));
    let prelu = ("model.activation", text("prelu"));
    vec![
        vec![],
        vec![norm.clone(), prelu.clone()],
        vec![kind("linear")],
        vec![kind("perceptron")],
        vec![kind("perceptron"), prelu.clone()],
        vec![kind("cnn")],
        vec![kind("cnn"), norm, prelu.clone(), ("model.convolutions", Value::Int(2))],
        vec![kind("cnn"), ("model.layers", Value::Int(0)), ("model.kernel", Value::Int(5))],
        vec![kind("resnet"), ("model.channels", Value::Int(4))],
        vec![
            kind("resnet"),
            prelu,
            ("model.stages", Value::Int(2)),
            ("model.channels", Value::Int(4)),
        ],
        classic("vgg", 2, &[]),
        classic(
            "vgg",
            3,
            &[("model.batch_norm", Value::Bool(true)), ("model.depth", Value::Int(16))],
        ),
        classic("alexnet", 6, &[("model.activation", text("prelu"))]),
        classic(
            "alexnet",
            7,
            &[("model.batch_norm", Value::Bool(true)), ("model.layers", Value::Int(0))],
        ),
        classic("googlenet", 5, &[("model.activation", text("prelu"))]),
    ]
}

/// A historical network, cut down.
fn classic(
    kind: &str,
    channels: i64,
    more: &[(&'static str, Value)],
) -> Vec<(&'static str, Value)> {
    let size = [("model.channels", Value::Int(channels)), ("model.width", Value::Int(6))];
    [&[("model.kind", text(kind))], size.as_slice(), more].concat()
}

#[test]
fn the_course_network_has_its_59210_numbers() {
    assert_eq!(drawn(&model(MNIST, &[])).count(), 59_210);
    assert_eq!(drawn(&model(MNIST, &[("model.layers", Value::Int(0))])).count(), 7_850);
}

#[test]
fn resnet_18_has_its_numbers() {
    // torchvision's for 10 classes has 11,181,642; its first kernel is 7 × 7 instead of 3 × 3.
    let expected = 11_181_642 - 64 * 3 * (49 - 9);
    assert_eq!(expected, 11_173_962);
    assert_eq!(recipe(&[("model.kind", text("resnet"))]).model.weights([3, 32, 32], 10), expected);
}

#[test]
fn the_historical_networks_have_their_numbers() {
    let count = |given: &[(&str, Value)], side, classes| {
        recipe(given).model.weights([3, side, side], classes)
    };
    // torchvision's for images of 224 × 224 and 1000 classes, with a head of 4096.
    for (depth, expected) in
        [(11, 132_863_336), (13, 133_047_848), (16, 138_357_544), (19, 143_667_240)]
    {
        let given = [
            ("model.kind", text("vgg")),
            ("model.depth", Value::Int(depth)),
            ("model.width", Value::Int(4096)),
        ];
        assert_eq!(count(&given, 224, 1000), expected, "{depth}");
    }
    // Five convolutions, 4 · 4 · 256 numbers into two layers of 512, ten classes.
    let convolutions = 7_296 + 614_656 + 885_120 + 1_327_488 + 884_992;
    let alexnet = convolutions + 2_097_664 + 262_656 + 5_130;
    assert_eq!(count(&[("model.kind", text("alexnet"))], 32, 10), alexnet);
    // torchvision's 6,624,904 with its three first convolutions and 1000 classes, less those;
    // its third branch has 3 × 3 where the paper has 5 × 5, 16 more numbers for each pair.
    let blocks = 6_624_904 - 124_736 - 1_025_000 + 16 * 23_808;
    let googlenet = blocks + (9 * 3 * 192 + 2 * 192) + 1024 * 10 + 10;
    assert_eq!(count(&[("model.kind", text("googlenet"))], 32, 10), googlenet);
}

#[test]
fn a_recipe_names_the_parameters_that_its_model_declares() {
    for given in recipes() {
        let names: Vec<String> =
            model(MNIST, &given).declare().into_iter().map(|declared| declared.name).collect();
        // Of the historical networks only the trainer knows them.
        let Some(known) = recipe(&given).model.parameter_names() else { continue };
        assert_eq!(known, names, "{given:?}");
    }
}

#[test]
fn a_recipe_counts_the_weights_that_its_model_declares() {
    for given in recipes() {
        for shape in [MNIST, [3, 32, 21]] {
            let declared = model(shape, &given).declare();
            let trained = declared.iter().filter(|d| d.role != Role::Kept);
            let counted: usize = trained.map(Declared::len).sum();
            assert_eq!(recipe(&given).model.weights(shape, 10), counted as u64, "{given:?}");
        }
    }
}

#[test]
fn every_model_takes_all_its_parameters_and_gives_them_gradients() {
    for given in recipes() {
        let model = model([3, 17, 18], &given);
        let parameters = drawn(&model);
        let outputs = model.forward(parameters.tensors(), &images(5, 918), train(0));
        assert_eq!(outputs.size(), [5, 10]);
        let loss = outputs.square().sum(Kind::Float);
        let gradients = Tensor::run_backward(&[&loss], parameters.leaves(), false, false);
        for (declared, gradient) in parameters.declared().iter().zip(&gradients) {
            assert_eq!(gradient.size(), declared.shape, "{given:?}");
        }
        let spent = gradients.iter().filter(|g| g.abs().sum(Kind::Float).double_value(&[]) > 0.0);
        assert!(spent.count() * 10 >= gradients.len() * 9, "{given:?}");
    }
}

#[test]
fn a_cnn_is_what_libtorch_computes_step_by_step() {
    let small = [
        ("model.kind", text("cnn")),
        ("model.channels", Value::Int(4)),
        ("model.width", Value::Int(6)),
    ];
    let model = model([3, 9, 8], &small);
    let parameters = drawn(&model);
    let p = parameters.leaves();
    let x = images(5, 216);
    let block = |x: &Tensor, w, b| {
        x.conv2d(w, Some(b), [1, 1], [1, 1], [1, 1], 1).relu().max_pool2d(
            [2, 2],
            [2, 2],
            [0, 0],
            [1, 1],
            false,
        )
    };
    let y = block(&x.view([5, 3, 9, 8]), &p[0], &p[1]);
    let y = block(&y, &p[2], &p[3]).reshape([5, -1]);
    let y = y.linear(&p[4], Some(&p[5])).relu().linear(&p[6], Some(&p[7]));
    let found = model.forward(parameters.tensors(), &x, Mode::Eval);
    assert!((found - y).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn batch_norm_keeps_running_statistics_and_judges_by_them() {
    let given = [("model.batch_norm", Value::Bool(true)), ("model.layers", Value::Int(1))];
    let model = model([1, 2, 3], &given);
    let parameters = drawn(&model);
    let x = images(8, 6);
    let p = parameters.leaves();
    let hidden = x.linear(&p[0], None::<&Tensor>).detach();
    let kept = |at: usize| {
        let name = ["layers.0.norm.mean", "layers.0.norm.variance"][at];
        let (_, tensor) = parameters.named().find(|(own, _)| *own == name).expect("it is kept");
        tensor.copy()
    };
    let judged = model.forward(parameters.tensors(), &x, Mode::Eval).detach();
    assert_eq!(kept(0).abs().max().double_value(&[]), 0.0);
    let _ = model.forward(parameters.tensors(), &x, train(0));
    let close = |a: Tensor, b: Tensor| (a - b).abs().max().double_value(&[]) < 1e-6;
    assert!(close(kept(0), hidden.mean_dim([0i64].as_slice(), false, None) * 0.1));
    assert!(close(kept(1), hidden.var_dim([0i64].as_slice(), true, false) * 0.1 + 0.9));
    assert_ne!(model.forward(parameters.tensors(), &x, Mode::Eval).detach(), judged);
    // One sample has no variance.
    let before = (kept(0), kept(1));
    let one = x.narrow(0, 0, 1);
    let alone = model.forward(parameters.tensors(), &one, train(1));
    assert_eq!((kept(0), kept(1)), before);
    assert_eq!(alone, model.forward(parameters.tensors(), &one, Mode::Eval));
}

#[test]
fn initial_weights_fill_their_interval() {
    for init in ["he", "torch", "xavier"] {
        let parameters = drawn(&model(MNIST, &[("model.init", text(init))]));
        for (declared, leaf) in parameters.declared().iter().zip(parameters.leaves()) {
            let Initial::Uniform(bound) = declared.initial else { panic!("{}", declared.name) };
            let largest = leaf.detach().abs().max().double_value(&[]);
            assert!(largest <= bound, "{}", declared.name);
            let filled = if declared.len() > 1000 { 0.99 } else { 0.5 };
            assert!(largest >= bound * filled, "{} {largest}", declared.name);
        }
    }
}

#[test]
fn every_init_draws_from_its_interval() {
    let bounds = |init: &str| {
        let given = [("model.kind", text("cnn")), ("model.init", text(init))];
        let declared = model([3, 8, 8], &given).declare();
        let bound = |name: &str| match declared.iter().find(|d| d.name == name).map(|d| d.initial) {
            Some(Initial::Uniform(bound)) => (bound * 1e6).round() / 1e6,
            other => panic!("{name} {other:?}"),
        };
        [bound("blocks.0.0.weight"), bound("blocks.0.0.bias"), bound("layers.1.weight")]
    };
    // √(6/27), 1/√27, √(6/128); 1/√27, 1/√27, 1/√128; √(6/(27 + 288)), 0, √(6/138)
    assert_eq!(bounds("he"), [0.471_405, 0.192_450, 0.216_506]);
    assert_eq!(bounds("torch"), [0.192_450, 0.192_450, 0.088_388]);
    assert_eq!(bounds("xavier"), [0.138_013, 0.0, 0.208_514]);
}

#[test]
fn dropout_is_drawn_for_the_batch_and_only_in_training() {
    let dropping = model(MNIST, &[("regularize.dropout", Value::Float(0.5))]);
    let parameters = drawn(&dropping);
    let x = Tensor::ones([4, 784], (Kind::Float, Device::Cpu));
    let run = |mode| dropping.forward(parameters.tensors(), &x, mode).detach();
    assert_eq!(run(train(0)), run(train(0)));
    assert_ne!(run(train(0)), run(train(1)));
    let plain = model(MNIST, &[]);
    assert_eq!(run(Mode::Eval), plain.forward(drawn(&plain).tensors(), &x, Mode::Eval).detach());
}

#[test]
fn images_too_small_for_the_pools_are_refused() {
    let recipe = recipe(&[("model.kind", text("cnn")), ("model.blocks", Value::Int(3))]);
    let small = Model::new(&recipe, [3, 32, 7], 10).expect_err("too small");
    let expected = "`model.blocks: 3` needs images of at least 8 × 8, these are 32 × 7";
    assert_eq!(small.to_string(), expected);
    for (kind, least) in [("vgg", 17), ("alexnet", 5), ("googlenet", 3)] {
        let recipe = self::recipe(&[("model.kind", text(kind))]);
        let small = Model::new(&recipe, [3, least, least - 1], 10).expect_err("too small");
        assert!(small.to_string().starts_with(&format!("`model.kind: {kind}` needs")), "{small}");
        Model::new(&recipe, [3, least, least], 10).expect("it fits");
    }
}

/// The last leaves' gradients are known first, none twice, and no bit differs.
#[test]
fn a_graph_that_is_cut_at_every_seam_has_the_gradients_of_the_whole() {
    for given in recipes() {
        let model = model([3, 32, 32], &given);
        let mut pieces = 0;
        let found = [None, Some(1)].map(|bucket| {
            let parameters = drawn(&model);
            let Mode::Train { place, batch, part } = train(2) else { unreachable!() };
            let mode = Mode::Train { place, batch, part: Part { bucket, ..part } };
            let output = model.forward(parameters.tensors(), &images(2, 3072), mode);
            let loss = output.square().mean(Kind::Float);
            let (leaves, mut all) = (parameters.leaves(), Vec::new());
            let mut known = leaves.len();
            cuts::walk_back(&loss, leaves, crate::ranks::here(), &mut |first, mut found| {
                assert_eq!(first + found.len(), known, "the ones before those told last");
                known = first;
                pieces += 1;
                found.append(&mut all);
                all = found;
            });
            assert_eq!(known, 0);
            all
        });
        assert!(found[0].iter().zip(&found[1]).all(|(a, b)| a.equal(b)), "{given:?}");
        // A network of one layer has no seam.
        assert!(pieces > 2 || found[0].len() < 4, "{given:?}: {pieces}");
    }
}
