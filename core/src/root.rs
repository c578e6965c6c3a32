//! stub
use crate::platform::Platform;
/// The root.
#[repr(C, align(128))]
pub struct Root<P: Platform> {
    /// Where the reserved range begins.
    pub base: P::AtomicUsize,
}
