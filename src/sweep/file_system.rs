//! What kind of file system a folder lies on, and whether other machines are likely to see it.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// Whether the compute nodes of a cluster see the same files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// A network file system.
    Likely,
    /// A disk, or the memory, of this machine.
    Unlikely,
    /// It can't be told from here.
    Unknown,
}

impl Shared {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Shared::Likely => "likely",
            Shared::Unlikely => "unlikely",
            Shared::Unknown => "unknown",
        }
    }
}

/// A folder's file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    /// The folder.
    pub path: PathBuf,
    /// Its kind (`ext4`, `nfs`, …), or the magic number of one without a name here.
    pub kind: String,
    /// Whether other machines see it.
    pub shared: Shared,
    /// Bytes free for this user.
    pub free: u64,
}

/// Magic numbers that Linux's `statfs` gives. `ext4` stands for ext2 and ext3, too.
const KINDS: &[(u32, &str, Shared)] = &[
    (0x6969, "nfs", Shared::Likely),
    (0x0BD0_0BD0, "lustre", Shared::Likely),
    (0x4750_4653, "gpfs", Shared::Likely),
    (0x1983_0326, "beegfs", Shared::Likely),
    (0x00C3_6400, "ceph", Shared::Likely),
    (0x5346_414F, "afs", Shared::Likely),
    (0xFF53_4D42, "cifs", Shared::Likely),
    (0xFE53_4D42, "smb2", Shared::Likely),
    (0x0102_1997, "9p", Shared::Likely),
    (0x0116_1970, "gfs2", Shared::Likely),
    (0x7461_636F, "ocfs2", Shared::Likely),
    (0xAAD7_AAEA, "panfs", Shared::Likely),
    (0x2003_0528, "orangefs", Shared::Likely),
    (0x6573_5546, "fuse", Shared::Unknown),
    (0xEF53, "ext4", Shared::Unlikely),
    (0x5846_5342, "xfs", Shared::Unlikely),
    (0x9123_683E, "btrfs", Shared::Unlikely),
    (0x2FC1_2FC1, "zfs", Shared::Unlikely),
    (0xF2F5_2010, "f2fs", Shared::Unlikely),
    (0xCA45_1A4E, "bcachefs", Shared::Unlikely),
    (0x0102_1994, "tmpfs", Shared::Unlikely),
    (0x8584_58F6, "ramfs", Shared::Unlikely),
    (0x794C_7630, "overlayfs", Shared::Unlikely),
    (0x4D44, "vfat", Shared::Unlikely),
];

/// Name and sharing of the file system with that magic number.
#[must_use]
pub fn named(magic: u32) -> (String, Shared) {
    KINDS.iter().find(|kind| kind.0 == magic).map_or_else(
        || (format!("0x{magic:x}"), Shared::Unknown),
        |&(_, name, shared)| (name.to_owned(), shared),
    )
}

/// The file system of `path`, or of the nearest folder above that exists.
///
/// # Errors
/// Where the system does not tell.
pub fn of(path: &Path) -> std::io::Result<FileSystem> {
    let there = path.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let stat = rustix::fs::statfs(there)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "magic numbers have 32 bits; their field is wider, and signed on some machines"
    )]
    let (kind, shared) = named(stat.f_type as u32);
    #[expect(clippy::cast_sign_loss, reason = "the size of a block is positive")]
    let block = stat.f_bsize as u64;
    let free = stat.f_bavail.saturating_mul(block);
    Ok(FileSystem { path: path.to_owned(), kind, shared, free })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_numbers_have_names() {
        assert_eq!(named(0x6969), ("nfs".to_owned(), Shared::Likely));
        assert_eq!(named(0xEF53), ("ext4".to_owned(), Shared::Unlikely));
        assert_eq!(named(0x1234), ("0x1234".to_owned(), Shared::Unknown));
        for (i, kind) in KINDS.iter().enumerate() {
            assert!(KINDS[..i].iter().all(|k| k.0 != kind.0 && k.1 != kind.1), "{kind:?} twice");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_file_system_above() {
        let above = of(Path::new("/")).unwrap();
        let below = of(Path::new("/no/such/folder")).unwrap();
        assert_eq!((above.kind, above.shared), (below.kind, below.shared));
    }

    #[test]
    fn proc_is_no_file_system_of_the_table() {
        let proc = of(Path::new("/proc")).unwrap();
        assert_eq!(proc.kind, "0x9fa0");
    }
}
