//! Where profiles of sites lie, and which one counts for a sweep.
use std::path::{Path, PathBuf};

use super::Site;
use super::read::{is_name, read};
use crate::host;
use crate::spec::SlurmSettings;
use crate::spec::mistake::{SpecErrors, nearest};
use crate::store::{StoreError, fs};

/// Profiles that are built in: name and text.
const SHIPPED: &[(&str, &str)] = &[
    ("example", include_str!("../../../../../slurm/sites/example.yaml")),
    ("no-requeue", include_str!("../../../../../slurm/sites/no-requeue.yaml")),
    ("single-node", include_str!("../../../../../slurm/sites/single-node.yaml")),
];

/// No site could be had.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The profile is wrong.
    #[error(transparent)]
    Mistakes(#[from] SpecErrors),
    /// There is no profile of that name.
    #[error("there is no site `{name}`")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Several profiles are meant for this cluster.
    #[error("the profiles `{}` are all meant for the cluster `{cluster}`", names.join("`, `"))]
    Several {
        /// Slurm's name of the cluster.
        cluster: String,
        /// The profiles.
        names: Vec<String>,
    },
    /// The file can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SiteError {
    /// The way out, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Mistakes(_) => None,
            Self::Unknown { name, known } => {
                let near = nearest(name, known.iter().map(String::as_str));
                let near = near.map_or_else(String::new, |n| format!("did you mean `{n}`? "));
                Some(format!("{near}there are: {}; a path works, too", known.join(", ")))
            }
            Self::Several { names, .. } => {
                Some(format!("say which: `--site {}`, or `slurm.site` in the spec", names[0]))
            }
            Self::Store(error) => error.hint(),
        }
    }
}

/// A profile that there is.
#[derive(Debug)]
pub struct Known {
    /// What it is asked for by.
    pub name: String,
    /// Its file; nothing for one that is built in.
    pub path: Option<PathBuf>,
    /// The site, or what is wrong with it.
    pub site: Result<Site, SiteError>,
}

/// The folder of this user's profiles.
#[must_use]
pub fn folder() -> PathBuf {
    host::config().join("sites")
}

/// All profiles in a user's folder, then those built in that none of them hides.
#[must_use]
pub fn known(folder: &Path) -> Vec<Known> {
    let mut all: Vec<Known> = users(folder);
    for (name, text) in SHIPPED {
        if !all.iter().any(|one| one.name == *name) {
            let site = read(&format!("{name}.yaml"), name, text.as_bytes(), None);
            all.push(Known {
                name: (*name).to_owned(),
                path: None,
                site: site.map_err(Into::into),
            });
        }
    }
    all
}

fn users(folder: &Path) -> Vec<Known> {
    let mut names: Vec<String> = fs::list_dir(folder).unwrap_or_default();
    names.retain(|name| name.ends_with(".yaml") && !name.starts_with('.'));
    names.sort();
    let one = |file: String| {
        let path = folder.join(&file);
        let name = file.trim_end_matches(".yaml").to_owned();
        Known { site: at(&path), name, path: Some(path) }
    };
    names.into_iter().map(one).collect()
}

/// The text of a profile and its file: of a path, of a user's folder, or built in.
///
/// # Errors
/// If there is none of that name, or it can't be read.
pub fn text(folder: &Path, name: &str) -> Result<(Vec<u8>, Option<PathBuf>), SiteError> {
    if name.contains('/') || name.ends_with(".yaml") {
        return Ok((fs::read(Path::new(name))?, Some(name.into())));
    }
    let own = folder.join(format!("{name}.yaml"));
    if is_name(name) && own.is_file() {
        return Ok((fs::read(&own)?, Some(own)));
    }
    match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
        Some((_, text)) => Ok((text.as_bytes().to_vec(), None)),
        None => Err(SiteError::Unknown {
            name: name.to_owned(),
            known: known(folder).into_iter().map(|one| one.name).collect(),
        }),
    }
}

/// The site of a name or a path.
///
/// # Errors
/// If there is none, or its profile is wrong.
pub fn load(folder: &Path, name: &str) -> Result<Site, SiteError> {
    let (bytes, path) = text(folder, name)?;
    match path {
        Some(path) => parse(&path, &bytes),
        None => Ok(read(&format!("{name}.yaml"), name, &bytes, None)?),
    }
}

fn at(path: &Path) -> Result<Site, SiteError> {
    parse(path, &fs::read(path)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Site, SiteError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String =
        stem.chars().map(|c| if is_name(&format!("a{c}")) { c } else { '-' }).take(64).collect();
    Ok(read(&path.display().to_string(), &name, bytes, Some(path.to_owned()))?)
}

/// What a site may be chosen by, the strongest first.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// `--site`.
    pub option: Option<&'a str>,
    /// What the spec asks of Slurm.
    pub spec: &'a SlurmSettings,
    /// `DLGRID_SITE`.
    pub environment: Option<&'a str>,
    /// Slurm's name of the cluster, if it is known.
    pub cluster: Option<&'a str>,
}

