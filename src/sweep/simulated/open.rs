//! Open files of the simulated world: what one has read when it opened one, what it has written and
//! not synced, and what a refused sync loses of that.
use std::io;

use rustix::io::{Errno, Result};

use super::files::Inode;
use super::{World, refused, step, with};

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
    pub(super) fn of(world: &World, inode: usize, end: Option<usize>) -> Self {
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

    /// One that is refused says so once, and what was not there before is lost, or a part of it: of a file
    /// that is being written. A reader's takes nothing: the system tells the writer of it, too.
    pub fn sync(&self) -> io::Result<()> {
        step()?;
        let Some((node, _)) = self.on else { return Ok(()) };
        if let Err(errno) = refused(true) {
            if self.end.is_none() {
                return Err(errno.into());
            }
            with(|world| {
                let dirty = std::mem::take(&mut world.nodes[node].client.dirty);
                let (own, others) = dirty.into_iter().partition(|(of, ..)| *of == self.inode);
                world.nodes[node].client.dirty = others;
                world.server.take_some(own, &mut world.draw);
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
