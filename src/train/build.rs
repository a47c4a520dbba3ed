//! Lets this crate's own tests find libtorch, and tells the root package where it lies.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Absent where only types are checked (feature `doc-only`).
    let Ok(libtorch) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:libtorch_lib={libtorch}");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}");
    println!("cargo:rustc-link-arg=-Wl,--allow-shlib-undefined");
}
