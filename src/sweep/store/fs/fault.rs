//! Faults that tests inject into this thread's file operations.
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use rustix::io::Errno;

use crate::store::error::StoreError;

/// Which operations fail, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The first operation that fails, counted from 0.
    pub first: u32,
    /// How many fail from there.
    pub count: u32,
    /// What the system answers.
    pub errno: Errno,
    /// Percent of the bytes that a failing write leaves in the file.
    pub kept: usize,
}

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
    static DONE: Cell<u32> = const { Cell::new(0) };
    static HIT: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Sets the plan, counts from 0 again.
pub(crate) fn plan(plan: Option<Plan>) {
    PLAN.set(plan);
    DONE.set(0);
    HIT.take();
}

/// How many operations were asked for since the plan was set.
pub(crate) fn operations() -> u32 {
    DONE.get()
}

/// The kinds of operations that failed by plan.
pub(crate) fn hit() -> Vec<&'static str> {
    HIT.take()
}

fn due(what: &'static str) -> Option<Plan> {
    let now = DONE.get();
    DONE.set(now + 1);
    let plan = PLAN.get().filter(|p| now >= p.first && now - p.first < p.count)?;
    HIT.with_borrow_mut(|hit| hit.push(what));
    Some(plan)
}

/// Fails if the plan says so.
pub(super) fn gate(what: &'static str, path: &Path) -> Result<(), StoreError> {
    due(what).map_or(Ok(()), |plan| Err(StoreError::io(what, path, plan.errno)))
}

/// Fails if the plan says so, leaving a part of the bytes in the file.
pub(super) fn append(file: &mut File, bytes: &[u8], path: &Path) -> Result<(), StoreError> {
    let Some(plan) = due("append") else { return Ok(()) };
    let kept = bytes.len() * plan.kept / 100;
    let part: io::Result<usize> = file.write(&bytes[..kept]);
    assert_eq!(part.ok(), Some(kept), "the test's own disk is full");
    Err(StoreError::io("write to", path, plan.errno))
}
