//! What a job of a manager waits for: `systemctl list-jobs --after`, parsed. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// The units that jobs for these units wait for in the end: those whose own jobs wait for nobody.
pub(crate) fn awaited(list: &str, units: &[String]) -> Vec<String> {
    let mut after: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = None;
    for line in list.lines() {
        // `120 (network-online.target/start)`
        let other = |words| {
            let (_, job) = line.split_once(words)?;
            let (_, name) = job.split_once('(')?;
            Some(name.rsplit_once('/')?.0)
        };
        match (current, other("waiting for job "), other("blocking job ")) {
            (Some(unit), Some(first), _) => after.entry(unit).or_default().push(first),
            // So says systemd 252 to the same question.
            (Some(unit), _, Some(later)) => after.entry(later).or_default().push(unit),
            _ => current = line.split_whitespace().nth(1),
        }
    }
    let mut ends = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = units.iter().map(String::as_str).collect();
    while let Some(name) = next.pop() {
        match after.get(name) {
            _ if !seen.insert(name) => {}
            Some(others) => next.extend(others),
            None => {
                ends.insert(name.to_owned());
            }
        }
    }
    ends.retain(|name| !units.contains(name));
    ends.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_those_that_wait_for_nobody() {
        let waiting = "121 hermes-gateway@default.service start waiting\n\
                       └─  \twaiting for job 120 (network-online.target/start) - -\n\
                       120 network-online.target start waiting\n\
                       └─  \twaiting for job 119 (never-online.service/start) - -\n\
                       └─  \twaiting for job 118 (a.mount/start) - -\n\
                       119 never-online.service start running\n";
        let blocking = "121 hermes-gateway@default.service start waiting\n\
                        119 never-online.service start running\n\
                        └─  \tblocking job 120 (network-online.target/start) - -\n\
                        120 network-online.target start waiting\n\
                        └─  \tblocking job 121 (hermes-gateway@default.service/start) - -\n";
        let unit = ["hermes-gateway@default.service".to_owned()];
        assert_eq!(awaited(waiting, &unit), ["a.mount", "never-online.service"]);
        assert_eq!(awaited(blocking, &unit), ["never-online.service"]);
        assert!(awaited(waiting, &["never-online.service".to_owned()]).is_empty());
        assert!(awaited("No jobs running.\n", &unit).is_empty());
    }
}
