//! The simulated file server and its clients. A client sees what others wrote when it opens a file or
//! lists a folder; what it knows by names alone can be out of date for a minute: names that were not
//! there, and what `stat` said. What it has not synced dies with its machine, or a part of it.
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::{Errno, Result};

use super::{Draw, World, lost, refused, step, with};
use crate::mutant::{self, Mutant};
use crate::store::fs::{About, FileKind};

/// Longest that a client trusts what it knows without asking, in seconds (`acdirmax` of NFS).
const TRUST: f64 = 60.0;

#[derive(Debug)]
enum Inode {
    File { bytes: Vec<u8>, links: u64 },
    Folder(BTreeSet<String>),
}

/// What is on the server.
#[derive(Debug, Default)]
pub struct Server {
    inodes: Vec<Inode>,
    names: HashMap<PathBuf, usize>,
}

/// What a machine keeps of it.
#[derive(Debug, Default)]
pub struct Client {
    /// Names that were not there, and until when that is believed.
    absent: HashMap<PathBuf, f64>,
    /// What `stat` said, and until when that is believed.
    known: HashMap<PathBuf, (About, f64)>,
    /// What folders held, for those that do not open them.
    listed: HashMap<PathBuf, (Vec<String>, f64)>,
    /// What was written and not synced: file, offset, bytes.
    dirty: Vec<(usize, usize, Vec<u8>)>,
}

impl Server {
    pub fn make_root(&mut self, path: &Path) {
        self.inodes.push(Inode::Folder(BTreeSet::new()));
        self.names.insert(path.to_owned(), self.inodes.len() - 1);
    }

    pub fn files(&self) -> usize {
        self.names.len()
    }

    fn add(&mut self, path: &Path, inode: usize) -> Result<()> {
        let above = path.parent().and_then(|above| self.names.get(above)).copied();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(Errno::INVAL)?;
        match above.map(|above| &mut self.inodes[above]) {
            Some(Inode::Folder(names)) => names.insert(name.to_owned()),
            _ => return Err(Errno::NOENT),
        };
        self.names.insert(path.to_owned(), inode);
        if let Inode::File { links, .. } = &mut self.inodes[inode] {
            *links += 1;
        }
        Ok(())
    }

