//! What one file of a unit says, found by the names of directives: all instances share that of their template. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::units::unit_file::{Directive, Directives};

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// In its order.
    pub(super) all: Vec<Directive>,
    /// Their places, sorted by their names: a rule asks every unit for a name.
    by_key: Vec<usize>,
}

impl Said {
    /// These directives of a file, in its order.
    pub(super) fn new(all: Vec<Directive>) -> Self {
        let mut by_key: Vec<usize> = (0..all.len()).collect();
        by_key.sort_by_key(|at| &all[*at].key);
        Self { all, by_key }
    }

    /// Those of a name, in their order.
    pub(super) fn of_key(&self, key: &str) -> impl DoubleEndedIterator<Item = &Directive> {
        let key_at = |at: &usize| self.all[*at].key.as_str();
        let begin = self.by_key.partition_point(|at| key_at(at) < key);
        let rest = &self.by_key[begin..];
        let of_key = &rest[..rest.partition_point(|at| key_at(at) == key)];
        of_key.iter().map(|at| &self.all[*at])
    }
}

/// A question about single lines, which is asked once of each file that units share.
pub(crate) struct Asked<'a, F> {
    is_meant: F,
    known: HashMap<*const Said, Vec<&'a Directive>>,
}

impl<'a, F: Fn(&Directive) -> bool> Asked<'a, F> {
    /// Whether a line is meant.
    pub(crate) fn new(is_meant: F) -> Self {
        Self {
            is_meant,
            known: HashMap::new(),
        }
    }

    /// The lines of a unit that are meant, in their order; not all of them need be in force.
    pub(crate) fn of(&mut self, directives: &'a Directives) -> Vec<&'a Directive> {
        let mut found = Vec::new();
        for said in &directives.0 {
            let ask = || said.all.iter().filter(|d| (self.is_meant)(d)).collect();
            let known = self.known.entry(Arc::as_ptr(said));
            found.extend_from_slice(known.or_insert_with(ask));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_question_is_asked_once_of_what_units_share() {
        let of = |text: &str| Directives::of(Path::new("/x"), text);
        let template = of("[Service]\nB=1\nA=2\nB=3\n");
        let units = ["[Service]\nB=4\n", "[Service]\nC=5\n"].map(|drop_in| {
            let mut unit = template.clone();
            unit.extend(&of(drop_in));
            unit
        });
        let asked = Cell::new(0);
        let mut lines = Asked::new(|line| {
            asked.set(asked.get() + 1);
            line.key == "B"
        });
        let mut found = |unit| -> Vec<&str> {
            let lines = lines.of(unit).into_iter();
            lines.map(|line| line.value.as_str()).collect()
        };
        assert_eq!(found(&units[0]), ["1", "3", "4"]);
        assert_eq!(found(&units[1]), ["1", "3"]);
        assert_eq!(asked.get(), 5, "three lines of all, and one of each");
    }
}
