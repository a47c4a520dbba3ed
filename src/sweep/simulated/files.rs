//! The simulated file server and its clients. A client sees what others wrote when it opens a file or
//! lists a folder; what it knows by names alone can be out of date for a minute: names that were not
//! there, and what `stat` said. What it has not synced dies with its machine, or a part of it.
use std::collections::{BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno, Result};

pub use super::open::Open;
use super::{Draw, World, lost, refused, step, with};
use crate::mutant::{self, Mutant};
use crate::store::fs::{About, FileKind};

/// Longest that a client trusts what it knows without asking, in seconds (`acdirmax` of NFS).
const TRUST: f64 = 60.0;

#[derive(Debug)]
pub(super) enum Inode {
    File { bytes: Vec<u8>, links: u64 },
    Folder(BTreeSet<String>),
}

/// By whole paths, as they are spelled: hashing these is much of what a world does.
type Names<T> = HashMap<OsString, T>;

/// The folder that a path is in.
fn above(path: &OsStr) -> Option<&OsStr> {
    let at = path.as_bytes().iter().rposition(|byte| *byte == b'/')?;
    Some(OsStr::from_bytes(&path.as_bytes()[..at]))
}

/// What is on the server.
#[derive(Debug, Default)]
pub struct Server {
    pub(super) inodes: Vec<Inode>,
    names: Names<usize>,
    /// Whose all of it is.
    user: u32,
}

/// What a machine keeps of it.
#[derive(Debug, Default)]
pub struct Client {
    /// Names that were not there, and until when that is believed.
    absent: Names<f64>,
    /// What `stat` said, and until when that is believed.
    known: Names<(About, f64)>,
    /// What folders held, for those that do not open them.
    listed: Names<(Vec<String>, f64)>,
    /// What was written and not synced.
    pub(super) dirty: Vec<Unsaved>,
}

/// What was written to a file: which one, offset, bytes.
pub(super) type Unsaved = (usize, usize, Vec<u8>);

impl Server {
    pub fn make_root(&mut self, path: &Path) {
        self.user = crate::host::user();
        self.inodes.push(Inode::Folder(BTreeSet::new()));
        self.names.insert(path.into(), self.inodes.len() - 1);
    }

    pub fn files(&self) -> usize {
        self.names.len()
    }

    /// Files in the making that are still there.
    pub fn drafts(&self) -> Vec<&OsStr> {
        let is_draft = |path: &&OsString| path.as_bytes().ends_with(b".tmp");
        self.names.keys().filter(is_draft).map(OsString::as_os_str).collect()
    }

    /// The files of a folder whose names end so.
    pub fn ending(&self, folder: &Path, end: &str) -> Vec<usize> {
        let Some(Inode::Folder(names)) =
            self.names.get(folder.as_os_str()).map(|inode| &self.inodes[*inode])
        else {
            return Vec::new();
        };
        let path = |name: &String| self.names.get(folder.join(name).as_os_str()).copied();
        names.iter().filter(|name| name.ends_with(end)).filter_map(path).collect()
    }

    fn add(&mut self, path: &Path, inode: usize) -> Result<()> {
        let above = above(path.as_os_str()).and_then(|above| self.names.get(above)).copied();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(Errno::INVAL)?;
        match above.map(|above| &mut self.inodes[above]) {
            Some(Inode::Folder(names)) => names.insert(name.to_owned()),
            _ => return Err(Errno::NOENT),
        };
        self.names.insert(path.into(), inode);
        if let Inode::File { links, .. } = &mut self.inodes[inode] {
            *links += 1;
        }
        Ok(())
    }

    fn take_away(&mut self, path: &Path) -> Result<usize> {
        let inode = self.names.remove(path.as_os_str()).ok_or(Errno::NOENT)?;
        let above = above(path.as_os_str()).and_then(|above| self.names.get(above)).copied();
        if let (Some(above), Some(name)) = (above, path.file_name().and_then(|n| n.to_str()))
            && let Inode::Folder(names) = &mut self.inodes[above]
        {
            names.remove(name);
        }
        if let Inode::File { links, .. } = &mut self.inodes[inode] {
            *links -= 1;
        }
        Ok(inode)
    }

    pub(super) fn put(&mut self, inode: usize, offset: usize, written: &[u8]) {
        if let Inode::File { bytes, .. } = &mut self.inodes[inode] {
            let end = bytes.len().max(offset + written.len());
            bytes.resize(end, 0);
            bytes[offset..offset + written.len()].copy_from_slice(written);
        }
    }

