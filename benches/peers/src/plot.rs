//! The plots: of the speed rows, a panel for each workload with a bar of speed and a bar of peak
//! memory for each allocator; of the memory rows, a panel for each figure.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::contestants::{Contestant, Form};
use crate::results::Results;
use crate::table::short;

const COLUMNS: usize = 3;
const PANEL: i32 = 450;
const LINE: i32 = 15;
const HEAD: i32 = 46;
const TOP: i32 = 64;
const MARGIN: i32 = 14;
/// Widths of a panel's parts: names, bars of speed, bars of memory.
const NAMES: i32 = 104;
const SPEED: i32 = 170;
const MEMORY: i32 = 90;
/// Widths of a memory panel's parts: names, among them that of a setting, and bars.
const LONG_NAMES: i32 = 156;
const BARS: i32 = 236;
/// How far a whisker may reach beyond the longest bar.
const WHISKER: i32 = 16;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0x88, 0x88, 0x88);
const HAK: RGBColor = RGBColor(0xd9, 0x53, 0x19);
const CRATE: RGBColor = RGBColor(0x3f, 0x6f, 0xa8);
const LIBRARY: RGBColor = RGBColor(0x8f, 0xb3, 0xd9);
const SYSTEM: RGBColor = RGBColor(0x55, 0x55, 0x55);

/// The picture of the speed rows as SVG.
pub(crate) fn speed(results: &Results) -> Result<String, String> {
    let there = there(results, |one| one.is_general());
    let height = HEAD + LINE * there.len() as i32 + MARGIN;
    let title = "Speed as a multiple of glibc (longer is better), and peak memory in MiB (shorter \
        is better)";
    picture(title, results.rows.len(), height, |number, (left, top), area| {
        write(area, results.rows[number].title, (left, top + 8), 14.0, &INK, HPos::Left)?;
        panel(results, &there, number, (left, top + HEAD), area)
    })
}

/// The picture of the memory rows as SVG.
pub(crate) fn memory(results: &Results) -> Result<String, String> {
    let figures = results.all_figures();
    let names: Vec<&str> = results.memory_rows.iter().map(|row| row.name).collect();
    let there = there(results, |one| names.iter().any(|row| one.is_in(row)));
    let height = HEAD + LINE * there.len() as i32 + MARGIN;
    let title = "Memory, and the longest calls (shorter is better)";
    picture(title, figures.len(), height, |number, (left, top), area| {
        let (row, place, figure) = figures[number];
        let title = format!("{}, {}", figure.title, figure.unit);
        write(area, &title, (left, top + 8), 14.0, &INK, HPos::Left)?;
        // Who is not measured in this row has no line.
        let there: Vec<usize> = there
            .iter()
            .copied()
            .filter(|&one| results.contestants[one].is_in(results.memory_rows[row].name))
            .collect();
        memory_panel(results, &there, (row, place), (left, top + HEAD - LINE), area)
    })
}

fn there(results: &Results, is_wanted: impl Fn(&Contestant) -> bool) -> Vec<usize> {
    let contestants = results.contestants.iter().enumerate();
    let there = contestants.filter(|(_, one)| one.launch.is_ok() && is_wanted(one));
    there.map(|(number, _)| number).collect()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A picture of so many panels of this height, each drawn by `panel` at its place.
fn picture(
    title: &str,
    panels: usize,
    height: i32,
    panel: impl Fn(usize, (i32, i32), &Area<'_>) -> Outcome,
) -> Result<String, String> {
    // The title is as wide as two panels.
    let columns = panels.clamp(2, COLUMNS) as i32;
    let rows = panels.div_ceil(COLUMNS) as i32;
    let size = ((PANEL * columns + 2 * MARGIN) as u32, (TOP + height * rows + MARGIN) as u32);
    let mut text = String::new();
    let draw = |area: &Area<'_>| -> Outcome {
        area.fill(&WHITE)?;
        write(area, title, (MARGIN, 12), 17.0, &INK, HPos::Left)?;
        let legend =
            [("glibc", SYSTEM), ("hak", HAK), ("crate", CRATE), ("shared library (.so)", LIBRARY)];
        let mut x = MARGIN;
        for (label, color) in legend {
            bar(area, (x, 40), 12, &color)?;
            write(area, label, (x + 17, 38), 12.0, &INK, HPos::Left)?;
            x += 40 + 7 * label.len() as i32;
        }
        for number in 0..panels {
            let left = MARGIN + PANEL * (number % COLUMNS) as i32;
            let top = TOP + height * (number / COLUMNS) as i32;
            panel(number, (left, top), area)?;
        }
        area.present()?;
        Ok(())
    };
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).map_err(|error| format!("the plot cannot be drawn: {error}"))?;
    }
    Ok(text)
}

