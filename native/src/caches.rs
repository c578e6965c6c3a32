//! A look into every thread's cache.
//!
//! A thread counts what its cache holds in plain words, with one instruction where an atomic count
//! would take three: no other thread may read them while it runs. The system may: it copies a heap
//! out of this process' own memory, as it would for a debugger, and what is looked at is the copy.
//! Each word of it is one that was there; together they are of no single moment.
//!
//! Where there is no such call (off Linux), or it is forbidden, nothing is known of other threads'
//! caches.

use core::mem::MaybeUninit;

use hak_core::Heap;
use hak_core::inspect;
use hak_core::range::Range;

use crate::Native;

/// Shows a copy of each heap; `false` if there are heaps of which none could be obtained.
pub(crate) fn visit(range: Range<Native>, mut see: impl FnMut(&Heap<Native>)) -> bool {
    (0..inspect::heaps_used::<Native>()).all(|index| {
        let mut copy = MaybeUninit::<Heap<Native>>::uninit();
        let copied = copy_out(inspect::heap(range, index), &mut copy);
        if copied {
            // SAFETY: [core platform 1] all bytes were written, and a heap is valid for any bytes.
            see(unsafe { copy.assume_init_ref() });
        }
        copied
    })
}

#[cfg(target_os = "linux")]
fn copy_out(heap: *const Heap<Native>, copy: &mut MaybeUninit<Heap<Native>>) -> bool {
    let bytes = size_of::<Heap<Native>>();
    let to = libc::iovec { iov_base: copy.as_mut_ptr().cast(), iov_len: bytes };
    let from = libc::iovec { iov_base: heap.cast_mut().cast(), iov_len: bytes };
    // SAFETY: [lib 1] the copy is ours and that long; what is read is checked by the system.
    let read = crate::errno::kept(|| unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const to, 1, &raw const from, 1, 0)
    });
    read == bytes as isize
}

#[cfg(not(target_os = "linux"))]
fn copy_out(_heap: *const Heap<Native>, _copy: &mut MaybeUninit<Heap<Native>>) -> bool {
    false
}
