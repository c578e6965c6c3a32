//! Panics inside a simulation: a failed assertion is a result, not noise.
//!
//! The first world installs a panic hook for the process. While simulated code runs it keeps the
//! message for the engine and stays silent; for every other panic it calls the hook that was there
//! before. Accesses are raw from then on, so that drop code that runs during unwinding is not
//! scheduled.

use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use super::current;

thread_local! {
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

static INSTALL: Once = Once::new();

/// Installs the hook, once.
pub(crate) fn install() {
    INSTALL.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if current::live().is_null() {
                before(info);
            } else {
                current::set_live(std::ptr::null_mut());
                MESSAGE.set(Some(describe(info)));
            }
        }));
    });
}

/// The message of the panic that was just caught, if simulated code raised it.
pub(crate) fn take_message() -> Option<String> {
    MESSAGE.take()
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    match info.location() {
        Some(place) => format!("{what} ({}:{})", place.file(), place.line()),
        None => what.to_owned(),
    }
}
