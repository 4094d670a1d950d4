//! What of hermes-install's own is not as its receipts say.

use crate::deploy::orphans::Orphans;
use crate::deploy::receipt::read_receipt;
use crate::deploy::unfinished::Unfinished;
use crate::error::Error;
use crate::host::Host;
use crate::host::process::shell_quote;
use crate::layout::Scope;

/// Something that is not as it was written.
#[derive(Debug)]
pub(crate) struct Drift {
    /// What happened to it, as a sentence.
    pub(crate) what: String,
    /// The command that writes it again, or another way out.
    pub(crate) hint: String,
}

/// All of it, in the scopes of the account that looks.
pub(super) fn drift(host: &Host) -> Vec<Drift> {
    let mut found = Vec::new();
    let scopes: &[Scope] = match host.own.uid {
        0 => &[Scope::System, Scope::User],
        _ => &[Scope::User],
    };
    for scope in scopes {
        let host = host.in_scope(*scope);
        match read_receipt(&host) {
            Ok(receipt) => {
                let unfinished = Unfinished::of(&receipt, *scope);
                found.extend(unfinished.map(|run| Drift {
                    what: run.what,
                    hint: run.command,
                }));
                let orphans = Orphans::find(&host, &receipt);
                found.extend(orphans.map(|orphans| Drift {
                    what: orphans.sentence(&host),
                    hint: orphans.command(&host),
                }));
                let differing = receipt.drift(&host.files).into_iter();
                found.extend(differing.map(|drifted| Drift {
                    hint: drifted.way_out(&receipt, *scope),
                    what: drifted.how,
                }));
            }
            // The rest of the host is not less wrong for it.
            Err(e) => {
                let error = Error::of(&e);
                let look = format!("ls -l {}", shell_quote(&[format!("/{}", host.receipt())]));
                found.push(Drift {
                    what: error.message,
                    hint: error.hints.into_iter().next().unwrap_or(look),
                });
            }
        }
    }
    found
}
