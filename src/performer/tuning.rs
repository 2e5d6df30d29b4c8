//! Which frequency a key has: twelve equal steps, or any scale from Scala files.

/// Keys of MIDI.
const KEYS: usize = 128;
/// Files are text that a person wrote: larger ones are something else.
const MAX_BYTES: usize = 1 << 20;
const MAX_DEGREES: usize = 1024;

/// The frequency of every key, in Hz.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    frequencies_hz: [f32; KEYS],
}

/// Why a file is no tuning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TuningError {
    #[error("line {line}: {found:?} is not {expected}")]
    Line { line: usize, found: String, expected: &'static str },
    #[error("the file ends before {0}")]
    Ends(&'static str),
    #[error("the file is larger than a tuning can be")]
    TooLarge,
}

impl Default for Tuning {
    /// Twelve equal steps to the octave, A4 at 440 Hz.
    fn default() -> Self {
        Self::from_steps(|key| (f64::from(key) - 69.0) / 12.0, 440.0)
    }
}

impl Tuning {
    /// The frequency of `key`; keys above 127 count as 127.
    #[must_use]
    pub fn frequency_hz(&self, key: u8) -> f32 {
        self.frequencies_hz[usize::from(key).min(KEYS - 1)]
    }

    /// From a scale (`.scl`) and, if there is one, a keyboard mapping (`.kbm`). Without a mapping degree 0 is middle C and
    /// the scale repeats up and down from there, C at 261.63 Hz.
    ///
    /// # Errors
    /// [`TuningError`] names the line that is wrong.
    pub fn from_scala(scale: &str, mapping: Option<&str>) -> Result<Self, TuningError> {
        let degrees = parse_scale(scale)?;
        let mapping = mapping.map_or_else(|| Ok(Mapping::linear(degrees.len())), Mapping::parse)?;
        let octaves_of = |key: i32| mapping.octaves(&degrees, key);
        let reference = octaves_of(mapping.reference_key).unwrap_or(0.0);
        // An unmapped key is silent in Scala's terms; here it takes the pitch of the next mapped key below.
        let nearest = |key: i32| (0..=key).rev().find_map(octaves_of).unwrap_or(reference);
        Ok(Self::from_steps(|key| nearest(i32::from(key)) - reference, mapping.reference_hz))
    }

    fn from_steps(octaves: impl Fn(u8) -> f64, reference_hz: f64) -> Self {
        let frequency = |key: usize| (reference_hz * octaves(key as u8).exp2()).clamp(8.0, 16_000.0) as f32;
        Self { frequencies_hz: std::array::from_fn(frequency) }
    }
}

/// Lines that are not comments, with their numbers.
fn lines(text: &str) -> Result<impl Iterator<Item = (usize, &str)>, TuningError> {
    if text.len() > MAX_BYTES {
        return Err(TuningError::TooLarge);
    }
    Ok(text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())).filter(|(_, line)| !line.starts_with('!')))
}

/// The degrees of a scale in octaves above its first note; the last is the interval at which it repeats.
fn parse_scale(text: &str) -> Result<Vec<f64>, TuningError> {
    let mut lines = lines(text)?;
    lines.next().ok_or(TuningError::Ends("the description"))?;
    let (number, line) = lines.next().ok_or(TuningError::Ends("the number of notes"))?;
    let count: usize = field(line).parse().ok().filter(|n| (1..=MAX_DEGREES).contains(n)).ok_or_else(|| {
        TuningError::Line { line: number, found: line.into(), expected: "a number of notes from 1 to 1024" }
    })?;
    let mut degrees = Vec::with_capacity(count);
    while degrees.len() < count {
        let (number, line) = lines.next().ok_or(TuningError::Ends("its last note"))?;
        let wrong = || TuningError::Line {
            line: number,
            found: line.into(),
            expected: "an interval in cents (with a point) or a ratio such as 3/2",
        };
        degrees.push(interval(field(line)).ok_or_else(wrong)?);
    }
    Ok(degrees)
}

/// The first word of a line: what follows is a remark.
fn field(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or("")
}

/// Octaves of `701.955` (cents, known by the point), `3/2` or `2`.
fn interval(word: &str) -> Option<f64> {
    let octaves = if word.contains('.') {
        word.parse::<f64>().ok()? / 1200.0
    } else {
        let (above, below) = word.split_once('/').unwrap_or((word, "1"));
        let ratio = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
        (ratio > 0.0).then(|| ratio.log2())?
    };
    octaves.is_finite().then_some(octaves)
}

/// Which key plays which degree.
struct Mapping {
    middle_key: i32,
    reference_key: i32,
    reference_hz: f64,
    /// Degree of the scale at which the mapping repeats; 0 stands for the scale's own last one.
    octave_degree: usize,
    /// `None` is a key that is not mapped. Empty: every key is the next degree.
    keys: Vec<Option<usize>>,
}

impl Mapping {
    fn linear(_: usize) -> Self {
        let middle_c_hz = 440.0 * (-9.0f64 / 12.0).exp2();
        Self { middle_key: 60, reference_key: 60, reference_hz: middle_c_hz, octave_degree: 0, keys: Vec::new() }
    }

