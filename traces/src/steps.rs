//! How steps become bytes: about three each.
//!
//! Most of a step can be guessed from the steps before it. A thread tends to go on, in the
//! operation it is in, from one source place to the one that followed it last time; a source place
//! tends to do the same kind of access, at the same offset or near it. So encoder and decoder keep
//! the same [`Memory`], and only what the memory gets wrong is written.
//!
//! ```text
//!  tag, one byte                                          what may follow, in this order
//!   bit 0    another thread than in the step before   ──▶  thread, one byte
//!   bit 1    the site is not the expected one         ──▶  site, varint
//!   bit 2    another kind than last at this site      ──▶  kind, one byte
//!   bit 3    an event other than 0                    ──▶  event, one byte
//!   bits 4-5 operation: 0 the thread's last one, 1 the next one,
//!                       2 some other                  ──▶  difference to the last, signed varint
//!   bits 6-7 place: 0 the last at this site, 1 the thread's last,
//!                   2 near the last at this site      ──▶  difference to it, signed varint
//!                   3 near the thread's last          ──▶  difference to it, signed varint
//! ```
//!
//! A varint has seven bits in each byte, low bits first, and a set high bit while more follow. A
//! signed varint stores 0, -1, 1, -2, 2 … as 0, 1, 2, 3, 4 …; differences wrap, so every value of
//! every field can be stored.
//!
//! Invariants:
//!
//! 1. Encoder and decoder put every step through [`Memory::remember`], so that both know the same.
//! 2. The encoder is a function of the steps alone; of several spellings it always picks the same.
//! 3. Each step takes one byte at least: no small input unfolds into many steps.

use crate::error::TraceError;
use crate::trace::Step;

const OTHER_THREAD: u8 = 1 << 0;
const OTHER_SITE: u8 = 1 << 1;
const OTHER_KIND: u8 = 1 << 2;
const EVENT: u8 = 1 << 3;

const OPERATION_SHIFT: u32 = 4;
const OPERATION_SAME: u8 = 0;
const OPERATION_NEXT: u8 = 1;
const OPERATION_OTHER: u8 = 2;

const PLACE_SHIFT: u32 = 6;
const PLACE_OF_SITE: u8 = 0;
const PLACE_OF_THREAD: u8 = 1;
const PLACE_NEAR_SITE: u8 = 2;
const PLACE_NEAR_THREAD: u8 = 3;

/// The bytes of these steps, each of whose sites is below `site_count`.
pub(crate) fn encode(steps: &[Step], site_count: usize) -> Vec<u8> {
    let mut memory = Memory::new(site_count);
    let mut bytes = Vec::with_capacity(4 * steps.len());
    for step in steps {
        encode_step(step, &memory, &mut bytes);
        memory.remember(step);
    }
    bytes
}

/// The steps of these bytes; all of their sites are below `site_count`.
pub(crate) fn decode(bytes: &[u8], site_count: usize) -> Result<Vec<Step>, TraceError> {
    if site_count == 0 && !bytes.is_empty() {
        return Err(TraceError::malformed("it has steps and no sites"));
    }
    let mut memory = Memory::new(site_count);
    let mut reader = Reader { bytes };
    let mut steps = Vec::new();
    while !reader.bytes.is_empty() {
        let step = decode_step(&mut reader, &memory)?;
        memory.remember(&step);
        steps.push(step);
    }
    Ok(steps)
}

fn encode_step(step: &Step, memory: &Memory, bytes: &mut Vec<u8>) {
    let thread = memory.threads[usize::from(step.thread)];
    let site = memory.sites[step.site as usize];
    let tag_at = bytes.len();
    let mut tag = 0;
    bytes.push(tag);

    if step.thread != memory.thread {
        tag |= OTHER_THREAD;
        bytes.push(step.thread);
    }
    if step.site != memory.expected_site(step.thread) {
        tag |= OTHER_SITE;
        push_varint(bytes, u64::from(step.site));
    }
    if step.kind != site.kind {
        tag |= OTHER_KIND;
        bytes.push(step.kind);
    }
    if step.event != 0 {
        tag |= EVENT;
        bytes.push(step.event);
    }

    let operation_difference = step.operation.wrapping_sub(thread.operation).cast_signed();
    tag |= match operation_difference {
        0 => OPERATION_SAME,
        1 => OPERATION_NEXT,
        _ => {
            push_varint(bytes, zigzag(i64::from(operation_difference)));
            OPERATION_OTHER
        }
    } << OPERATION_SHIFT;

    tag |= if step.place == site.place {
        PLACE_OF_SITE
    } else if step.place == thread.place {
        PLACE_OF_THREAD
    } else {
        let near_site = zigzag(step.place.wrapping_sub(site.place).cast_signed());
        let near_thread = zigzag(step.place.wrapping_sub(thread.place).cast_signed());
        push_varint(bytes, near_site.min(near_thread));
        if near_site <= near_thread { PLACE_NEAR_SITE } else { PLACE_NEAR_THREAD }
    } << PLACE_SHIFT;

    bytes[tag_at] = tag;
}

