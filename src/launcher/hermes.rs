//! Which hermes executable a gateway is: the one that was named, or the first of the usual places. The launcher asks
//! before each start and install before it writes a unit; each says the answer in its own words.

use std::path::{Path, PathBuf};

/// Whether an account can run a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executable {
    /// It is not there.
    Missing,
    /// It is no file, or may not be executed.
    Denied,
    /// It can.
    Runs,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HermesProblem {
    /// The path that was named is not absolute.
    Relative,
    /// It is not called `hermes`. The name is part of the contract: a running gateway that other gateways do not recognise
    /// as one loses its lock file to them, and then two run (gateway/status.py, `_cleanup_invalid_pid_path`).
    OtherName,
    /// It is not there.
    Missing,
    /// The account cannot execute it.
    Denied,
    /// None was named, and there is none at any of the places.
    Nowhere,
}

/// The executable that was named, or the first of these places that can be run.
pub(crate) fn find(
    named: Option<&Path>,
    places: &[PathBuf],
    look: &dyn Fn(&Path) -> Executable,
) -> Result<PathBuf, HermesProblem> {
    let Some(path) = named else {
        let mut places = places.iter().filter(|place| place.is_absolute());
        let found = places.find(|place| look(place) == Executable::Runs);
        return found.cloned().ok_or(HermesProblem::Nowhere);
    };
    if !path.is_absolute() {
        return Err(HermesProblem::Relative);
    }
    if path.file_name().is_none_or(|name| name != "hermes") {
        return Err(HermesProblem::OtherName);
    }
    match look(path) {
        Executable::Missing => Err(HermesProblem::Missing),
        Executable::Denied => Err(HermesProblem::Denied),
        Executable::Runs => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_named_counts_alone_and_has_to_be_hermes() {
        let places = [PathBuf::from("/usr/bin/hermes")];
        let try_named =
            |named: &str, there: Executable| {
                find(Some(Path::new(named)), &places, &|path| match path
                    == Path::new("/usr/bin/hermes")
                {
                    true => Executable::Runs,
                    false => there,
                })
            };
        let hermes = "/opt/hermes/bin/hermes";
        assert_eq!(try_named(hermes, Executable::Runs), Ok(hermes.into()));
        assert_eq!(
            try_named(hermes, Executable::Denied),
            Err(HermesProblem::Denied)
        );
        assert_eq!(
            try_named(hermes, Executable::Missing),
            Err(HermesProblem::Missing)
        );
        assert_eq!(
            try_named("bin/hermes", Executable::Runs),
            Err(HermesProblem::Relative)
        );
        assert_eq!(
            try_named("/opt/bot", Executable::Runs),
            Err(HermesProblem::OtherName)
        );
    }

    #[test]
    fn the_first_place_that_can_be_run_is_taken() {
        let places = ["/a/hermes", "b/hermes", "/c/hermes", "/d/hermes"].map(PathBuf::from);
        let look = |path: &Path| {
            if path.starts_with("/a") {
                Executable::Denied
            } else {
                Executable::Runs
            }
        };
        assert_eq!(find(None, &places, &look), Ok("/c/hermes".into()));
        let nowhere = find(None, &places, &|_| Executable::Missing);
        assert_eq!(nowhere, Err(HermesProblem::Nowhere));
    }
}
