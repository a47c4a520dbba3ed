//! A thread that sums over all ranks while another one computes.
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use tch::Tensor;

use super::PART;
use super::plugin::{Caller, Plugin};

/// Why neither end of the thread's channels can be gone.
const ALIVE: &str = "the thread lives as long as what it is handed";

/// The thread: it sums what it is handed, one after the other.
#[derive(Debug)]
pub struct Beside {
    /// What to sum, and where the sums go; dropped, it ends the thread.
    given: Option<Sender<[Tensor; 2]>>,
    summed: Receiver<()>,
    under_way: usize,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    pub(super) fn new(plugin: Plugin) -> io::Result<Self> {
        let (given, taken) = channel::<[Tensor; 2]>();
        let (told, summed) = channel();
        let sum = move || {
            for [own, mut sums] in taken {
                plugin.sum(Caller::Second, &own, &mut sums, PART);
                if told.send(()).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new().name("sums".into()).spawn(sum)?;
        Ok(Self { given: Some(given), summed, under_way: 0, thread: Some(thread) })
    }

    /// Sums contiguous tensors in memory that MPI reads, while the caller goes on: nobody else may
    /// touch their numbers before [`Beside::wait`]. All ranks make these calls in the same order.
    pub fn sum(&mut self, own: Tensor, sums: Tensor) {
        self.given.as_ref().expect(ALIVE).send([own, sums]).expect(ALIVE);
        self.under_way += 1;
    }

    /// Waits until all that was handed over is summed.
    pub fn wait(&mut self) {
        for _ in 0..std::mem::take(&mut self.under_way) {
            self.summed.recv().expect(ALIVE);
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.given.take());
        if let Some(thread) = self.thread.take() {
            // Where it has panicked, the panic has been told.
            let _panicked = thread.join();
        }
    }
}
