//! Whether a profile has a gateway of its own, and how it gets one where hermes has one for all.

use std::ffi::OsStr;

use anyhow::Result;

use super::Checked;
use crate::error::refuse;
use crate::gateway::config::is_standalone;
use crate::gateway::version::Rules;
use crate::host::Host;
use crate::host::run_as::run_as;

impl Checked {
    /// Whether the gateway of the root's default profile serves this profile, and hermes ends one of its own at once. In an
    /// image nobody asks hermes: what its files do not tell is not assumed.
    pub(crate) fn is_served(&self, host: &Host) -> bool {
        let is_known = host.live().is_some() || self.version.is_some();
        !self.instance.profile.for_hermes(&self.root).is_default()
            && is_known
            && Rules::of(self.version).is_shared
            && !self.is_standalone
    }

    /// Give the profile a gateway of its own, by hermes' own command: `gateway.standalone` in its configuration.
    pub(crate) fn set_standalone(&self, host: &Host) -> Result<()> {
        let profile = self.instance.profile.as_str();
        if host.live().is_none() {
            refuse!(
                "nothing of an image is run, so hermes cannot be told that profile `{profile}` stands alone; put \
                 `gateway: {{standalone: true}}` into `{}` of the image and leave out `--standalone`",
                self.home.join("config.yaml").display()
            );
        }
        self.config_standalone(true)
    }

    /// Take that back, where what it was for has failed.
    pub(crate) fn unset_standalone(&self) -> Result<()> {
        self.config_standalone(false)
    }

    fn config_standalone(&self, is_on: bool) -> Result<()> {
        let [root, home] = [&self.root, &self.account.home].map(|p| p.display().to_string());
        let value = if is_on { "true" } else { "false" };
        let profile = self.instance.profile.as_str();
        let words = ["-p", profile, "config", "set", "gateway.standalone", value];
        let mut argv = vec![self.hermes.as_os_str()];
        argv.extend(words.map(OsStr::new));
        let env = [("HERMES_HOME", &*root), ("HOME", &*home)];
        let out = run_as(&self.account, &env, &argv, super::VERSION)?;
        if is_standalone(&self.home) == is_on {
            return Ok(());
        }
        let said = [out.stdout, out.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        refuse!(
            "`{} {}` did not set it ({}, it said: {})",
            self.hermes.display(),
            words.join(" "),
            out.status,
            said.trim().lines().last().unwrap_or("nothing")
        )
    }
}