    fn take_away(&mut self, path: &Path) -> Result<usize> {
        let inode = self.names.remove(path).ok_or(Errno::NOENT)?;
        let above = path.parent().and_then(|above| self.names.get(above)).copied();
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

    fn put(&mut self, inode: usize, offset: usize, written: &[u8]) {
        if let Inode::File { bytes, .. } = &mut self.inodes[inode] {
            let end = bytes.len().max(offset + written.len());
            bytes.resize(end, 0);
            bytes[offset..offset + written.len()].copy_from_slice(written);
        }
    }

    /// Of what a machine had not synced when it died, a part may have come here before, in order.
    pub fn take_some(&mut self, client: Client, draw: &mut Draw) {
        let mut cut = BTreeSet::new();
        for (inode, offset, bytes) in client.dirty {
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
        let inode = *self.names.get(path)?;
        let user = rustix::process::getuid().as_raw();
        let about = About {
            kind: FileKind::Folder,
            mode: 0o750,
            user,
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
            Some(about) => drop(client.known.insert(path.to_owned(), (about, until))),
            None => drop(client.absent.insert(path.to_owned(), until)),
        }
    }

    /// A client that has changed a name, or met it when it tried, knows it anew.
    fn forget(&mut self, path: &Path) {
        if let Some(client) = self.client() {
            client.absent.remove(path);
            client.known.remove(path);
        }
    }

    fn is_believed_absent(&mut self, path: &Path) -> bool {
        let now = self.now;
        // A folder that is believed absent hides what is in it.
        self.client().is_some_and(|client| {
            path.ancestors().any(|p| client.absent.get(p).is_some_and(|until| *until > now))
        })
    }

    fn find(&mut self, path: &Path) -> Result<usize> {
        if self.is_believed_absent(path) {
            return Err(Errno::NOENT);
        }
        let found = self.server.names.get(path).copied();
        if found.is_none() {
            self.believe(path, None);
        }
        found.ok_or(Errno::NOENT)
    }

    fn flush(&mut self, node: usize, inode: usize) {
        let dirty = std::mem::take(&mut self.nodes[node].client.dirty);
        let (own, others) = dirty.into_iter().partition(|(of, ..)| *of == inode);
        self.nodes[node].client.dirty = others;
        let own: Vec<(usize, usize, Vec<u8>)> = own;
        own.iter().for_each(|(_, offset, bytes)| self.server.put(inode, *offset, bytes));
    }
}

/// An open file.
#[derive(Debug)]
pub struct Open {
    inode: usize,
    /// What it held when it was opened for reading.
    seen: Vec<u8>,
    /// Where it is written next, where it is.
    end: Option<usize>,
    /// The machine, and how often that had been started.
    on: Option<(usize, u32)>,
}

impl Open {
    fn of(world: &World, inode: usize, end: Option<usize>) -> Self {
        let on = world.node().map(|node| (node, world.nodes[node].boots));
        let mut seen = match &world.server.inodes[inode] {
            Inode::File { bytes, .. } if end.is_none() => bytes.clone(),
            _ => Vec::new(),
        };
        if let (Some((node, _)), None) = (on, end) {
            let dirty = &world.nodes[node].client.dirty;
            for (_, offset, bytes) in dirty.iter().filter(|(of, ..)| *of == inode) {
                seen.resize(seen.len().max(offset + bytes.len()), 0);
                seen[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
        Self { inode, seen, end, on }
    }

    pub fn length(&self) -> io::Result<u64> {
        Ok(self.seen.len() as u64)
    }

    /// A file that was removed meanwhile has no handle any more.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        step()?;
        let gone = with(|world| {
            let gone = matches!(&world.server.inodes[self.inode], Inode::File { links: 0, .. });
            gone && world.current.is_some() && world.draw.one_in(2)
        });
        if gone {
            return Err(Errno::STALE.into());
        }
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.seen.len());
        let part = &self.seen[from..];
        let length = part.len().min(bytes.len());
        bytes[..length].copy_from_slice(&part[..length]);
        Ok(length)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        step()?;
        let full = refused(true);
        let taken = if full.is_err() { bytes.len() / 2 } else { bytes.len() };
        let offset = self.end.unwrap_or(0);
        self.end = Some(offset + taken);
        with(|world| match self.on {
            Some((node, _)) => {
                let part = (self.inode, offset, bytes[..taken].to_vec());
                world.nodes[node].client.dirty.push(part);
                // Machines write when they like, too.
                if world.draw.one_in(8) {
                    world.flush(node, self.inode);
                }
            }
            None => world.server.put(self.inode, offset, &bytes[..taken]),
        });
        full?;
        Ok(taken)
    }

    /// One that is refused says so once, and what was not there before is lost, or a part of it.
    pub fn sync(&self) -> io::Result<()> {
        step()?;
        let Some((node, _)) = self.on else { return Ok(()) };
        if let Err(errno) = refused(true) {
            with(|world| {
                let dirty = std::mem::take(&mut world.nodes[node].client.dirty);
                let (own, others) = dirty.into_iter().partition(|(of, ..)| *of == self.inode);
                world.nodes[node].client.dirty = others;
                let lost = Client { dirty: own, ..Client::default() };
                world.server.take_some(lost, &mut world.draw);
            });
            return Err(errno.into());
        }
        with(|world| world.flush(node, self.inode));
        Ok(())
    }

    pub fn links(&self) -> Result<u64> {
        with(|world| match &world.server.inodes[self.inode] {
            Inode::File { links, .. } => Ok(*links),
            Inode::Folder(_) => Err(Errno::ISDIR),
        })
    }
}

/// Closing writes what is left, also where the process was killed; not where the machine died.
impl Drop for Open {
    fn drop(&mut self) {
        let (Some((node, boots)), Some(_)) = (self.on, self.end) else { return };
        let _no_world = super::of(|world| {
            if world.nodes[node].boots == boots {
                world.flush(node, self.inode);
            }
        });
    }
}

pub fn create(path: &Path, flags: OFlags) -> Result<Open> {
    step()?;
    refused(true)?;
    with(|world| {
        world.forget(path);
        if let Some(inode) = world.server.names.get(path).copied() {
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
    step()?;
    refused(true)?;
    with(|world| {
        world.forget(to);
        let inode = world.server.names.get(from).copied().ok_or(Errno::NOENT)?;
        if world.server.names.contains_key(to) {
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
    step()?;
    refused(true)?;
    with(|world| {
        world.forget(to);
        world.forget(from);
        if !world.server.names.contains_key(from) {
            return Err(Errno::NOENT);
        }
        let _replaced = world.server.take_away(to);
        let inode = world.server.take_away(from)?;
        world.server.add(to, inode)
    })?;
    if lost() { Err(Errno::IO) } else { Ok(()) }
}

pub fn unlink(path: &Path) -> Result<()> {
    step()?;
    refused(true)?;
    with(|world| {
        world.forget(path);
        world.server.take_away(path).map(drop)
    })?;
    if lost() { Err(Errno::NOENT) } else { Ok(()) }
}

pub fn mkdir(path: &Path) -> Result<()> {
    step()?;
    refused(true)?;
    with(|world| {
        world.forget(path);
        if world.server.names.contains_key(path) {
            return Err(Errno::EXIST);
        }
        world.server.inodes.push(Inode::Folder(BTreeSet::new()));
        let inode = world.server.inodes.len() - 1;
        world.server.add(path, inode)
    })?;
    if lost() { Err(Errno::EXIST) } else { Ok(()) }
}

pub fn rmdir(path: &Path) -> Result<()> {
    step()?;
    refused(true)?;
    with(|world| {
        let inode = world.server.names.get(path).copied().ok_or(Errno::NOENT)?;
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
        let kept = world.client().and_then(|client| client.listed.get(path));
        if let Some((names, until)) = kept
            && mutant::is(Mutant::FolderNotOpened)
            && *until > now
        {
            return Ok(names.clone());
        }
        let inode = world.find(path)?;
        let Inode::Folder(names) = &world.server.inodes[inode] else { return Err(Errno::NOTDIR) };
        let names: Vec<String> = names.iter().cloned().collect();
        if let Some(client) = world.client() {
            client.absent.retain(|absent, _| absent.parent() != Some(path));
            client.listed.insert(path.to_owned(), (names.clone(), until));
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
        let known = world.client().and_then(|client| client.known.get(path)).copied();
        if let Some((about, _)) = known.filter(|(_, until)| *until > now) {
            return Ok(about);
        }
        let about = world.server.about(path);
        world.believe(path, about);
        about.ok_or(Errno::NOENT)
    })?)
}
