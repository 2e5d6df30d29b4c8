//! Frames as a table: `time_s,f0_hz,voicing,loudness_db`, one row per frame, numbers that read back exactly.

use std::io::{self, Write};
use std::path::Path;

use crate::frame::{FRAME_RATE_HZ, Frame};

use super::error::CliError;

/// The first line of every table.
pub const HEADER: &str = "time_s,f0_hz,voicing,loudness_db";

/// Writes `frames`, the first at time 0. Rust prints the shortest decimal that reads back as the same number.
///
/// # Errors
/// What `out` reports.
pub fn write(out: &mut impl Write, frames: &[Frame]) -> io::Result<()> {
    writeln!(out, "{HEADER}")?;
    for (k, frame) in frames.iter().enumerate() {
        let time_s = k as f64 / f64::from(FRAME_RATE_HZ);
        writeln!(out, "{time_s},{},{},{}", frame.f0_hz, frame.voicing, frame.loudness_db)?;
    }
    Ok(())
}

/// Reads a table that [`write`] wrote.
///
/// # Errors
/// The file cannot be read, or a line is not four numbers in their ranges.
pub fn read(path: &Path) -> Result<Vec<Frame>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::reading(path, source))?;
    let mut lines = text.lines().enumerate();
    let fail =
        |line: usize, detail: &str| CliError::Frames { path: path.into(), line: line + 1, detail: detail.into() };
    match lines.next() {
        Some((_, HEADER)) => {}
        _ => return Err(fail(0, &format!("the header must be '{HEADER}'"))),
    }
    lines
        .map(|(line, row)| parse(row).ok_or_else(|| fail(line, "four finite numbers are needed, the pitch above 0")))
        .collect()
}

fn parse(row: &str) -> Option<Frame> {
    let mut numbers = [0.0f32; 4];
    let mut fields = row.split(',');
    for number in &mut numbers {
        *number = fields.next()?.trim().parse().ok().filter(|x: &f32| x.is_finite())?;
    }
    let [_, f0_hz, voicing, loudness_db] = numbers;
    (fields.next().is_none() && f0_hz > 0.0).then_some(Frame { f0_hz, loudness_db, voicing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back_exactly() {
        let frames: Vec<Frame> = (0..1_000)
            .map(|k| {
                let x = k as f32;
                Frame {
                    f0_hz: 40.0 + (x * 0.731).sin().abs() * 3e3 + 40.0,
                    loudness_db: -80.0 + x / 7.0,
                    voicing: (x * 0.3).sin().abs(),
                }
            })
            .chain([Frame { f0_hz: f32::MIN_POSITIVE, loudness_db: -79.999_99, voicing: 1e-30 }])
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames.csv");
        let mut bytes = Vec::new();
        write(&mut bytes, &frames).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path).unwrap(), frames);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("time_s,f0_hz,voicing,loudness_db\n0,"));
        assert!(text.lines().nth(2).unwrap().starts_with("0.004,"), "the second frame is at 4 ms");
    }

    #[test]
    fn a_broken_table_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames.csv");
        for (text, line) in [
            ("", 1),
            ("time,f0\n", 1),
            ("time_s,f0_hz,voicing,loudness_db\n0,220,1,-20\n0.004,NaN,1,-20\n", 3),
            ("time_s,f0_hz,voicing,loudness_db\n0,0,1,-20\n", 2),
            ("time_s,f0_hz,voicing,loudness_db\n0,220,1\n", 2),
            ("time_s,f0_hz,voicing,loudness_db\n0,220,1,-20,4\n", 2),
        ] {
            std::fs::write(&path, text).unwrap();
            match read(&path) {
                Err(CliError::Frames { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