    /// Of what a machine had not synced when it died, a part may have come here before, in order.
    pub fn take_some(&mut self, unsaved: Vec<Unsaved>, draw: &mut Draw) {
        let mut cut = BTreeSet::new();
        for (inode, offset, bytes) in unsaved {
            if cut.contains(&inode) {
                continue;
            }
            let kept = draw.below(bytes.len() as u64 + 1) as usize;
            self.put(inode, offset, &bytes[..kept]);
            if kept < bytes.len() {
                cut.insert(inode);
            }
        }
    }

    fn about(&self, path: &Path) -> Option<About> {
        let inode = *self.names.get(path.as_os_str())?;
        let user = self.user;
        let about = About {
            kind: FileKind::Folder,
            mode: 0o750,
            user,
            group: user,
            links: 2,
            inode: inode as u64,
            length: 0,
        };
        Some(match &self.inodes[inode] {
            Inode::Folder(_) => about,
            Inode::File { bytes, links } => About {
                kind: FileKind::Plain,
                mode: 0o640,
                links: *links,
                length: bytes.len() as u64,
                ..about
            },
        })
    }
}

impl World {
    fn client(&mut self) -> Option<&mut Client> {
        let node = self.node()?;
        Some(&mut self.nodes[node].client)
    }

    /// What a client believes of a name for a while.
    fn believe(&mut self, path: &Path, about: Option<About>) {
        let until = self.now + self.draw.seconds(TRUST);
        let Some(client) = self.client() else { return };
        match about {
            Some(about) => drop(client.known.insert(path.into(), (about, until))),
            None => drop(client.absent.insert(path.into(), until)),
        }
    }

    /// A client that has changed a name, or met it when it tried, knows it anew.
    fn forget(&mut self, path: &Path) {
        if let Some(client) = self.client() {
            client.absent.remove(path.as_os_str());
            client.known.remove(path.as_os_str());
        }
    }

    fn is_believed_absent(&mut self, path: &Path) -> bool {
        let now = self.now;
        // A folder that is believed absent hides what is in it.
        self.client().is_some_and(|client| {
            let mut paths = std::iter::successors(Some(path.as_os_str()), |path| above(path));
            !client.absent.is_empty()
                && paths.any(|p| client.absent.get(p).is_some_and(|until| *until > now))
        })
    }

    fn find(&mut self, path: &Path) -> Result<usize> {
        if self.is_believed_absent(path) {
            return Err(Errno::NOENT);
        }
        let found = self.server.names.get(path.as_os_str()).copied();
        if found.is_none() {
            self.believe(path, None);
        }
        found.ok_or(Errno::NOENT)
    }

    /// Whether a machine has written to a file what the server does not have.
    pub fn is_unsaved(&self, inode: usize) -> bool {
        self.nodes.iter().any(|node| node.client.dirty.iter().any(|(of, ..)| *of == inode))
    }

    pub(super) fn flush(&mut self, node: usize, inode: usize) {
        let dirty = std::mem::take(&mut self.nodes[node].client.dirty);
        let (own, others) = dirty.into_iter().partition(|(of, ..)| *of == inode);
        self.nodes[node].client.dirty = others;
        let own: Vec<Unsaved> = own;
        own.iter().for_each(|(_, offset, bytes)| self.server.put(inode, *offset, bytes));
    }
}

/// Before a change of a name: nothing outside the sweep's directory is touched.
fn changes(path: &Path) -> Result<()> {
    step()?;
    refused(true)?;
    with(|world| {
        let above = path.as_os_str().as_bytes().strip_prefix(world.inside.as_os_str().as_bytes());
        if !above.is_some_and(|rest| rest.is_empty() || rest[0] == b'/') {
            world.witness.strays.push(path.to_owned());
        }
    });
    Ok(())
}

pub fn create(path: &Path, flags: OFlags) -> Result<Open> {
    changes(path)?;
    with(|world| {
        world.forget(path);
        if let Some(inode) = world.server.names.get(path.as_os_str()).copied() {
            if flags.contains(OFlags::EXCL) {
                return Err(Errno::EXIST);
            }
            let end = world.server.about(path).map(|about| about.length as usize);
            return Ok(Open::of(world, inode, end));
        }
        world.server.inodes.push(Inode::File { bytes: Vec::new(), links: 0 });
        let inode = world.server.inodes.len() - 1;
        world.server.add(path, inode)?;
        Ok(Open::of(world, inode, Some(0)))
    })
}

