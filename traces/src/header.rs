//! The fixed part in front of every trace, little endian.
//!
//! ```text
//!  offset  size  field
//!       0     8  magic               "HAKTRACE"
//!       8     4  format version
//!      12     8  payload length      in bytes
//!      20     8  payload checksum    CRC-64/XZ of the payload
//!      28     8  header checksum     CRC-64/XZ of bytes 0..28
//!      36     …  payload, up to the end of the file
//! ```
//!
//! These 36 bytes are the same in every format version, for ever: that is how a reader can tell an
//! old or a future trace (sound header, other version) from a damaged one. Whatever else changes
//! raises [`FORMAT_VERSION`].

use crate::checksum::checksum;
use crate::error::TraceError;

/// The first bytes of every trace.
pub const MAGIC: [u8; 8] = *b"HAKTRACE";

/// The format version that this build writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 2;

/// Length of the header in bytes.
pub const HEADER_LENGTH: usize = 36;

/// How long a payload may be, in bytes: room for some eighty million steps.
pub const PAYLOAD_LENGTH_MAX: u64 = 256 * 1024 * 1024;

/// How many bytes the header checksum covers: all that precede it.
const CHECKED_LENGTH: usize = HEADER_LENGTH - 8;

const _: () = assert!(CHECKED_LENGTH == MAGIC.len() + 4 + 8 + 8);

/// A header whose magic, checksum and version are right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// At most [`PAYLOAD_LENGTH_MAX`].
    pub(crate) payload_length: u64,
    payload_checksum: u64,
}

impl Header {
    /// The header of this payload, unless it is too long.
    pub(crate) fn of(payload: &[u8]) -> Result<Self, TraceError> {
        let payload_length = payload.len() as u64;
        if payload_length > PAYLOAD_LENGTH_MAX {
            return Err(TraceError::TooLarge { length: payload_length });
        }
        Ok(Header { payload_length, payload_checksum: checksum(payload) })
    }

    /// The bytes of this header.
    pub(crate) fn to_bytes(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.payload_length.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let header_checksum = checksum(&bytes[..CHECKED_LENGTH]);
        bytes[CHECKED_LENGTH..].copy_from_slice(&header_checksum.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes`; what follows it is not looked at.
    ///
    /// The order of the questions decides which sentence a damaged file gets: is it ours, is it
    /// long enough, is it undamaged, is it of this version.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        let magic_length = bytes.len().min(MAGIC.len());
        if bytes[..magic_length] != MAGIC[..magic_length] {
            return Err(TraceError::Foreign);
        }
        let Some(header) = bytes.first_chunk::<HEADER_LENGTH>() else {
            return Err(TraceError::Truncated {
                expected: HEADER_LENGTH as u64,
                found: bytes.len() as u64,
            });
        };
        if checksum(&header[..CHECKED_LENGTH]) != u64_at(header, CHECKED_LENGTH) {
            return Err(TraceError::Corrupted { part: "header" });
        }
        let version = u32_at(header, 8);
        if version != FORMAT_VERSION {
            return Err(TraceError::OtherVersion { found: version, supported: FORMAT_VERSION });
        }
        let payload_length = u64_at(header, 12);
        if payload_length > PAYLOAD_LENGTH_MAX {
            return Err(TraceError::TooLarge { length: payload_length });
        }
        Ok(Header { payload_length, payload_checksum: u64_at(header, 20) })
    }

    /// How many bytes the whole trace has.
    pub(crate) fn trace_length(&self) -> u64 {
        HEADER_LENGTH as u64 + self.payload_length
    }

    /// The payload of `bytes`, which begin with this header: complete, alone and undamaged.
    pub(crate) fn payload_of<'bytes>(
        &self,
        bytes: &'bytes [u8],
    ) -> Result<&'bytes [u8], TraceError> {
        let expected = self.trace_length();
        let found = bytes.len() as u64;
        if found < expected {
            return Err(TraceError::Truncated { expected, found });
        }
        if found > expected {
            return Err(TraceError::TrailingBytes { expected });
        }
        let payload = &bytes[HEADER_LENGTH..];
        if checksum(payload) != self.payload_checksum {
            return Err(TraceError::Corrupted { part: "payload" });
        }
        Ok(payload)
    }
}

fn u32_at(header: &[u8; HEADER_LENGTH], offset: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[offset..offset + 4]);
    u32::from_le_bytes(bytes)
}

fn u64_at(header: &[u8; HEADER_LENGTH], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[offset..offset + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of `payload`, with a field overwritten and the header checksum made right again.
    fn forged(payload: &[u8], offset: usize, field: &[u8]) -> Vec<u8> {
        let mut bytes = Header::of(payload).unwrap().to_bytes();
        bytes[offset..offset + field.len()].copy_from_slice(field);
        let header_checksum = checksum(&bytes[..CHECKED_LENGTH]);
        bytes[CHECKED_LENGTH..].copy_from_slice(&header_checksum.to_le_bytes());
        [&bytes[..], payload].concat()
    }

    #[test]
    fn a_header_comes_back_as_it_was_written() {
        let header = Header::of(b"payload").unwrap();
        assert_eq!(Header::parse(&header.to_bytes()).unwrap(), header);
    }

    #[test]
    fn another_version_names_both_versions() {
        let error = Header::parse(&forged(b"", 8, &7u32.to_le_bytes())).unwrap_err();
        assert!(matches!(error, TraceError::OtherVersion { found: 7, supported: FORMAT_VERSION }));
        let sentence = error.to_string();
        assert!(sentence.contains("version 7") && sentence.contains("version 2"), "{sentence}");
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let error = Header::parse(&forged(b"", 12, &u64::MAX.to_le_bytes())).unwrap_err();
        assert!(matches!(error, TraceError::TooLarge { length: u64::MAX }));
    }

    #[test]
    fn a_forged_payload_checksum_is_noticed() {
        let bytes = forged(b"payload", 20, &1u64.to_le_bytes());
        let error = Header::parse(&bytes).unwrap().payload_of(&bytes).unwrap_err();
        assert!(matches!(error, TraceError::Corrupted { part: "payload" }));
    }
}
