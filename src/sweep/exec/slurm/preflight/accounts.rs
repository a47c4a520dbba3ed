//! Which accounts a user has, where accounting says.
use super::super::error::SlurmError;
use crate::spec::SlurmSettings;
use crate::spec::mistake::nearest;

/// The fields that [`associations`] reads, as an argument of `sacctmgr`.
pub const FORMAT: &str = "account,partition,qos,maxsubmit,grpsubmit";

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
}

/// Reads what `sacctmgr --noheader --parsable2 show assoc format=`[`FORMAT`] writes.
#[must_use]
pub fn associations(text: &str) -> Vec<Association> {
    text.lines().filter_map(association).collect()
}

fn association(line: &str) -> Option<Association> {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [account, partition, qos, own, group] = fields.as_slice() else { return None };
    let words = |text: &str| {
        text.split(',').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let number = |text: &str| text.parse::<u64>().ok();
    (!account.is_empty()).then(|| Association {
        account: (*account).to_owned(),
        partition: (!partition.is_empty()).then(|| (*partition).to_owned()),
        qos: words(qos),
        max_submit: [number(own), number(group)].into_iter().flatten().min(),
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
    // Slurm has accounts in lower case.
    if names.is_empty() || names.iter().any(|name| name.eq_ignore_ascii_case(asked)) {
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

    const TEXT: &str =
        "lab||normal,high|500|\nlab|gpu|normal|100|50\ncourse||normal||\n||||\nodd\n";

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