/// One figure of the memory rows: a bar for each contestant.
fn memory_panel(
    results: &Results,
    there: &[usize],
    (row, place): (usize, usize),
    (left, top): (i32, i32),
    area: &Area<'_>,
) -> Outcome {
    let value = |who| results.figure(row, place, who);
    let largest = there.iter().filter_map(|&who| value(who)).fold(0.0, f64::max);
    let bars_at = left + LONG_NAMES;
    for (line, &who) in there.iter().enumerate() {
        let one = &results.contestants[who];
        let y = top + LINE * line as i32;
        let (color, ink) = colors(one);
        write(area, &one.label(), (bars_at - 6, y), 11.0, ink, HPos::Right)?;
        let Some(value) = value(who) else {
            write(area, "no figure", (bars_at, y), 11.0, &FAINT, HPos::Left)?;
            continue;
        };
        let length = (value / largest * f64::from(BARS)) as i32;
        bar(area, (bars_at, y + 2), length.max(1), &color)?;
        write(area, &short(value), (bars_at + length + 4, y), 11.0, ink, HPos::Left)?;
    }
    Ok(())
}

/// The color of a contestant's bars, and of its name.
fn colors(one: &Contestant) -> (RGBColor, &'static RGBColor) {
    match one.form {
        _ if one.is_hak() => (HAK, &HAK),
        Form::System => (SYSTEM, &INK),
        Form::Crate => (CRATE, &INK),
        Form::Library => (LIBRARY, &INK),
    }
}

fn panel(
    results: &Results,
    there: &[usize],
    row: usize,
    (left, top): (i32, i32),
    area: &Area<'_>,
) -> Outcome {
    let cells = &results.cells[row];
    let known = || there.iter().filter_map(|&one| cells[one].as_ref().ok());
    let fastest = known().map(|cell| cell.ratio).fold(1.0, f64::max);
    let largest = known().map(|cell| cell.peak_mib).fold(1.0, f64::max);
    let speed_at = left + NAMES;
    let figure_at = speed_at + SPEED + WHISKER + 38;
    let memory_at = figure_at + 16;
    write(area, "speed (glibc = 1)", (speed_at, top - 17), 11.0, &FAINT, HPos::Left)?;
    write(area, "peak MiB", (memory_at, top - 17), 11.0, &FAINT, HPos::Left)?;
    for (line, &who) in there.iter().enumerate() {
        let one = &results.contestants[who];
        let (color, ink) = colors(one);
        let y = top + LINE * line as i32;
        write(area, &one.label(), (left + NAMES - 6, y), 11.0, ink, HPos::Right)?;
        let Ok(cell) = &cells[who] else {
            write(area, "no figure", (speed_at, y), 11.0, &FAINT, HPos::Left)?;
            continue;
        };
        let length = (cell.ratio / fastest * f64::from(SPEED)) as i32;
        bar(area, (speed_at, y + 2), length.max(1), &color)?;
        let spread = (cell.ratio * cell.half_spread / fastest * f64::from(SPEED)) as i32;
        let middle = y + 2 + (LINE - 4) / 2;
        let low = (length - spread).max(0);
        let high = (length + spread).min(SPEED + WHISKER);
        let whisker = [(speed_at + low, middle), (speed_at + high, middle)];
        area.draw(&PathElement::new(whisker, INK.stroke_width(1)))?;
        write(area, &format!("{:.2}", cell.ratio), (figure_at, y), 11.0, ink, HPos::Right)?;
        let length = (cell.peak_mib / largest * f64::from(MEMORY - 34)) as i32;
        bar(area, (memory_at, y + 2), length.max(1), &color)?;
        write(
            area,
            &format!("{:.1}", cell.peak_mib),
            (memory_at + length + 4, y),
            11.0,
            ink,
            HPos::Left,
        )?;
    }
    // Where glibc is.
    let x = speed_at + (f64::from(SPEED) / fastest) as i32;
    let bottom = top + LINE * there.len() as i32;
    area.draw(&PathElement::new([(x, top), (x, bottom)], FAINT.stroke_width(1)))?;
    Ok(())
}

fn bar(area: &Area<'_>, (x, y): (i32, i32), length: i32, color: &RGBColor) -> Outcome {
    area.draw(&Rectangle::new([(x, y), (x + length, y + LINE - 4)], color.filled()))?;
    Ok(())
}

fn write(
    area: &Area<'_>,
    text: &str,
    at: (i32, i32),
    size: f64,
    color: &RGBColor,
    align: HPos,
) -> Outcome {
    let style = TextStyle::from(("sans-serif", size).into_font())
        .color(color)
        .pos(Pos::new(align, VPos::Top));
    area.draw_text(text, &style, at)?;
    Ok(())
}
