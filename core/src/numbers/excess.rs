//! Too much: somewhat, or much.
//!
//! What is kept for the next one has a bound. Whoever meets the bound again and again, because it
//! uses what it gives back, would pay for each time. So what is somewhat more than the bound goes
//! back so much in an interval, and only what is far more goes back at once.

/// By how much an amount is more than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// It is not.
    None,
    /// Somewhat: some of it has to go, so much in an interval.
    Some,
    /// Much: some of it has to go at once.
    Much,
}

impl Excess {
    /// Judges what is kept. It may be `least`, or an eighth of `all` if that is more; it is much by
    /// half more than `least`, or from three quarters of `all` on.
    pub(crate) const fn of(kept: usize, least: usize, all: usize) -> Excess {
        match kept {
            _ if kept <= least || kept <= all / 8 => Excess::None,
            _ if kept <= least + least / 2 || kept <= all - all / 4 => Excess::Some,
            _ => Excess::Much,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_itself_is_not_too_much() {
        use Excess::*;
        let judged = [0, 10, 11, 15, 16, usize::MAX].map(|kept| Excess::of(kept, 10, 0));
        assert_eq!(judged, [None, None, Some, Some, Much, Much]);
        let judged = [0, 12, 13, 75, 76, usize::MAX].map(|kept| Excess::of(kept, 10, 100));
        assert_eq!(judged, [None, None, Some, Some, Much, Much]);
    }
}
