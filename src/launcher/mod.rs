//! What a unit's main process does before it is the gateway: take the lock, look for other owners, `execve`.

pub(crate) mod backoff;
pub(crate) mod claim;
pub(crate) mod exec;
pub(crate) mod guard;
pub(crate) mod hermes;
pub(crate) mod home;
pub(crate) mod journal;
pub(crate) mod lock;
mod mask;
mod ready;
pub(crate) mod refusal;
