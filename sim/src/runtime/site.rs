//! Sites: source lines in four bytes.
//!
//! A `&'static Location` is a pointer into the program's constant data. Its distance from one fixed
//! constant of the same program fits into 32 bits, is the same in every run of one binary, and
//! leads back to the line without a table.
//!
//! Invariants:
//! 1. A number that is not zero was made by [`SiteNumber::new`], in this process, of a location
//!    that lives for ever and whose provenance was exposed then: the field is private, and zeroed
//!    memory, in which there are numbers too, is zero, which leads to [`ANCHOR`]. The distance fits
//!    into 32 bits, or `new` panics.

use std::panic::Location;

static ANCHOR: &Location<'static> = Location::caller();

/// A source line, packed. Zeroed memory is a valid site (the anchor) and means "nowhere".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct SiteNumber(i32);

impl SiteNumber {
    pub(crate) const NOWHERE: SiteNumber = SiteNumber(0);

    #[inline]
    pub(crate) fn new(location: &'static Location<'static>) -> SiteNumber {
        let place = std::ptr::from_ref(location).expose_provenance();
        let anchor = std::ptr::from_ref(ANCHOR).addr();
        let distance = place.wrapping_sub(anchor) as isize;
        SiteNumber(i32::try_from(distance).expect("constants of one program lie within 2 GiB"))
    }

    pub(crate) fn location(self) -> &'static Location<'static> {
        let anchor = std::ptr::from_ref(ANCHOR).expose_provenance();
        let place = anchor.wrapping_add_signed(self.0 as isize);
        // SAFETY: [site 1] the location of `new`, or the anchor.
        unsafe { &*std::ptr::with_exposed_provenance::<Location<'static>>(place) }
    }
}
