//! The gateway that a unit runs now, by its process.

use crate::units::inventory::Gateway;
use crate::units::unit::Unit;

impl Unit {
    /// The gateway that it runs now: its main process, else the only one that it has. A tool of a gateway may have started
    /// others. Only one of its own account counts, in no container.
    pub(crate) fn gateway<'a>(&self, gateways: &'a [Gateway]) -> Option<&'a Gateway> {
        let account = self.account.as_ref()?;
        let main = self.loaded.as_ref()?.main_pid;
        let is_its = |gateway: &&Gateway| {
            let process = &gateway.process;
            process.uid == account.uid
                && process.container().is_none()
                && process.unit().is_some_and(|unit| self.is_that(&unit))
        };
        let its: Vec<&Gateway> = gateways.iter().filter(is_its).collect();
        let is_main = |gateway: &&&Gateway| Some(gateway.process.pid) == main;
        match its.as_slice() {
            [only] => Some(only),
            several => several.iter().find(is_main).copied(),
        }
    }
}
