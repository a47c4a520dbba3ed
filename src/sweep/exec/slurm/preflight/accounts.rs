//! Which accounts a user has, where accounting says.
use super::super::error::SlurmError;
use super::super::parse;
use super::super::script::{slurm_time, time_seconds};
use crate::spec::SlurmSettings;
use crate::spec::mistake::nearest;

/// The fields that [`associations`] reads, as an argument of `sacctmgr`.
pub const FORMAT: &str = "account,partition,qos,maxsubmit,grpsubmit,maxwall";

/// The words of `sacctmgr` that ask for what [`associations`] reads: of a user, and of one cluster
/// where it is known which.
#[must_use]
pub fn question(user: &str, cluster: Option<&str>) -> Vec<String> {
    let mut words =
        ["--noheader", "--parsable2", "show", "assoc", "where"].map(str::to_owned).to_vec();
    words.push(format!("user={user}"));
    words.extend(cluster.map(|name| format!("cluster={name}")));
    words.push(format!("format={FORMAT}"));
    words
}

/// What an account allows a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Association {
    /// The account.
    pub account: String,
    /// The partition that it is for; nothing for all.
    pub partition: Option<String>,
    /// Qualities of service.
    pub qos: Vec<String>,
    /// Jobs in the queue at most, tasks of arrays counted each; nothing where there is no limit.
    pub max_submit: Option<u64>,
    /// Longest that a job may take, in seconds; nothing where there is no limit. A quality of
    /// service may allow more.
    pub max_seconds: Option<u64>,
}

/// Reads what `sacctmgr --noheader --parsable2 show assoc format=`[`FORMAT`] writes.
#[must_use]
pub fn associations(text: &str) -> Vec<Association> {
    text.lines().filter_map(association).collect()
}

fn association(line: &str) -> Option<Association> {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [account, partition, qos, own, group, more @ ..] = fields.as_slice() else { return None };
    let words = |text: &str| {
        text.split(',').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let number = |text: &str| text.parse::<u64>().ok();
    (!account.is_empty()).then(|| Association {
        account: (*account).to_owned(),
        partition: (!partition.is_empty()).then(|| (*partition).to_owned()),
        qos: words(qos),
        max_submit: [number(own), number(group)].into_iter().flatten().min(),
        max_seconds: more.first().and_then(|text| parse::seconds(text)),
    })
}

/// Those under which a job of this account may fall, or of any where none is named.
fn of_account<'a>(
    all: &'a [Association],
    account: Option<&str>,
) -> impl Iterator<Item = &'a Association> {
    // Slurm has accounts in lower case.
    all.iter().filter(move |one| account.is_none_or(|name| one.account.eq_ignore_ascii_case(name)))
}

/// Jobs that a user may have in the queue who submits some with these settings, at most; nothing
/// where one of the associations under which they may fall has no limit, or there is none.
#[must_use]
pub fn most_jobs(all: &[Association], settings: &SlurmSettings) -> Option<u64> {
    most(all, settings, |one| one.max_submit)
}

/// Longest that a job with these settings may take by what accounting says, in seconds; nothing
/// where one of the associations under which it may fall has no limit, or there is none.
#[must_use]
pub fn most_seconds(all: &[Association], settings: &SlurmSettings) -> Option<u64> {
    most(all, settings, |one| one.max_seconds)
}

/// The largest limit of those under which a job with these settings may fall.
fn most(
    all: &[Association],
    settings: &SlurmSettings,
    limit: fn(&Association) -> Option<u64>,
) -> Option<u64> {
    let asked = |key: &str| settings.given.get(key).map(String::as_str);
    let goes_to = |one: &&Association| {
        let partitions = one.partition.as_deref().zip(asked("partition"));
        partitions.is_none_or(|(own, asked)| asked.split(',').any(|name| name == own))
    };
    let limits: Option<Vec<u64>> =
        of_account(all, asked("account")).filter(goes_to).map(limit).collect();
    limits?.into_iter().max()
}

/// Whether no association has another quality of service than the one that Slurm makes by itself.
#[must_use]
pub fn has_only_the_usual_qos(all: &[Association]) -> bool {
    all.iter().flat_map(|one| &one.qos).all(|name| name == "normal")
}

/// A time that accounting does not allow: such a job waits for ever, unless its quality of service
/// allows more.
#[must_use]
pub fn too_long(all: &[Association], settings: &SlurmSettings) -> Option<String> {
    let (most, asked) = most_seconds(all, settings).zip(time_seconds(settings))?;
    (asked > most).then(|| {
        format!(
            "`slurm.time` is {}, and your account allows {}: tasks wait for ever, unless the \
             quality of service allows more",
            slurm_time(asked),
            slurm_time(most)
        )
    })
}

