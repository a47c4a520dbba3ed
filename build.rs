//! Lets `dlgrid-worker` find its libtorch with no environment variable set. `dlgrid` gets no
//! word of libtorch from here, and without the feature `torch` nothing happens at all.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TORCH").is_none() {
        return;
    }
    // Given by src/train/build.rs; absent where only types are checked (feature `check`).
    let Ok(libtorch) = std::env::var("DEP_DLGRID_TRAIN_LIBTORCH_LIB") else { return };
    for arg in [
        // A libtorch that was put beside bin/ moves along with the worker.
        "-Wl,-rpath,$ORIGIN/../libtorch/lib",
        &format!("-Wl,-rpath,{libtorch}"),
        // libtorch.so wants libtorch_cuda.so, which the CPU's set-up has not; the worker needs
        // neither, and loads CUDA at run time.
        "-Wl,--allow-shlib-undefined",
    ] {
        println!("cargo:rustc-link-arg-bin=dlgrid-worker={arg}");
    }
    for (kind, section) in [("tests", "[[test]]"), ("benches", "[[bench]]")] {
        // Cargo takes these only where such targets are.
        if include_str!("Cargo.toml").contains(section) {
            println!("cargo:rustc-link-arg-{kind}=-Wl,-rpath,{libtorch}");
            println!("cargo:rustc-link-arg-{kind}=-Wl,--allow-shlib-undefined");
        }
    }
    // The libtorch that the worker was built against, in its own words.
    println!("cargo:rustc-env=DLGRID_LIBTORCH_LIB={libtorch}");
}
