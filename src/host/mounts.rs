//! File systems of their own: the mount table of the running host, `/etc/fstab` of it and of an image. Reads only.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::read::{self, UNIT};

/// A file system that is, or will be, mounted somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Where.
    pub(crate) place: PathBuf,
    /// Its type, as mount(8) calls it.
    pub(crate) kind: String,
    /// Whether boot goes on without it (systemd.mount(5), FSTAB).
    pub(crate) is_late: bool,
}

impl Mount {
    /// The name of its unit: as `systemd-escape --path --suffix=mount` makes it (systemd.unit(5), STRING ESCAPING).
    pub(crate) fn unit_name(&self) -> String {
        let path = self.place.as_os_str().as_bytes();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let mut name = String::new();
        for (at, byte) in path.iter().copied().enumerate() {
            match char::from(byte) {
                '/' => name.push('-'),
                '.' if at == 0 => name += "\\x2e",
                c if c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '.') => name.push(c),
                _ => name += &format!("\\x{byte:02x}"),
            }
        }
        if name.is_empty() {
            name.push('-');
        }
        name + ".mount"
    }

    /// Whether other hosts may have it mounted at the same time.
    pub(crate) fn is_of_network(&self) -> bool {
        const KINDS: [&str; 17] = [
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "9p",
            "afs",
            "ceph",
            "davfs",
            "glusterfs",
            "lustre",
            "ocfs2",
            "fuse.sshfs",
            "fuse.rclone",
            "fuse.s3fs",
            "fuse.glusterfs",
            "fuse.davfs",
        ];
        // With mount.fuse(8) the first field of fstab may have the program's name, and the type is `fuse`.
        KINDS.contains(&self.kind.as_str())
    }
}

/// The file system of the network that a path is on, as a remark.
pub(crate) fn network_of(mounts: &[Mount], path: &Path) -> Option<String> {
    let mount = mount_of(mounts, path).filter(|mount| mount.is_of_network())?;
    Some(format!(
        "on a file system of the network (`{}` at `{}`)",
        mount.kind,
        mount.place.display()
    ))
}

/// Every mount but that of `/`, the later before the earlier of one place.
pub(crate) fn mounts(host: &Host) -> Vec<Mount> {
    let text = |path: &str| {
        let text = host.files.read_text(Path::new(path), UNIT);
        text.ok().flatten().unwrap_or_default()
    };
    let table = fstab(&text("/etc/fstab"));
    let mut found: Vec<Mount> = match host.live() {
        None => Vec::new(),
        Some(_) => {
            let now = std::fs::read("/proc/self/mountinfo");
            // Whoever may mount gives a place its name.
            let now = now.map(read::text).unwrap_or_default();
            let mut now = mountinfo(&now);
            now.reverse();
            now
        }
    };
    for mount in &mut found {
        let told = table.iter().find(|told| told.place == mount.place);
        mount.is_late |= told.is_some_and(|told| told.is_late);
    }
    let places: Vec<PathBuf> = found.iter().map(|mount| mount.place.clone()).collect();
    found.extend(table.into_iter().filter(|m| !places.contains(&m.place)));
    found.retain(|mount| mount.place != Path::new("/"));
    found
}

/// The mount that a path is on, if it is on one of these.
pub(crate) fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let mut found: Option<&Mount> = None;
    for mount in mounts.iter().filter(|mount| path.starts_with(&mount.place)) {
        let depth = |mount: &Mount| mount.place.components().count();
        if found.is_none_or(|other| depth(other) < depth(mount)) {
            found = Some(mount);
        }
    }
    found
}

/// fstab(5).
fn fstab(text: &str) -> Vec<Mount> {
    let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
    let mounts = lines.filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (what, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let options: Vec<&str> = fields.next().unwrap_or_default().split(',').collect();
        // sshfs#host:/path, and sshfs as a type of its own.
        let program = what.split_once('#').map(|(program, _)| program);
        let kind = match (kind, program) {
            ("fuse", Some(program)) => format!("fuse.{program}"),
            ("sshfs" | "rclone", _) => format!("fuse.{kind}"),
            _ => kind.to_owned(),
        };
        let mount = Mount {
            place: PathBuf::from(unescaped(place)),
            kind,
            is_late: false,
        };
        let has = |name: &str| options.contains(&name);
        // Who asks for an automount waits for it.
        let is_late = (mount.is_of_network() || has("nofail") || has("noauto") || has("_netdev"))
            && !has("x-systemd.automount");
        place.starts_with('/').then_some(Mount { is_late, ..mount })
    });
    mounts.collect()
}

/// /proc/PID/mountinfo, see proc(5).
fn mountinfo(text: &str) -> Vec<Mount> {
    let mounts = text.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        Some(Mount {
            place: PathBuf::from(unescaped(before.split(' ').nth(4)?)),
            kind: after.split(' ').next()?.to_owned(),
            is_late: false,
        })
    });
    mounts.collect()
}

/// Blanks and backslashes stand there as `\040` and `\134`.
fn unescaped(field: &str) -> String {
    field
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_has_the_unit_that_systemd_escape_names() {
        for (place, unit) in [
            ("/", "-.mount"),
            ("/srv/bots", "srv-bots.mount"),
            ("/mnt/my-disk/a b", "mnt-my\\x2ddisk-a\\x20b.mount"),
            ("/.hidden/.x", "\\x2ehidden-.x.mount"),
            ("/srv/\u{e9}:_", "srv-\\xc3\\xa9:_.mount"),
        ] {
            let mount = Mount {
                place: place.into(),
                kind: "ext4".to_owned(),
                is_late: true,
            };
            assert_eq!(mount.unit_name(), unit);
        }
    }

    #[test]
    fn the_table_says_what_is_of_the_network_and_what_comes_late() {
        let text = "# a comment\nUUID=1 / ext4 defaults 0 1\nnas:/x /mnt/nas nfs4 rw 0 0\n\
            /dev/sdb1 /mnt/my\\040disk ext4 nofail 0 2\nsshfs#h:/ /mnt/h fuse x-systemd.automount 0 0\n\
            /dev/sdc1 /srv xfs defaults 0 2\nnone none swap sw 0 0\n";
        let all = fstab(text);
        let told: Vec<(String, bool, bool)> = all
            .iter()
            .map(|m| (m.place.display().to_string(), m.is_of_network(), m.is_late))
            .collect();
        let expected = [
            ("/", false, false),
            ("/mnt/nas", true, true),
            ("/mnt/my disk", false, true),
            ("/mnt/h", true, false),
            ("/srv", false, false),
        ];
        let expected = expected.map(|(place, net, late)| (place.to_owned(), net, late));
        assert_eq!(told, expected);
        let of = |path: &str| mount_of(&all, Path::new(path)).map(|m| m.kind.as_str());
        assert_eq!(of("/mnt/nas/hermes"), Some("nfs4"));
        assert_eq!(of("/mnt/nasty"), Some("ext4"));
        let line =
            "36 35 98:0 /a /mnt/b\\040c rw,noatime shared:1 master:2 - cifs //h/x rw\nnonsense\n";
        let found = mountinfo(line);
        assert_eq!((found.len(), found[0].is_of_network()), (1, true));
        assert_eq!(found[0].place, Path::new("/mnt/b c"));
    }
}
