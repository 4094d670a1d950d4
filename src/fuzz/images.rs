//! Readers of whole directories: an image whose files are the text that a fuzzer makes.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::doctor::facts::Facts;
use crate::doctor::rules;
use crate::gateway::config::Configuration;
use crate::gateway::owner::owner;
use crate::gateway::state::State;
use crate::gateway::update::updater;
use crate::host::Host;
use crate::host::account::{self, Account};
use crate::layout::Scope;
use crate::output::is_hidden;
use crate::units::starters::starters;

/// A directory that is removed at the end.
struct Image(PathBuf);

impl Image {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hermes-install-fuzz-{}-{number}", std::process::id());
        let image = Self(std::env::temp_dir().join(name));
        for (path, bytes) in files {
            let path = image.0.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        image
    }

    /// It as root sees it.
    fn host(&self) -> Host {
        let mut host = Host::observer(Scope::System, Some(&self.0)).expect("an image");
        host.own = Account::root();
        host
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PASSWD: &[u8] = b"root:x:0:0::/root:/bin/sh\na:x:64123:64123::/home/a:/bin/sh\n";

pub(super) fn accounts(data: &[u8]) {
    let image = Image::new(&[("etc/passwd", data), ("etc/group", data)]);
    let all = account::all(&image.0);
    for account in all.iter().take(20) {
        let found = Account::find(&account.name, &image.0).expect("looked for");
        assert!(found.is_some(), "{account:?}");
    }
    let _ = Account::find_number(999, &image.0);
}

pub(super) fn home(data: &[u8]) {
    let names = [
        "gateway.pid",
        "gateway.lock",
        "gateway_state.json",
        "config.yaml",
        ".hermes-update-in-progress",
    ];
    let image = Image::new(&names.map(|name| (name, data)));
    let home = &*image.0;
    let _ = owner(home);
    let _ = State::read(home).map(|s| (s.is_up(), s.has_ended(), s.was_up()));
    let config = Configuration::read(home);
    assert!(config.drain().is_none_or(|drain| drain <= 3600));
    let _ = (
        config.is_multiplexed(),
        config.is_standalone(),
        updater(home),
    );
}

pub(super) fn start_files(data: &[u8]) {
    let image = Image::new(&[
        ("etc/passwd", PASSWD),
        ("etc/crontab", data),
        ("var/spool/cron/crontabs/a", data),
        ("etc/rc.local", data),
        ("home/a/.profile", data),
        ("home/a/.config/autostart/x.desktop", data),
        ("home/a/.pm2/dump.pm2", data),
        ("etc/supervisor/conf.d/x.conf", data),
        ("srv/x/compose.yaml", data),
        ("etc/containers/systemd/x.container", data),
    ]);
    let found = starters(&image.host());
    assert!(found.len() <= 20_000, "{} found", found.len());
    for starter in found {
        assert!(!starter.way_out.chars().any(is_hidden));
        assert!(starter.text.chars().count() <= 201);
    }
}

pub(super) fn host(data: &[u8]) {
    let image = Image::new(&[
        ("etc/passwd", PASSWD),
        ("etc/systemd/system/bot.service", data),
        (
            "etc/systemd/system/hermes-gateway@coder.service.d/a.conf",
            data,
        ),
        ("home/a/.config/systemd/user/hermes.service", data),
        ("home/a/.hermes/config.yaml", b""),
    ]);
    let facts = Facts::read(&image.host());
    let findings = rules::check(&facts);
    assert!(findings.len() < 1_000, "{} findings", findings.len());
}
