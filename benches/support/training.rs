//! Trains runs one by one, and as one program, and tells nobody.
use dlgrid_train::engine::Stop;
use dlgrid_train::fused;
use dlgrid_train::run::{Job, Log, train};

/// Trains a run alone.
pub fn one(job: &Job<'_>) {
    let mut log = Log { epoch: &mut |_| (), save: &mut |_, _, _| true };
    let _trained = train(job, None, &Stop::default(), &mut log).expect("trains");
}

/// Trains runs together by one of the programs.
pub fn together(by: fused::By, jobs: &[Job<'_>]) {
    let mut ended = 0;
    let mut log = fused::Log {
        begin: &mut |_| (),
        epoch: &mut |_, _| (),
        save: &mut |_, _| true,
        end: &mut |_, _, _| {
            ended += 1;
            true
        },
    };
    fused::train_by(by, jobs, &[], &Stop::default(), &mut log).expect("trains");
    assert_eq!(ended, jobs.len());
}
