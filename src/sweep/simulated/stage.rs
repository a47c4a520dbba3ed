//! The scheduler: who goes on, and what befalls the world meanwhile.
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use generator::{Generator, Gn};

use super::{WORLD, World, with};
use crate::store::fs::fault::Killed;

/// Words of a process's stack.
const STACK: usize = 1 << 17;

type Body = Generator<'static, (), ()>;

thread_local! {
    /// Stacks of processes that are over, for the next ones: mapping one costs as much as a short life.
    static IDLE: RefCell<Vec<Body>> = const { RefCell::new(Vec::new()) };
}

/// The processes of a world, as far as they are under way.
pub struct Stage {
    bodies: Vec<Option<Body>>,
}

impl Stage {
    /// Sets a world up on this thread.
    pub fn new(world: World) -> Self {
        WORLD.set(Some(world));
        Self { bodies: Vec::new() }
    }

    /// Goes on until nothing is left to do, or this many seconds of the world are past.
    pub fn run(&mut self, seconds: f64) {
        let end = with(|world| world.now + seconds);
        loop {
            self.bear();
            let Some(pid) = with(|world| world.choose(end)) else { break };
            self.resume(pid);
        }
        with(|world| world.now = world.now.max(end));
    }

    fn bear(&mut self) {
        for (pid, body) in with(|world| std::mem::take(&mut world.born)) {
            assert_eq!(pid, self.bodies.len(), "processes are numbered in order");
            let run = move || match catch_unwind(AssertUnwindSafe(body)) {
                Err(thrown) if !thrown.is::<Killed>() => resume_unwind(thrown),
                _ => {}
            };
            self.bodies.push(Some(match IDLE.with_borrow_mut(Vec::pop) {
                Some(mut idle) => {
                    idle.init_code(run);
                    idle
                }
                None => Gn::<()>::new_opt(STACK, run),
            }));
        }
    }

    fn resume(&mut self, pid: usize) {
        let Some(Some(body)) = self.bodies.get_mut(pid) else { return };
        with(|world| world.current = Some(pid));
        let _yielded = body.resume();
        let over = body.is_done();
        with(|world| {
            world.current = None;
            if over {
                world.processes[pid].done = true;
                world.task_ended(pid);
            }
        });
        if over {
            IDLE.with_borrow_mut(|idle| idle.extend(self.bodies[pid].take()));
        }
    }

    /// Ends what is left, and takes the world off this thread.
    pub fn close(mut self) -> World {
        with(|world| (0..world.processes.len()).for_each(|pid| world.kill(pid)));
        self.bear();
        for pid in 0..self.bodies.len() {
            self.resume(pid);
        }
        WORLD.take().expect("it was on")
    }
}

impl World {
    /// The process that goes on next; nothing where none ever will, or it is past `end`.
    fn choose(&mut self, end: f64) -> Option<usize> {
        loop {
            if self.due.last().is_some_and(|at| *at <= self.operations) {
                self.due.pop();
                self.befall();
            }
            self.start_tasks();
            if !self.born.is_empty() {
                return Some(self.born[0].0).filter(|_| self.now < end);
            }
            if self.now >= end {
                return None;
            }
            let ready = self.ready();
            if !ready.is_empty() {
                return Some(ready[self.draw.below(ready.len() as u64) as usize]);
            }
            let next = [self.next_wake(), self.next_in_queue()].into_iter().flatten();
            self.now = next.min_by(f64::total_cmp)?.max(self.now + 0.001);
        }
    }
}
