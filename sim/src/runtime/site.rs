//! Sites: source lines in four bytes.
//!
//! A `&'static Location` is a pointer into the program's constant data. Its distance from one fixed
//! constant of the same program fits into 32 bits, is the same in every run of one binary, and
//! leads back to the line without a table.

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
        debug_assert!(i32::try_from(distance).is_ok(), "constants of one program lie within 2 GiB");
        SiteNumber(distance as i32)
    }

    pub(crate) fn location(self) -> &'static Location<'static> {
        let anchor = std::ptr::from_ref(ANCHOR).expose_provenance();
        let place = anchor.wrapping_add_signed(self.0 as isize);
        // SAFETY: a site is made only by `new` from a location that lives for ever and whose
        // provenance was exposed, or it is zero and leads to the anchor itself.
        unsafe { &*std::ptr::with_exposed_provenance::<Location<'static>>(place) }
    }
}
