//! What the system does with files, one operation a function: all others are made of these. In
//! tests a simulated file system can stand in its place.
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, Result};

#[cfg(test)]
use crate::simulated::files as simulated;

/// An open file.
#[derive(Debug)]
pub enum OpenFile {
    /// Of the system.
    System(File),
    /// Of a simulated file system.
    #[cfg(test)]
    Simulated(simulated::Open),
}

/// Does it there where a file system is simulated.
macro_rules! simulated {
    ($what:expr) => {
        #[cfg(test)]
        if crate::simulated::is_on() {
            return $what;
        }
    };
}

/// Does it there where the file is simulated.
macro_rules! of {
    ($self:expr, $file:ident => $system:expr, $open:ident => $simulated:expr) => {
        match $self {
            OpenFile::System($file) => $system,
            #[cfg(test)]
            OpenFile::Simulated($open) => $simulated,
        }
    };
}

impl OpenFile {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system refused.
    pub fn length(&self) -> io::Result<u64> {
        of!(self, file => file.metadata().map(|about| about.len()), open => open.length())
    }

    /// Reads from an offset on; 0 at the end of the file.
    ///
    /// # Errors
    /// What the system refused.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        of!(self, file => file.read_at(bytes, offset), open => open.read_at(bytes, offset))
    }

    /// All from an offset on.
    ///
    /// # Errors
    /// What the system refused.
    pub fn read_from(&self, offset: u64) -> io::Result<Vec<u8>> {
        let left = self.length()?.saturating_sub(offset);
        // One more than is there, so that the end is met at once.
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).saturating_add(1)];
        let mut filled = 0;
        loop {
            match self.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(cause),
            }
            if filled == bytes.len() {
                bytes.resize(2 * filled, 0);
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use std::io::Write as _;
        of!(self, file => file.write(bytes), open => open.write(bytes))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        of!(self, file => file.sync_all(), open => open.sync())
    }

    pub(super) fn links(&self) -> Result<u64> {
        of!(self, file => Ok(rustix::fs::fstat(file)?.st_nlink), open => open.links())
    }

    pub(super) fn make_program(&self) -> Result<()> {
        of!(self, file => rustix::fs::fchmod(file, Mode::from_raw_mode(0o750)), _open => Ok(()))
    }

    /// Cuts it, as a fault does.
    #[cfg(test)]
    pub(super) fn cut(&self, length: u64) -> io::Result<()> {
        of!(self, file => file.set_len(length), _open => unreachable!("only where a disk is real"))
    }

    /// The system's own file.
    pub(super) fn into_system(self) -> File {
        of!(self, file => file, _open => unreachable!("what programs print is not simulated"))
    }
}

/// Whether files are simulated here.
#[cfg(not(test))]
pub(super) const fn is_simulated() -> bool {
    false
}

#[cfg(test)]
pub(super) use crate::simulated::is_on as is_simulated;

/// Creates a file for writing.
pub(super) fn create(path: &Path, flags: OFlags) -> Result<OpenFile> {
    simulated!(simulated::create(path, flags).map(OpenFile::Simulated));
    let fd = rustix::fs::open(path, flags, Mode::from_raw_mode(0o640))?;
    Ok(OpenFile::System(fd.into()))
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<OpenFile> {
    simulated!(simulated::open(path).map(OpenFile::Simulated));
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(OpenFile::System(rustix::fs::open(path, flags, Mode::empty())?.into()))
}

pub(super) fn link(from: &Path, to: &Path) -> Result<()> {
    simulated!(simulated::link(from, to));
    rustix::fs::linkat(CWD, from, CWD, to, AtFlags::empty())
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    simulated!(simulated::rename(from, to));
    rustix::fs::rename(from, to)
}

pub(super) fn rename_new(from: &Path, to: &Path) -> Result<()> {
    simulated!(simulated::rename(from, to));
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)
}

pub(super) fn unlink(path: &Path) -> Result<()> {
    simulated!(simulated::unlink(path));
    rustix::fs::unlink(path)
}

pub(super) fn mkdir(path: &Path) -> Result<()> {
    simulated!(simulated::mkdir(path));
    rustix::fs::mkdir(path, Mode::from_raw_mode(0o750 | IN_THE_MAKING))
}

/// The bit of a folder's mode that says that it may not be durable yet: the sticky bit, which means
/// nothing where only the owner may write.
pub(super) const IN_THE_MAKING: u32 = 0o1000;

pub(super) fn chmod(path: &Path, mode: u32) -> Result<()> {
    simulated!(Ok(()));
    rustix::fs::chmod(path, Mode::from_raw_mode(mode & 0o7777))
}

pub(super) fn rmdir(path: &Path) -> Result<()> {
    simulated!(simulated::rmdir(path));
    rustix::fs::rmdir(path)
}

/// Makes durable which names a folder holds. A file system that knows no such thing is taken at
/// its word.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    simulated!(simulated::sync_dir(path));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::fsync(rustix::fs::open(path, flags, Mode::empty())?) {
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        synced => synced,
    }
}

/// The names in a folder, which is opened for it.
pub(super) fn list(path: &Path) -> io::Result<Vec<String>> {
    simulated!(simulated::list(path));
    // A name that is not UTF-8 is none of ours.
    std::fs::read_dir(path)?
        .filter_map(|entry| entry.map(|e| e.file_name().into_string().ok()).transpose())
        .collect()
}

/// What the system says of a file without opening it. On a network file system that may be out of
/// date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// What it is.
    pub kind: FileKind,
    /// Its mode.
    pub mode: u32,
    /// Its owner's number.
    pub user: u32,
    /// Its group's number.
    pub group: u32,
    /// How many names it has.
    pub links: u64,
    /// Its number, which tells two names of it from two files.
    pub inode: u64,
    /// Its length in bytes.
    pub length: u64,
}

impl About {
    /// Whether it is a folder that may not be durable yet, and none that others may write to: there the
    /// bit means something.
    pub(super) fn is_folder_in_the_making(&self) -> bool {
        let others = 0o027;
        self.kind == FileKind::Folder && self.mode & (IN_THE_MAKING | others) == IN_THE_MAKING
    }

    /// Whether files in this folder get its group, and this process is not in that: Linux takes that
    /// from a folder when such a one changes its mode.
    pub(super) fn gives_a_group_of_others(&self) -> bool {
        const SET_GROUP: u32 = 0o2000;
        let is_ours = |group: u32| {
            rustix::process::getegid().as_raw() == group
                || rustix::process::getgroups()
                    .is_ok_and(|all| all.iter().any(|one| one.as_raw() == group))
        };
        self.mode & SET_GROUP != 0 && !is_ours(self.group)
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    Plain,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Special,
}

pub(super) fn about(path: &Path, follow: bool) -> io::Result<About> {
    simulated!(simulated::about(path));
    let about = if follow { path.metadata()? } else { path.symlink_metadata()? };
    let kind = about.file_type();
    let kind = match () {
        () if kind.is_symlink() => FileKind::Link,
        () if kind.is_dir() => FileKind::Folder,
        () if kind.is_fifo() || kind.is_socket() => FileKind::Special,
        () if kind.is_block_device() || kind.is_char_device() => FileKind::Special,
        () => FileKind::Plain,
    };
    Ok(About {
        kind,
        mode: about.mode(),
        user: about.uid(),
        group: about.gid(),
        links: about.nlink(),
        inode: about.ino(),
        length: about.len(),
    })
}
