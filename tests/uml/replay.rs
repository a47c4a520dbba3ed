//! Makes of a log of dm-log-writes the disks that a power failure may leave: all that a flush had confirmed, and of what
//! was written after it any part, in any order.
//!
//!     replay LOG DISK SEED COUNT COMMAND [ARGUMENTS]
//!
//! `DISK` is the disk before the first write of the log. For each of COUNT power failures, drawn from the seed, `COMMAND` is
//! run with the path of the disk that is left, and of a file with the marks of the log until then, a line a mark.
//! Exit code 1 where a command fails. The form of the log: `drivers/md/dm-log-writes.c` of Linux, version 1.
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, ExitCode};

const MAGIC: u64 = 0x6a73_6677_7368_72;
const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;

/// One entry of the log.
struct Entry {
    flags: u64,
    /// Where on the disk, in bytes.
    at: u64,
    /// Where its bytes are in the log, and how many.
    data: (u64, usize),
    mark: String,
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn read_log(log: &File) -> io::Result<Vec<Entry>> {
    let mut head = [0; 28];
    log.read_exact_at(&mut head, 0)?;
    if number(&head, 0) != MAGIC || number(&head, 8) != 1 {
        return Err(io::Error::other("this is no log of dm-log-writes, version 1"));
    }
    let sector = u64::from(u32::from_le_bytes(head[24..28].try_into().expect("four bytes")));
    let mut at = sector;
    let mut entries = Vec::new();
    for _ in 0..number(&head, 16) {
        let mut block = vec![0; sector as usize];
        log.read_exact_at(&mut block, at)?;
        let [start, sectors, flags, length] = [0, 8, 16, 24].map(|field| number(&block, field));
        let has_data = flags & (DISCARD | MARK) == 0;
        let bytes = if has_data { sectors * sector } else { 0 };
        let mark = if flags & MARK == 0 { &[][..] } else { &block[32..32 + length as usize] };
        entries.push(Entry {
            flags,
            at: start * sector,
            data: (at + sector, bytes as usize),
            mark: String::from_utf8_lossy(mark).trim_end_matches('\0').to_owned(),
        });
        at += sector + bytes;
    }
    Ok(entries)
}

/// SplitMix64: the next number of a seed.
fn draw(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn write(log: &File, entry: &Entry, disk: &File) -> io::Result<()> {
    let mut bytes = vec![0; entry.data.1];
    log.read_exact_at(&mut bytes, entry.data.0)?;
    disk.write_all_at(&bytes, entry.at)
}

fn main() -> io::Result<ExitCode> {
    let words: Vec<String> = std::env::args().collect();
    let [_, log, disk, seed, count, command, arguments @ ..] = &words[..] else {
        return Err(io::Error::other("replay LOG DISK SEED COUNT COMMAND [ARGUMENTS]"));
    };
    let parsed = |text: &String| text.parse::<u64>().map_err(io::Error::other);
    let (mut seed, count) = (parsed(seed)?, parsed(count)?);
    let log = File::open(log)?;
    let entries = read_log(&log)?;
    let flushes: Vec<usize> =
        (0..entries.len()).filter(|n| entries[*n].flags & (FLUSH | FUA) != 0).collect();
    if flushes.is_empty() {
        return Err(io::Error::other("the log has no flush"));
    }
    let at: BTreeSet<usize> = (0..count)
        .map(|_| (draw(&mut seed) % flushes.len() as u64) as usize)
        .collect();
    // The confirmed part grows from one power failure to the next.
    let (confirmed, left, marks) =
        (format!("{disk}.confirmed"), format!("{disk}.left"), format!("{disk}.marks"));
    fs::copy(disk, &confirmed)?;
    let (mut written, mut told, mut failures) = (0, String::new(), 0);
    for flush in at {
        let base = File::options().write(true).open(&confirmed)?;
        for entry in &entries[written..=flushes[flush]] {
            write(&log, entry, &base)?;
            if entry.flags & MARK != 0 {
                told += &format!("{}\n", entry.mark.replace(':', " "));
            }
        }
        written = flushes[flush] + 1;
        let open = written..flushes.get(flush + 1).copied().unwrap_or(entries.len());
        fs::copy(&confirmed, &left)?;
        let disk = File::options().write(true).open(&left)?;
        let mut seen = told.clone();
        let mut kept: Vec<&Entry> = entries[open].iter().filter(|_| draw(&mut seed) % 2 == 0).collect();
        for n in (1..kept.len()).rev() {
            kept.swap(n, (draw(&mut seed) % (n as u64 + 1)) as usize);
        }
        for entry in kept {
            write(&log, entry, &disk)?;
            if entry.flags & MARK != 0 {
                seen += &format!("{}\n", entry.mark.replace(':', " "));
            }
        }
        fs::write(&marks, seen)?;
        if !Command::new(command).args(arguments).args([&left, &marks]).status()?.success() {
            eprintln!("failed: after entry {} of the log", written);
            failures += 1;
        }
    }
    println!("entries {}, flushes {}, failures {failures}", entries.len(), flushes.len());
    Ok(ExitCode::from(u8::from(failures > 0)))
}
