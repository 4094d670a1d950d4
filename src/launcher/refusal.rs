//! Why a gateway was not started, as exit status and sentence.

use crate::error::Exit;
use crate::gateway::owner::Owner;
use crate::gateway::served::Server;
use crate::host::cgroup::UnitRef;
use crate::host::process::Process;
use crate::host::process_text::{name, stop_command};
use crate::layout::Scope;
use crate::profile::ProfileName;

/// Why the gateway was not started. Each becomes an exit status; `RestartPreventExitStatus=` lists those that are final.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Somebody else has the profile: exit status 69, EX_UNAVAILABLE.
    #[error("{0}")]
    Owned(String),
    /// hermes or the profile home cannot be used: exit status 78, EX_CONFIG.
    #[error("{0}")]
    Unusable(String),
    /// The profile is not there yet: exit status 66, EX_NOINPUT, after which systemd tries again.
    #[error("{0}")]
    NotYet(String),
}

impl Refusal {
    /// The exit status.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Owned(_) => Exit::Owned,
            Self::Unusable(_) => Exit::Unusable,
            Self::NotYet(_) => Exit::NotYet,
        }
    }
}

/// The scope of the unit that this process runs in, for commands that are told.
pub(super) fn own_scope() -> Scope {
    let own = Process::read(std::process::id() as i32);
    match own.and_then(|process| process.unit().filter(UnitRef::is_service)?.user) {
        Some(_) => Scope::User,
        None => Scope::System,
    }
}

/// One sentence: which gateway serves the profile, and how to have one of its own.
pub(crate) fn describe_server(profile: &ProfileName, server: &Server, unit: &str) -> String {
    let scope = own_scope().flag();
    let way_out = if profile.is_default() {
        format!(
            "to have it served by its own unit: `{}`, then start `{unit}`",
            stop_command(&server.process)
        )
    } else {
        format!(
            "for a gateway of its own: `hermes-install{scope} --profile {profile} --standalone`"
        )
    };
    format!(
        "profile `{profile}` is served by the gateway of profile `{}`: {}, so nothing is started; {way_out}",
        server.profile,
        name(&server.process)
    )
}

/// One sentence: why hermes would not run a profile that it was told to leave alone.
pub(crate) fn describe_parked(profile: &ProfileName) -> String {
    let scope = own_scope().flag();
    format!(
        "profile `{profile}` is parked, as `hermes -p {profile} gateway stop` leaves it, so nothing is started; \
         `hermes-install run{scope} {profile} gateway start` has it served again"
    )
}

/// One sentence: who has the profile, since when, and how to end that.
pub(crate) fn describe(profile: &ProfileName, owner: &Owner, unit: &str) -> String {
    let Some(process) = &owner.process else {
        return format!(
            "profile `{profile}` is owned by another process: it {} and cannot be seen from here (another container?); \
             stop it there, then start `{unit}`",
            owner.how
        );
    };
    format!(
        "profile `{profile}` is owned by {}, which {}; to give it to this unit: `{}`, then start `{unit}`",
        name(process),
        owner.how,
        stop_command(process)
    )
}