/// The accounts, each once.
#[must_use]
pub fn names(all: &[Association]) -> Vec<&str> {
    let mut names: Vec<&str> = all.iter().map(|one| one.account.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The account that is asked for is one of the user's.
///
/// # Errors
/// If it is not.
pub fn check(all: &[Association], settings: &SlurmSettings) -> Result<(), SlurmError> {
    let Some(asked) = settings.given.get("account") else { return Ok(()) };
    let names = names(all);
    if names.is_empty() || of_account(all, Some(asked)).next().is_some() {
        return Ok(());
    }
    let near = nearest(asked, names.iter().copied());
    let near = near.map_or_else(String::new, |name| format!("did you mean `{name}`? "));
    Err(SlurmError::asked(
        format!("you have no account `{asked}` on this cluster"),
        format!("{near}yours are: {}", names.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "lab||normal,high|500||2-00:00:00\nlab|gpu|normal|100|50|1-00:00:00\ncourse||normal||\n||||\nodd\n";

    #[test]
    fn associations_are_read() {
        let all = associations(TEXT);
        assert_eq!(all.len(), 3);
        assert_eq!(names(&all), ["course", "lab"]);
        assert_eq!(
            (all[0].max_submit, all[1].max_submit, all[2].max_submit),
            (Some(500), Some(50), None)
        );
        assert_eq!(all[0].qos, ["normal", "high"]);
        assert_eq!(all[1].partition.as_deref(), Some("gpu"));
        assert_eq!((all[1].max_seconds, all[2].max_seconds), (Some(86_400), None));
    }

    #[test]
    fn accounting_is_asked_for_one_cluster() {
        let words = |cluster| question("me", cluster)[5..].join(" ");
        assert_eq!(words(Some("hpc")), format!("user=me cluster=hpc format={FORMAT}"));
        assert_eq!(words(None), format!("user=me format={FORMAT}"));
    }

    #[test]
    fn limits_are_those_of_the_account_in_whatever_case() {
        const TWO: &str = "lab||normal|10||\ncourse||normal|1000||\n";
        for (text, account, partition, jobs) in [
            (TEXT, Some("LAB"), None, Some(500)),
            (TEXT, Some("lab"), Some("cpu"), Some(500)),
            (TEXT, Some("course"), None, None),
            (TEXT, Some("other"), None, None),
            (TEXT, None, None, None),
            (TWO, None, None, Some(1000)),
            (TWO, Some("lab"), None, Some(10)),
            ("lab|gpu|normal|10||\nlab|cpu|normal|100||\n", Some("lab"), Some("gpu"), Some(10)),
        ] {
            let given = [("account", account), ("partition", partition)];
            let given = given.iter().filter_map(|(k, v)| Some(((*k).to_owned(), (*v)?.to_owned())));
            let settings = SlurmSettings::of(given.collect(), Default::default());
            let all = associations(text);
            assert_eq!(most_jobs(&all, &settings), jobs, "{account:?} {partition:?}");
        }
    }

    #[test]
    fn a_time_above_that_of_the_account_is_told() {
        let all = associations(TEXT);
        for (account, partition, time, most) in [
            ("LAB", None, "3d", Some("2-00:00:00")),
            ("lab", None, "2d", None),
            ("lab", Some("cpu"), "3d", Some("2-00:00:00")),
            ("lab", Some("gpu"), "3d", Some("2-00:00:00")),
            ("course", None, "30d", None),
            ("other", None, "30d", None),
        ] {
            let given =
                [("account", Some(account)), ("partition", partition), ("time", Some(time))];
            let given = given.iter().filter_map(|(k, v)| Some(((*k).to_owned(), (*v)?.to_owned())));
            let settings = SlurmSettings::of(given.collect(), Default::default());
            let told = too_long(&all, &settings);
            assert_eq!(told.is_some(), most.is_some(), "{account} {partition:?} {time}");
            assert!(most.is_none_or(|most| told.is_some_and(|told| told.contains(most))));
        }
    }

    #[test]
    fn an_account_must_be_the_users() {
        let settings = |account: &str| {
            SlurmSettings::of([("account".into(), account.into())].into(), Default::default())
        };
        let all = associations(TEXT);
        assert!(check(&all, &settings("LAB")).is_ok());
        assert!(check(&all, &SlurmSettings::default()).is_ok());
        assert!(check(&[], &settings("x")).is_ok(), "nothing is known");
        let error = check(&all, &settings("curse")).expect_err("refused");
        assert_eq!(error.to_string(), "you have no account `curse` on this cluster");
        assert_eq!(error.hint().as_deref(), Some("did you mean `course`? yours are: course, lab"));
    }
}