/// A site, and what there is to say of the choice.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The site; that of nobody where none is asked for.
    pub site: Site,
    /// What the user should know, a line each.
    pub notes: Vec<String>,
}

/// The site of a sweep. `site: null` in the spec chooses none.
///
/// # Errors
/// If the one that is asked for can't be had.
pub fn choose(folder: &Path, wish: Wish<'_>) -> Result<Choice, SiteError> {
    let spec = wish.spec.given.get("site").map(String::as_str);
    if let Some(name) = wish.option.or(spec) {
        return Ok(Choice { site: load(folder, name)?, notes: Vec::new() });
    }
    if wish.spec.removed.contains("site") {
        return Ok(Choice::default());
    }
    if let Some(name) = wish.environment {
        return Ok(Choice { site: load(folder, name)?, notes: Vec::new() });
    }
    let Some(cluster) = wish.cluster else { return Ok(Choice::default()) };
    let mut choice = Choice::default();
    let mut fitting = Vec::new();
    for one in users(folder) {
        match one.site {
            Ok(site) if site.cluster.as_deref() == Some(cluster) => fitting.push((one.name, site)),
            Ok(_) => {}
            Err(error) => choice.notes.push(format!(
                "warning: the profile `{}` is left out: {error}; `dlgrid site show {}` says more",
                one.name, one.name
            )),
        }
    }
    if fitting.len() > 1 {
        let names = fitting.into_iter().map(|(name, _)| name).collect();
        return Err(SiteError::Several { cluster: cluster.to_owned(), names });
    }
    if let Some((name, site)) = fitting.pop() {
        choice.notes.push(format!("note: site `{name}`, for this is the cluster `{cluster}`"));
        choice.site = site;
    }
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tmp = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::publish(&tmp.path().join(name), text.as_bytes()).expect("written");
        }
        tmp
    }

    #[test]
    fn what_is_built_in_is_sound() {
        let all = known(Path::new("/nonexistent"));
        assert_eq!(all.len(), SHIPPED.len());
        for one in all {
            let site = one.site.expect("sound");
            assert_eq!(site.name, one.name);
            assert!(site.description.is_some(), "{}", one.name);
            assert_eq!(site.cluster, None, "it is for nobody's cluster");
        }
    }

    #[test]
    fn the_strongest_wish_wins() {
        let tmp = folder(&[
            ("a.yaml", "slurm: {partition: a}\n"),
            ("b.yaml", "slurm: {partition: b}\ncluster: here\n"),
            ("wrong.yaml", "slurmm: {}\n"),
        ]);
        let spec = |given: &[(&str, &str)], removed: &[&str]| {
            SlurmSettings::of(
                given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                removed.iter().map(|k| (*k).to_owned()).collect(),
            )
        };
        let named = spec(&[("site", "a")], &[]);
        let (silent, none) = (spec(&[], &[]), spec(&[], &["site"]));
        for (option, spec, environment, cluster, chosen) in [
            (Some("single-node"), &named, Some("b"), Some("here"), "single-node"),
            (None, &named, Some("b"), Some("here"), "a"),
            (None, &silent, Some("a"), Some("here"), "a"),
            (None, &silent, None, Some("here"), "b"),
            (None, &silent, None, Some("elsewhere"), ""),
            (None, &none, Some("a"), Some("here"), ""),
            (Some("a"), &none, None, None, "a"),
        ] {
            let wish = Wish { option, spec, environment, cluster };
            assert_eq!(choose(tmp.path(), wish).expect("a site").site.name, chosen, "{wish:?}");
        }
        let wish = Wish { option: None, spec: &silent, environment: None, cluster: Some("here") };
        let notes = choose(tmp.path(), wish).expect("a site").notes.join("\n");
        assert!(notes.contains("profile `wrong` is left out"), "{notes}");
        assert!(notes.contains("site `b`"), "{notes}");
        fs::publish(&tmp.path().join("c.yaml"), b"cluster: here\n").expect("written");
        let error = choose(tmp.path(), wish).expect_err("which?");
        assert!(error.to_string().contains("`b`, `c`"), "{error}");
    }

    #[test]
    fn a_site_is_found_by_name_or_path_and_an_unknown_one_told() {
        let tmp = folder(&[("mine.yaml", "name: other\n"), ("example.yaml", "name: own\n")]);
        let load = |name: &str| load(tmp.path(), name);
        assert_eq!(load("mine").expect("there").name, "other");
        assert_eq!(load("example").expect("there").name, "own", "a user's own goes first");
        assert!(load("single-node").expect("built in").origin.is_none());
        let path = tmp.path().join("mine.yaml");
        assert_eq!(load(path.to_str().expect("text")).expect("there").origin, Some(path));
        assert!(load("no/such.yaml").is_err());
        let error = load("mines").expect_err("unknown");
        assert_eq!(error.to_string(), "there is no site `mines`");
        insta::assert_snapshot!(
            error.hint().unwrap_or_default(),
            @"did you mean `mine`? there are: example, mine, no-requeue, single-node; a path works, too"
        );
        assert!(load("../mine").is_err() && load("..").is_err());
    }
}
