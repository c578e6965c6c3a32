//! stub
use crate::platform::Platform;
/// A heap.
#[repr(C, align(128))]
pub struct Heap<P: Platform> {
    /// Owner identity.
    pub id: P::Plain<u32>,
}
