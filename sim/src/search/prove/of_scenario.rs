//! All schedules of a scenario's program, in the world of its geometry.

use std::io;

use super::{Proof, ProofOptions, search};
use crate::observe::RunObservers;
use crate::observe::lifecycle::LifecycleCounts;
use crate::run::settings::{GeometryName, Settings};
use crate::run::simulation::{Simulator, prepared, with_bodies};
use crate::runtime::{Production, Tiny, Wide, World, WorldGeometry};

impl Simulator {
    /// Searches all schedules of these settings; also how often each step of the lifecycle was
    /// seen, over all paths.
    ///
    /// # Errors
    /// The system has no memory for the simulated world.
    pub fn prove(
        &mut self,
        settings: &Settings,
        options: &ProofOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> io::Result<(Proof, LifecycleCounts)> {
        match settings.geometry {
            GeometryName::Tiny => {
                let world = prepared::<Tiny>(&mut self.tiny)?;
                Ok(prove_in::<Tiny>(world, settings, options, progress))
            }
            GeometryName::Wide => {
                let world = prepared::<Wide>(&mut self.wide)?;
                Ok(prove_in::<Wide>(world, settings, options, progress))
            }
            GeometryName::Production => {
                let world = prepared::<Production>(&mut self.production)?;
                Ok(prove_in::<Production>(world, settings, options, progress))
            }
        }
    }
}

fn prove_in<G: WorldGeometry>(
    world: &mut World,
    settings: &Settings,
    options: &ProofOptions,
    progress: &mut dyn FnMut(u64, u64),
) -> (Proof, LifecycleCounts) {
    let mut observers = RunObservers::<G>::oracles();
    let proof = with_bodies::<G, _>(settings, |plan, bodies| {
        // SAFETY: [simulation 1] the bodies of a program.
        unsafe { search(world, plan, bodies, &mut observers.list(), options, progress) }
    });
    (proof, observers.lifecycle.counts())
}
