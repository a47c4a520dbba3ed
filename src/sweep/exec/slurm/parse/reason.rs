//! Why a task waits, in words.

/// Why a task of a job waits, in words; Slurm's own where there are none.
#[must_use]
pub fn reason(code: &str, job: u64) -> String {
    let mut words = code.split(',').map(str::trim);
    let first = words.next().unwrap_or_default();
    if matches!(first, "None" | "" | "(null)") {
        return "not looked at yet".to_owned();
    }
    let Some(told) = of_word(first, job) else { return code.to_owned() };
    // Tasks of an array that wait for different reasons share a line: `Resources,JobHeldAdmin`. Of
    // others what follows the first word are details: `ReqNodeNotAvail, UnavailableNodes:n[1-4]`.
    let others =
        words.filter_map(|word| of_word(word, job)).map(|words| format!("; some: {words}"));
    format!("{told}{} ({code})", others.collect::<String>())
}

/// Whether all tasks of which this is the reason are held: none starts by itself.
#[must_use]
pub fn is_hold(code: &str) -> bool {
    code.split(',').all(is_one_hold)
}

/// Whether some of them are.
#[must_use]
pub fn has_hold(code: &str) -> bool {
    code.split(',').any(is_one_hold)
}

fn is_one_hold(word: &str) -> bool {
    let word = word.trim();
    matches!(word, "JobHeldUser" | "JobHeldAdmin") || is_held(word)
}

fn of_word(word: &str, job: u64) -> Option<String> {
    let words = match word {
        "Resources" => "waits for free nodes",
        "Priority" => "others go first",
        "JobArrayTaskLimit" => "as many run as `max_running` allows",
        "Dependency" => "waits for other jobs of the sweep",
        "DependencyNeverSatisfied" => "waits for what will never be: cancel and submit again",
        "BeginTime" => "was put back into the queue and waits a moment",
        "JobHeldUser" => return Some(format!("is held: `scontrol release {job}` lets it go")),
        "JobHeldAdmin" => {
            return Some(format!(
                "is held by an administrator, who can let it go: `scontrol release {job}`"
            ));
        }
        "PartitionDown" => "the partition is down",
        "PartitionInactive" => "the partition takes no jobs now",
        "PartitionTimeLimit" => "asks for more time than the partition allows",
        "PartitionNodeLimit" | "PartitionConfig" => "asks for more than the partition has",
        "ReqNodeNotAvail" => "the nodes that it asks for are down or reserved",
        "Licenses" => "waits for licenses",
        "Reservation" => "waits for its reservation",
        "InvalidAccount" => "the account is not valid",
        "InvalidQOS" => "the quality of service is not valid",
        word if is_held(word) => {
            return Some(format!(
                "Slurm could not start it and holds it: `scontrol release {job}` lets it go, or \
                 `dlgrid cancel` and `dlgrid retry`"
            ));
        }
        word => return of_kind(word),
    };
    Some(words.to_owned())
}

/// `launch failed requeued held`, `job requeued in held state`.
fn is_held(code: &str) -> bool {
    let words = code.to_lowercase();
    code == "JobHoldMaxRequeue" || words.split([' ', '_']).any(|word| word == "held")
}

/// What the limits of an account or a quality of service have in common.
fn of_kind(word: &str) -> Option<String> {
    if !word.starts_with("QOS") && !word.starts_with("Assoc") {
        return None;
    }
    let whose = if word.starts_with("QOS") { "quality of service" } else { "account" };
    // `GrpCPUMinutesLimit` is another `Min`.
    if word.starts_with("QOSMin") {
        return Some(format!("never starts: asks for less than its {whose} demands of a job"));
    }
    if word.contains("PerJob") || word.contains("PerNode") {
        let keys: &[(&str, &str)] = &[
            ("Wall", "`slurm.time`"),
            ("Minutes", "`slurm.time`, or what it asks for"),
            ("Mem", "`slurm.memory`"),
            ("GRES", "`slurm.gpus`"),
            ("Cpu", "`slurm.cpus`"),
            ("CPU", "`slurm.cpus`"),
            ("Node", "`slurm.nodes`"),
        ];
        let key = keys.iter().find(|(part, _)| word.contains(part));
        let key = key.map_or("what it asks for", |(_, key)| key);
        return Some(format!("never starts: its {whose} allows a job less; lower {key}"));
    }
    Some("a limit of the account or its quality of service is reached".to_owned())
}
