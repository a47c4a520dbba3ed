//! Why a task waits, in words.

/// Why a task waits, in words; Slurm's own where there are none.
#[must_use]
pub fn reason(code: &str) -> String {
    // `ReqNodeNotAvail, UnavailableNodes:n[1-4]`: details follow the word.
    let words = match code.split(',').next().unwrap_or_default().trim() {
        "Resources" => "waits for free nodes",
        "Priority" => "others go first",
        "JobArrayTaskLimit" => "as many run as `max_running` allows",
        "Dependency" => "waits for other jobs of the sweep",
        "DependencyNeverSatisfied" => "waits for what will never be: cancel and submit again",
        "BeginTime" => "was put back into the queue and waits a moment",
        "JobHeldUser" => "is held: `scontrol release` lets it go",
        "JobHeldAdmin" => "is held by an administrator",
        "None" | "" | "(null)" => return "not looked at yet".to_owned(),
        "PartitionDown" => "the partition is down",
        "PartitionInactive" => "the partition takes no jobs now",
        "PartitionTimeLimit" => "asks for more time than the partition allows",
        "PartitionNodeLimit" | "PartitionConfig" => "asks for more than the partition has",
        "ReqNodeNotAvail" => "the nodes that it asks for are down or reserved",
        "Licenses" => "waits for licenses",
        "Reservation" => "waits for its reservation",
        "InvalidAccount" => "the account is not valid",
        "InvalidQOS" => "the quality of service is not valid",
        word => match of_kind(word) {
            Some(words) => return format!("{words} ({code})"),
            None if is_held(code) => {
                return format!(
                    "Slurm could not start it and holds it ({code}): `scontrol release` lets it \
                     go, or `dlgrid cancel` and `dlgrid retry`"
                );
            }
            None => return code.to_owned(),
        },
    };
    format!("{words} ({code})")
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