fn decode_step(reader: &mut Reader<'_>, memory: &Memory) -> Result<Step, TraceError> {
    let tag = reader.byte()?;
    let thread = if tag & OTHER_THREAD != 0 { reader.byte()? } else { memory.thread };
    let thread_memory = memory.threads[usize::from(thread)];

    let site =
        if tag & OTHER_SITE != 0 { reader.varint_u32()? } else { memory.expected_site(thread) };
    let Some(&site_memory) = memory.sites.get(site as usize) else {
        let count = memory.sites.len();
        return Err(TraceError::malformed(format!("a step names site {site} of {count}")));
    };

    let kind = if tag & OTHER_KIND != 0 { reader.byte()? } else { site_memory.kind };
    let event = if tag & EVENT != 0 { reader.byte()? } else { 0 };
    let operation = match (tag >> OPERATION_SHIFT) & 3 {
        OPERATION_SAME => thread_memory.operation,
        OPERATION_NEXT => thread_memory.operation.wrapping_add(1),
        OPERATION_OTHER => {
            let difference = unzigzag(u64::from(reader.varint_u32()?));
            // The difference of two words, cut to a word again: it wraps as it did when written.
            thread_memory.operation.wrapping_add(difference as u32)
        }
        _ => return Err(TraceError::malformed("a step has an unknown tag")),
    };
    let place = match (tag >> PLACE_SHIFT) & 3 {
        PLACE_OF_SITE => site_memory.place,
        PLACE_OF_THREAD => thread_memory.place,
        PLACE_NEAR_SITE => site_memory.place.wrapping_add_signed(unzigzag(reader.varint()?)),
        _ => thread_memory.place.wrapping_add_signed(unzigzag(reader.varint()?)),
    };
    Ok(Step { thread, event, kind, site, operation, place })
}

/// What encoder and decoder both know from the steps so far.
struct Memory {
    /// The thread of the last step.
    thread: u8,
    /// By thread; all 256 of them, so that no thread is out of range.
    threads: Vec<ThreadMemory>,
    /// By site.
    sites: Vec<SiteMemory>,
}

/// The last step of one thread.
#[derive(Clone, Copy, Default)]
struct ThreadMemory {
    site: u32,
    operation: u32,
    place: u64,
}

/// The last step at one site.
#[derive(Clone, Copy, Default)]
struct SiteMemory {
    /// The site to which its thread went on from here.
    followed_by: u32,
    kind: u8,
    place: u64,
}

impl Memory {
    fn new(site_count: usize) -> Self {
        Memory {
            thread: 0,
            threads: vec![ThreadMemory::default(); 256],
            sites: vec![SiteMemory::default(); site_count],
        }
    }

    /// Where the thread's next step should be, going by what followed its last step before.
    fn expected_site(&self, thread: u8) -> u32 {
        self.sites[self.threads[usize::from(thread)].site as usize].followed_by
    }

    fn remember(&mut self, step: &Step) {
        let thread = &mut self.threads[usize::from(step.thread)];
        self.sites[thread.site as usize].followed_by = step.site;
        *thread = ThreadMemory { site: step.site, operation: step.operation, place: step.place };
        let site = &mut self.sites[step.site as usize];
        site.kind = step.kind;
        site.place = step.place;
        self.thread = step.thread;
    }
}

/// What is left to be decoded.
struct Reader<'bytes> {
    bytes: &'bytes [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, TraceError> {
        let Some((&first, rest)) = self.bytes.split_first() else {
            return Err(TraceError::malformed("its last step is incomplete"));
        };
        self.bytes = rest;
        Ok(first)
    }

    fn varint(&mut self) -> Result<u64, TraceError> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(TraceError::malformed("a number in a step is too large"))
    }

    fn varint_u32(&mut self) -> Result<u32, TraceError> {
        u32::try_from(self.varint()?)
            .map_err(|_| TraceError::malformed("a number in a step is too large"))
    }
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Small numbers of either sign as small numbers without one.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_come_back() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX - 1, u64::MAX]
        {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, value);
            let mut reader = Reader { bytes: &bytes };
            assert_eq!(reader.varint().unwrap(), value);
            assert!(reader.bytes.is_empty());
            assert_eq!(zigzag(unzigzag(value)), value);
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_refused() {
        let mut reader = Reader { bytes: &[0xff; 11] };
        assert!(reader.varint().is_err());
        let mut beyond = [0x80; 10];
        beyond[9] = 2;
        assert!(Reader { bytes: &beyond }.varint().is_err());
    }

    #[test]
    fn an_unknown_tag_and_an_incomplete_step_are_refused() {
        assert!(decode(&[3 << OPERATION_SHIFT], 1).is_err());
        assert!(decode(&[OTHER_KIND], 1).is_err());
        assert!(decode(&[OTHER_SITE, 1], 1).is_err());
        assert!(decode(&[0], 0).is_err());
        assert!(decode(&[], 0).unwrap().is_empty());
    }

    #[test]
    fn the_widest_step_comes_back() {
        let steps = [
            Step {
                thread: 255,
                event: 2,
                kind: 255,
                site: 1,
                operation: u32::MAX,
                place: u64::MAX,
            },
            Step { thread: 0, event: 0, kind: 0, site: 0, operation: 1 << 31, place: 1 << 63 },
            Step { thread: 255, event: 1, kind: 7, site: 1, operation: 0, place: 0 },
        ];
        assert_eq!(decode(&encode(&steps, 2), 2).unwrap(), steps);
    }

    #[test]
    fn steps_of_an_ordinary_run_take_three_bytes_or_less() {
        // Four threads, switching at every third step, each walking the same eight places of the
        // source, with the offset of the touched block moving on with each operation.
        let steps: Vec<Step> = (0..6000u32)
            .map(|index| {
                let thread = (index / 3 % 4) as u8;
                let own = index / 12 * 3 + index % 3;
                let operation = own / 8;
                let block = u64::from(operation) * 48 + u64::from(thread) * 65536;
                let place = if own % 8 < 3 { 64 * u64::from(thread) } else { block };
                let site = own % 8;
                Step { thread, event: 0, kind: (site % 4) as u8, site, operation, place }
            })
            .collect();
        let bytes = encode(&steps, 8);
        assert!(bytes.len() <= 3 * steps.len(), "{} bytes", bytes.len());
        assert_eq!(decode(&bytes, 8).unwrap(), steps);
    }
}
