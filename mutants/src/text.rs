//! A source file with all its changes in it.
//!
//! An edit replaces a range of bytes by pieces: new text, and ranges of the old text that stand
//! inside of it, in which other edits may be.

use std::ops::Range;

/// A part of what an edit writes.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A text of the edit itself.
    Text(String),
    /// What stands at these bytes, with the edits inside.
    Source(Range<usize>),
}

/// What is written in the place of a range of bytes.
#[derive(Clone, Debug)]
pub struct Edit {
    /// What is replaced, in bytes of the source.
    pub range: Range<usize>,
    /// What is written there, in order.
    pub pieces: Vec<Piece>,
}

/// The text with its edits. Of edits of the same range, the first one is the outermost.
pub fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end));
    let mut out = String::new();
    write(text, &edits, 0..text.len(), 0, &mut out);
    out
}

/// Writes a range with the edits from number `from` on that lie in it.
fn write(text: &str, edits: &[Edit], range: Range<usize>, from: usize, out: &mut String) {
    let mut at = range.start;
    for (number, edit) in edits.iter().enumerate().skip(from) {
        if edit.range.start < at || edit.range.end > range.end {
            continue;
        }
        out.push_str(&text[at..edit.range.start]);
        for piece in &edit.pieces {
            match piece {
                Piece::Text(new) => out.push_str(new),
                Piece::Source(inner) => write(text, edits, inner.clone(), number + 1, out),
            }
        }
        at = edit.range.end;
    }
    out.push_str(&text[at..range.end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(range: Range<usize>, name: &str) -> Edit {
        let text = |text: String| Piece::Text(text);
        let pieces = vec![text(format!("{name}(")), Piece::Source(range.clone()), text(")".into())];
        Edit { range, pieces }
    }

    #[test]
    fn edits_lie_side_by_side_inside_each_other_and_around_the_same_bytes() {
        let edits =
            vec![around(4..5, "d"), around(0..5, "a"), around(0..1, "c"), around(0..5, "b")];
        assert_eq!(edited("x + y;", edits), "a(b(c(x) + d(y)));");
    }

    #[test]
    fn a_range_may_be_written_twice() {
        let twice = Edit { range: 0..1, pieces: vec![Piece::Source(0..1), Piece::Source(0..1)] };
        assert_eq!(edited("x", vec![twice, around(0..1, "a")]), "a(x)a(x)");
    }
}
