//! What a world can be chosen by: its geometry and its memory model, as words on the command line
//! and in traces.

/// Which sizes and thresholds the simulated allocator has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum GeometryName {
    /// SuperSlabs of 1 KiB with 4 slabs.
    Tiny,
    /// SuperSlabs of 1 KiB: 2 slabs, several map words, odd sizes, two heaps.
    Wide,
    /// SuperSlabs of 2 MiB with 32 slabs: what ships.
    Production,
}

impl GeometryName {
    /// The word on the command line and in traces.
    pub const fn name(self) -> &'static str {
        match self {
            GeometryName::Tiny => "tiny",
            GeometryName::Wide => "wide",
            GeometryName::Production => "production",
        }
    }
}

/// The memory model: see `weak`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum MemoryModel {
    /// Sequentially consistent interleavings, with races found by happens-before.
    #[default]
    Sc,
    /// C11 atomics: a load may read any store that the language allows.
    Weak,
}

impl MemoryModel {
    /// The word on the command line and in traces.
    pub const fn name(self) -> &'static str {
        match self {
            MemoryModel::Sc => "sc",
            MemoryModel::Weak => "weak",
        }
    }
}
