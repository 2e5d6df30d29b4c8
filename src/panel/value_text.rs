//! Values as people write them: what knobs show, what is typed into them, and the names of notes.

use crate::engine::{Mode, SettingSpec, Unit};

/// A real minus sign: it is as wide as a plus and as a digit, so that numbers do not jump.
const MINUS: char = '\u{2212}';

/// The value of a setting with its unit: `+7 st`, `−6.0 dB`, `−∞ dB`, `40 %`.
#[must_use]
pub fn write(spec: &SettingSpec, value: f32) -> String {
    match spec.unit {
        Unit::Semitones => {
            let cents = (value * 100.0).round() as i32;
            // A range has no sign.
            let sign = if spec.min < 0.0 { sign(cents.signum() as f32) } else { String::new() };
            let (whole, rest) = (cents.abs() / 100, cents.abs() % 100);
            if rest == 0 { format!("{sign}{whole} st") } else { format!("{sign}{whole}.{rest:02} st") }
        }
        Unit::Decibels if value <= spec.min => format!("{MINUS}∞ dB"),
        Unit::Decibels | Unit::DecibelOffset => format!("{} dB", signed(value, 1)),
        Unit::DecibelsPerOctave => format!("{} dB/oct", signed(value, 1)),
        Unit::Percent => format!("{:.0} %", value * 100.0),
        Unit::Balance => format!("{} %", signed(value * 100.0, 0)),
        Unit::Factor => format!("× {value:.2}"),
        Unit::Seconds if value < 0.9995 => format!("{:.0} ms", value * 1e3),
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Cents => format!("{value:.0} ct"),
        Unit::Hertz => format!("{value:.1} Hz"),
        Unit::Count => format!("{value:.0}"),
        Unit::Mode => mode(value).name().to_owned(),
        Unit::Switch => if value >= 0.5 { "On" } else { "Off" }.to_owned(),
    }
}

/// The mode behind a setting's value.
#[must_use]
pub fn mode(value: f32) -> Mode {
    Mode::ALL[(value.round().max(0.0) as usize).min(Mode::ALL.len() - 1)]
}

/// What was typed for a setting, in the setting's own unit and range. `None` if it is no number.
///
/// Units may be left out, spaces and commas are understood, and `off` or `-inf` is the least value of a gain.
#[must_use]
pub fn read(spec: &SettingSpec, typed: &str) -> Option<f32> {
    let text = typed.trim().to_lowercase().replace(MINUS, "-").replace(',', ".");
    match spec.unit {
        Unit::Mode => {
            let named = |mode: &Mode| !text.is_empty() && mode.name().to_lowercase().starts_with(&text);
            return Mode::ALL.iter().position(named).map(|index| index as f32);
        }
        Unit::Switch => {
            return match text.as_str() {
                "on" | "yes" | "true" | "1" => Some(1.0),
                "off" | "no" | "false" | "0" => Some(0.0),
                _ => None,
            };
        }
        _ => {}
    }
    let text = text.trim_start_matches(['×', 'x', ' ']).to_owned();
    let number = text.trim_end_matches(|c: char| c.is_alphabetic() || "%/".contains(c) || c.is_whitespace());
    let value = if spec.unit == Unit::Decibels && (text == "off" || text.starts_with("-inf") || text.starts_with("-∞"))
    {
        spec.min
    } else {
        let value: f32 = number.parse().ok().filter(|value: &f32| value.is_finite())?;
        let cents = spec.unit == Unit::Semitones && text[number.len()..].trim().starts_with('c');
        let unit = text[number.len()..].trim();
        match spec.unit {
            Unit::Percent | Unit::Balance => value / 100.0,
            Unit::Seconds if unit.starts_with('m') => value / 1e3,
            Unit::Count => value.round(),
            _ if cents => value / 100.0,
            _ => value,
        }
    };
    Some(value.clamp(spec.min, spec.max))
}

/// The name of the note nearest to `f0_hz` and how far off it is, -50 to 50 cents: 440 Hz is `A4` and 0.
#[must_use]
pub fn note(f0_hz: f32) -> (String, f32) {
    // ASCII, since the panel's font has no sharps and flats.
    const NAMES: [&str; 12] = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
    let midi = midi(f0_hz);
    let nearest = midi.round();
    let key = nearest as i32;
    (format!("{}{}", NAMES[key.rem_euclid(12) as usize], key.div_euclid(12) - 1), (midi - nearest) * 100.0)
}

