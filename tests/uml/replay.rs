//! Makes of a log of dm-log-writes the disks that a power failure may leave: all that a flush had confirmed, and of what
//! was written after it any part, in any order.
//!
//!     replay LOG DISK SEED COUNT COMMAND [ARGUMENTS]
//!
//! `DISK` is the disk before the first write of the log. For each of COUNT power failures, drawn from the seed, `COMMAND` is
//! run with the path of the disk that is left, and of a file with the marks of the log until then, a line a mark.
//! Exit code 1 where a command fails. The form of the log: `drivers/md/dm-log-writes.c` of Linux, version 1.
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, ExitCode};

const MAGIC: u64 = 0x006a_7366_7773_6872;
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

impl Entry {
    /// Its mark as a line, with the spaces that a mark can't have; nothing of a write.
    fn told(&self) -> String {
        if self.flags & MARK == 0 { String::new() } else { self.mark.replace(':', " ") + "\n" }
    }
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
        // `nr_sectors` of these two is of no data in the log.
        let bytes = if flags & (DISCARD | MARK) == 0 { sectors * sector } else { 0 };
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

fn write_all<'e>(
    log: &File,
    entries: impl Iterator<Item = &'e Entry>,
    disk: &str,
) -> io::Result<()> {
    let disk = File::options().write(true).open(disk)?;
    for entry in entries {
        let mut bytes = vec![0; entry.data.1];
        log.read_exact_at(&mut bytes, entry.data.0)?;
        disk.write_all_at(&bytes, entry.at)?;
    }
    Ok(())
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
    // In order: the confirmed part grows from one power failure to the next.
    let mut moments: Vec<usize> =
        (0..count).map(|_| (draw(&mut seed) % flushes.len() as u64) as usize).collect();
    moments.sort_unstable();
    let (confirmed, left, marks) =
        (format!("{disk}.confirmed"), format!("{disk}.left"), format!("{disk}.marks"));
    fs::copy(disk, &confirmed)?;
    let (mut written, mut failures) = (0, 0);
    for moment in moments {
        let next = flushes[moment] + 1;
        write_all(&log, entries[written..next].iter(), &confirmed)?;
        written = next;
        let open = written..flushes.get(moment + 1).copied().unwrap_or(entries.len());
        let told: String = entries[..open.end].iter().map(Entry::told).collect();
        fs::write(&marks, told)?;
        let mut kept: Vec<&Entry> =
            entries[open].iter().filter(|_| draw(&mut seed).is_multiple_of(2)).collect();
        for n in (1..kept.len()).rev() {
            kept.swap(n, (draw(&mut seed) % (n as u64 + 1)) as usize);
        }
        fs::copy(&confirmed, &left)?;
        write_all(&log, kept.into_iter(), &left)?;
        if !Command::new(command).args(arguments).args([&left, &marks]).status()?.success() {
            eprintln!("failed: after entry {written} of the log");
            failures += 1;
        }
    }
    println!("entries {}, flushes {}, failures {failures}", entries.len(), flushes.len());
    Ok(ExitCode::from(u8::from(failures > 0)))
}
