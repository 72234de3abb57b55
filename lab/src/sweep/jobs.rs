//! The runs of a sweep, on as many threads as there are; which of them is over first changes nothing.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use geo_data::Database;

use super::SweepError;
use super::measure::MEASURES;
use crate::metrics::Figure;
use crate::progress::Silent;
use crate::scenario::{PlanOptions, ScenarioFile};
use crate::sim;

/// One run that is to be made.
pub(super) struct Job<'a> {
    pub(super) cell: usize,
    pub(super) file: &'a ScenarioFile,
    pub(super) variant: &'a str,
    pub(super) seed: u64,
    /// No other seed tells of the noise.
    pub(super) alone: bool,
}

/// A figure of one run, and half of its band within the run if that is asked for.
pub(super) type Found = (Figure, Option<f64>);

/// The figures of every job, in their order.
pub(super) fn play(
    jobs: &[Job<'_>],
    threads: usize,
    geo: &Database,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<Found>>, SweepError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    let mut figures: Vec<Vec<Found>> = vec![Vec::new(); jobs.len()];
    let mut error: Option<(usize, SweepError)> = None;
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            let sender = sender.clone();
            let (next, failed) = (&next, &failed);
            scope.spawn(move || {
                while !failed.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let result = job.play(geo);
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    if sender.send((index, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (done, (index, result)) in results.iter().enumerate() {
            told(done + 1, jobs.len());
            match result {
                Ok(found) => figures[index] = found,
                // The first in their order, whichever thread was first.
                Err(found) if error.as_ref().is_none_or(|(first, _)| index < *first) => {
                    error = Some((index, found));
                }
                Err(_) => {}
            }
        }
    });
    match error {
        Some((_, error)) => Err(error),
        None => Ok(figures),
    }
}

impl Job<'_> {
    fn play(&self, geo: &Database) -> Result<Vec<Found>, SweepError> {
        let options = PlanOptions {
            seed: Some(self.seed),
            geo,
        };
        let plan = self.file.plan(self.variant, &options)?;
        // Runs are played side by side: each has one thread.
        let policies = sim::Policies::default();
        let played = sim::simulate_on(&plan, &policies, NonZeroUsize::MIN, &mut Silent);
        let measured = played.map_err(|error| SweepError::Sim {
            cell: format!("variant {}, seed {}", self.variant, self.seed),
            error,
        })?;
        Ok(MEASURES
            .iter()
            .map(|measure| match self.alone {
                true => measure.with_noise(&measured),
                false => (measure.of(&measured), None),
            })
            .collect())
    }
}