/// MIDI note number with fractions; 69 is 440 Hz. `f0_hz` must be above 0.
#[must_use]
pub fn midi(f0_hz: f32) -> f32 {
    69.0 + 12.0 * (f0_hz / 440.0).log2()
}

/// A count of parameters in few letters: `9.4 k`, `4.3 M`.
#[must_use]
pub fn count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..100_000 => format!("{:.1} k", n as f64 / 1e3),
        100_000..1_000_000 => format!("{:.0} k", n as f64 / 1e3),
        _ => format!("{:.1} M", n as f64 / 1e6),
    }
}

/// A level in dB, `−∞` for silence.
#[must_use]
pub fn level(db: f32) -> String {
    if db < -99.0 { format!("{MINUS}∞") } else { signed_if_negative(db, 1) }
}

/// `+3.0`, `−3.0`, `0.0`.
#[must_use]
pub fn signed(value: f32, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    if text.bytes().all(|b| b == b'0' || b == b'.') { text } else { format!("{}{text}", sign(value)) }
}

/// `3.0`, `−3.0`, `0.0`.
#[must_use]
pub fn signed_if_negative(value: f32, decimals: usize) -> String {
    signed(value, decimals).trim_start_matches('+').to_owned()
}

fn sign(value: f32) -> String {
    if value > 0.0 {
        "+".into()
    } else if value < 0.0 {
        MINUS.into()
    } else {
        String::new()
    }
}

/// A file's size: `30 kB`, `4.5 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    if n < 1_000_000 { format!("{:.0} kB", n as f64 / 1e3) } else { format!("{:.1} MB", n as f64 / 1e6) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Setting;

    #[test]
    fn values_are_written_with_sign_and_unit() {
        let text = |setting: Setting, value| write(setting.spec(), value);
        assert_eq!(text(Setting::Transpose, 7.0), "+7 st");
        assert_eq!(text(Setting::Transpose, -0.25), "−0.25 st");
        assert_eq!(text(Setting::Transpose, 0.0), "0 st");
        assert_eq!(text(Setting::Transpose, 0.999_99), "+1 st");
        assert_eq!(text(Setting::LoudnessOffset, -24.0), "−24.0 dB");
        assert_eq!(text(Setting::NoiseGain, -60.0), "−∞ dB");
        assert_eq!(text(Setting::NoiseGain, -0.04), "0.0 dB");
        assert_eq!(text(Setting::Mix, 0.4), "40 %");
    }

    #[test]
    fn typed_values_are_understood_with_and_without_units() {
        let value = |setting: Setting, text| read(setting.spec(), text);
        assert_eq!(value(Setting::Transpose, "-12"), Some(-12.0));
        assert_eq!(value(Setting::Transpose, " +7 st "), Some(7.0));
        assert_eq!(value(Setting::Transpose, "50 cents"), Some(0.5));
        assert_eq!(value(Setting::OutputGain, "−6,5 dB"), Some(-6.5));
        assert_eq!(value(Setting::OutputGain, "off"), Some(-60.0));
        assert_eq!(value(Setting::OutputGain, "-inf"), Some(-60.0));
        assert_eq!(value(Setting::Room, "40 %"), Some(0.4));
        assert_eq!(value(Setting::Room, "1000"), Some(1.0));
        for nonsense in ["", "loud", "--3", "1e99", "NaN", "inf", "%"] {
            assert_eq!(value(Setting::LoudnessOffset, nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed_back() {
        for spec in &Setting::ALL {
            for step in 0..=20 {
                let value = spec.min + (spec.max - spec.min) * step as f32 / 20.0;
                let shown = write(spec, value);
                let back = read(spec, &shown).unwrap_or_else(|| panic!("{shown} is a value"));
                assert_eq!(write(spec, back), shown);
            }
        }
    }

    #[test]
    fn notes_have_the_names_that_musicians_use() {
        assert_eq!(note(440.0), ("A4".into(), 0.0));
        assert_eq!(note(261.625_58).0, "C4");
        assert_eq!(note(32.703).0, "C1");
        let (name, cents) = note(452.8);
        assert_eq!(name, "A4");
        assert!((cents - 49.6).abs() < 0.1);
        assert_eq!(note(8.0).0, "C-1");
    }

    #[test]
    fn names_and_counts_are_short() {
        assert_eq!((count(960), count(9_412), count(4_298_406)), ("960".into(), "9.4 k".into(), "4.3 M".into()));
    }
}