    fn parse(text: &str) -> Result<Self, TuningError> {
        let mut lines = lines(text)?;
        let mut next = |expected: &'static str, max: f64| {
            let (line, text) = lines.next().ok_or(TuningError::Ends(expected))?;
            let wrong = || TuningError::Line { line, found: text.into(), expected };
            field(text).parse::<f64>().ok().filter(|x| (0.0..=max).contains(x)).ok_or_else(wrong)
        };
        let size = next("the size of the map", MAX_DEGREES as f64)? as usize;
        next("the first key", 127.0)?;
        next("the last key", 127.0)?;
        let middle_key = next("the middle key", 127.0)? as i32;
        let reference_key = next("the reference key", 127.0)? as i32;
        let reference_hz = next("the reference frequency", 20_000.0)?;
        let octave_degree = next("the degree of the octave", MAX_DEGREES as f64)? as usize;
        if reference_hz < 1.0 {
            return Err(TuningError::Ends("a reference frequency above 1 Hz"));
        }
        // Missing entries at the end are keys that are not mapped.
        let entry = |(line, text): (usize, &str)| match field(text) {
            "x" | "X" | "" => Ok(None),
            word => word.parse().map(Some).map_err(|_| TuningError::Line {
                line,
                found: text.into(),
                expected: "a degree of the scale or x",
            }),
        };
        let mut keys = lines.take(size).map(entry).collect::<Result<Vec<_>, _>>()?;
        keys.resize(size, None);
        Ok(Self { middle_key, reference_key, reference_hz, octave_degree, keys })
    }

    /// Octaves of `key` above the middle key, or `None` if it is not mapped.
    fn octaves(&self, degrees: &[f64], key: i32) -> Option<f64> {
        let distance = key - self.middle_key;
        if self.keys.is_empty() {
            return Some(degree(degrees, distance));
        }
        let size = self.keys.len() as i32;
        let within = self.keys[distance.rem_euclid(size) as usize]?;
        let repeat = if self.octave_degree == 0 { degrees.len() } else { self.octave_degree };
        let period = degree(degrees, i32::try_from(repeat).unwrap_or(i32::MAX));
        Some(degree(degrees, i32::try_from(within).ok()?) + f64::from(distance.div_euclid(size)) * period)
    }
}

/// Octaves of any degree of a scale that repeats at its last one.
fn degree(degrees: &[f64], number: i32) -> f64 {
    let count = degrees.len() as i32;
    let period = degrees[degrees.len() - 1];
    let within = number.rem_euclid(count);
    let above = if within == 0 { 0.0 } else { degrees[within as usize - 1] };
    f64::from(number.div_euclid(count)) * period + above
}

#[cfg(test)]
mod tests {
    use super::*;

    const EQUAL: &str = "! 12.scl\n!\ntwelve equal steps\n 12\n!\n100.0\n200.\n300.0 cents\n400.0\n500.0\n600.0\n700.0\n800.0\n900.0\n1000.0\n1100.0\n2/1\n";

    fn cents(found_hz: f32, wanted_hz: f64) -> f64 {
        1200.0 * (f64::from(found_hz) / wanted_hz).log2()
    }

    #[test]
    fn without_a_file_a4_is_440_hz() {
        let tuning = Tuning::default();
        assert!(cents(tuning.frequency_hz(69), 440.0).abs() < 0.01);
        assert!(cents(tuning.frequency_hz(60), 261.625_565).abs() < 0.01);
        assert_eq!(tuning.frequency_hz(127), tuning.frequency_hz(200));
    }

    #[test]
    fn an_equal_scale_from_a_file_is_the_one_without() {
        let tuning = Tuning::from_scala(EQUAL, None).unwrap();
        for key in 10..110 {
            assert!(cents(tuning.frequency_hz(key), f64::from(Tuning::default().frequency_hz(key))).abs() < 0.01);
        }
    }

    #[test]
    fn just_intervals_are_ratios() {
        let pentatonic = "five\n5\n9/8\n5/4\n3/2\n5/3\n2\n";
        let tuning = Tuning::from_scala(pentatonic, None).unwrap();
        let c = f64::from(tuning.frequency_hz(60));
        assert!(cents(tuning.frequency_hz(63), c * 1.5).abs() < 0.01);
        assert!(cents(tuning.frequency_hz(65), c * 2.0).abs() < 0.01);
        assert!(cents(tuning.frequency_hz(59), c * 5.0 / 6.0).abs() < 0.01);
    }

    #[test]
    fn a_mapping_moves_the_reference_and_leaves_keys_out() {
        let white_keys = "! map\n12\n0\n127\n60\n69\n432.0\n7\n0\nx\n1\nx\n2\n3\nx\n4\nx\n5\nx\n6\n";
        let major = "major\n7\n9/8\n5/4\n4/3\n3/2\n5/3\n15/8\n2/1\n";
        let tuning = Tuning::from_scala(major, Some(white_keys)).unwrap();
        assert!(cents(tuning.frequency_hz(69), 432.0).abs() < 0.01);
        assert!(cents(tuning.frequency_hz(60), 432.0 * 3.0 / 5.0).abs() < 0.01);
        assert!(cents(tuning.frequency_hz(72), 432.0 * 6.0 / 5.0).abs() < 0.01);
        assert_eq!(tuning.frequency_hz(61), tuning.frequency_hz(60), "not mapped: the key below");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let error = Tuning::from_scala("a scale\n2\n100.0\nhello\n", None).unwrap_err();
        assert!(error.to_string().starts_with("line 4: \"hello\" is not an interval"), "{error}");
        assert!(matches!(Tuning::from_scala("a scale\n3\n100.0\n", None), Err(TuningError::Ends(_))));
        assert!(matches!(Tuning::from_scala("a scale\n-1\n", None), Err(TuningError::Line { line: 2, .. })));
        assert!(Tuning::from_scala("a scale\n1\n1/0\n", None).is_err());
        assert!(Tuning::from_scala("a scale\n1\n-3/2\n", None).is_err());
        assert!(Tuning::from_scala(EQUAL, Some("12\n0\n127\n60\n69\n0\n12\n")).is_err());
        assert_eq!(Tuning::from_scala(&"!\n".repeat(1 << 20), None), Err(TuningError::TooLarge));
    }
}