pub fn open(path: &Path) -> Result<Open> {
    step()?;
    refused(false)?;
    with(|world| {
        let inode = world.find(path)?;
        Ok(Open::of(world, inode, None))
    })
}

pub fn link(from: &Path, to: &Path) -> Result<()> {
    changes(to)?;
    with(|world| {
        world.forget(to);
        let inode = world.server.names.get(from.as_os_str()).copied().ok_or(Errno::NOENT)?;
        if world.server.names.contains_key(to.as_os_str()) {
            return Err(Errno::EXIST);
        }
        world.server.add(to, inode)
    })?;
    // It is asked again, and finds what it did itself.
    if lost() {
        Err(if with(|w| w.draw.one_in(2)) { Errno::EXIST } else { Errno::IO })
    } else {
        Ok(())
    }
}

pub fn rename(from: &Path, to: &Path) -> Result<()> {
    changes(to)?;
    with(|world| {
        world.forget(to);
        world.forget(from);
        if !world.server.names.contains_key(from.as_os_str()) {
            return Err(Errno::NOENT);
        }
        let _replaced = world.server.take_away(to);
        let inode = world.server.take_away(from)?;
        world.server.add(to, inode)
    })?;
    if lost() { Err(Errno::IO) } else { Ok(()) }
}

pub fn unlink(path: &Path) -> Result<()> {
    changes(path)?;
    with(|world| {
        world.forget(path);
        world.server.take_away(path).map(drop)
    })?;
    if lost() { Err(Errno::NOENT) } else { Ok(()) }
}

pub fn mkdir(path: &Path) -> Result<()> {
    changes(path)?;
    with(|world| {
        world.forget(path);
        if world.server.names.contains_key(path.as_os_str()) {
            return Err(Errno::EXIST);
        }
        world.server.inodes.push(Inode::Folder(BTreeSet::new()));
        let inode = world.server.inodes.len() - 1;
        world.server.add(path, inode)
    })?;
    if lost() { Err(Errno::EXIST) } else { Ok(()) }
}

pub fn rmdir(path: &Path) -> Result<()> {
    changes(path)?;
    with(|world| {
        let inode = world.server.names.get(path.as_os_str()).copied().ok_or(Errno::NOENT)?;
        match &world.server.inodes[inode] {
            Inode::Folder(names) if names.is_empty() => world.server.take_away(path).map(drop),
            _ => Err(Errno::NOTEMPTY),
        }
    })
}

pub fn sync_dir(_: &Path) -> Result<()> {
    step()?;
    refused(true)
}

/// Opening a folder asks the server what is in it.
pub fn list(path: &Path) -> io::Result<Vec<String>> {
    step()?;
    refused(false)?;
    Ok(with(|world| {
        let (now, until) = (world.now, world.now + TRUST);
        let asks_times = mutant::is(Mutant::FolderNotOpened);
        let kept = world.client().and_then(|client| client.listed.get(path.as_os_str()));
        if let Some((names, _)) = kept.filter(|(_, until)| asks_times && *until > now) {
            return Ok(names.clone());
        }
        let inode = world.find(path)?;
        let Inode::Folder(names) = &world.server.inodes[inode] else { return Err(Errno::NOTDIR) };
        let names: Vec<String> = names.iter().cloned().collect();
        if let Some(client) = world.client() {
            let here = |absent: &OsStr| above(absent) == Some(path.as_os_str());
            client.absent.retain(|absent, until| *until > now && !here(absent));
            if asks_times {
                client.listed.insert(path.into(), (names.clone(), until));
            }
        }
        Ok(names)
    })?)
}

pub fn about(path: &Path) -> io::Result<About> {
    step()?;
    Ok(with(|world| {
        if world.is_believed_absent(path) {
            return Err(Errno::NOENT);
        }
        let now = world.now;
        let known = world.client().and_then(|client| client.known.get(path.as_os_str())).copied();
        if let Some((about, _)) = known.filter(|(_, until)| *until > now) {
            return Ok(about);
        }
        let about = world.server.about(path);
        world.believe(path, about);
        about.ok_or(Errno::NOENT)
    })?)
}
