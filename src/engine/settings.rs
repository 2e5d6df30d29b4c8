//! The settings that shape an engine's sound, and the table that names them for hosts, panel and command line.

use crate::frame::LOUDNESS_FLOOR_DB;
use crate::performer::Playing;

/// Where frames come from. One setting, no guessing: a host shifts a track by the latency that is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Notes from MIDI; latency 0.
    #[default]
    Notes,
    /// The audio input's pitch and loudness; latency [`crate::analysis::LowestPitch::latency_samples`].
    Audio,
}

/// A continuous setting, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    Transpose,
    LoudnessOffset,
    HarmonicGain,
    NoiseGain,
    Room,
    Mix,
    OutputGain,
}

/// How values of a setting are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Semitones,
    /// Decibels; the least value of a gain is silence.
    Decibels,
    /// Decibels that are added, without silence at the bottom.
    DecibelOffset,
    /// 0 to 1, shown as 0 to 100 %.
    Percent,
}

/// What hosts and panels need to know of a setting. Ids and ranges are frozen: songs and automation hold them.
#[derive(Clone, Copy, Debug)]
pub struct SettingSpec {
    pub setting: Setting,
    /// Stable id in hosts' songs.
    pub id: &'static str,
    pub name: &'static str,
    pub unit: Unit,
    pub min: f32,
    pub max: f32,
    pub default: f32,
    /// One sentence for a tooltip.
    pub help: &'static str,
}

impl Setting {
    /// Every continuous setting with its frozen id and range.
    pub const ALL: [SettingSpec; 7] = [
        SettingSpec {
            setting: Setting::Transpose,
            id: "transpose",
            name: "Transpose",
            unit: Unit::Semitones,
            min: -36.0,
            max: 36.0,
            default: 0.0,
            help: "Moves the pitch that the instrument plays, up or down by semitones.",
        },
        SettingSpec {
            setting: Setting::LoudnessOffset,
            id: "loudness_offset",
            name: "Loudness",
            unit: Unit::DecibelOffset,
            min: -24.0,
            max: 24.0,
            default: 0.0,
            help: "Makes the instrument play softer or harder; its tone changes with it.",
        },
        SettingSpec {
            setting: Setting::HarmonicGain,
            id: "harmonic_gain",
            name: "Harmonics",
            unit: Unit::Decibels,
            min: -60.0,
            max: 12.0,
            default: 0.0,
            help: "Level of the pitched part of the sound.",
        },
        SettingSpec {
            setting: Setting::NoiseGain,
            id: "noise_gain",
            name: "Noise",
            unit: Unit::Decibels,
            min: -60.0,
            max: 12.0,
            default: 0.0,
            help: "Level of the breath, bow or hammer noise in the sound.",
        },
        SettingSpec {
            setting: Setting::Room,
            id: "room",
            name: "Room",
            unit: Unit::Percent,
            min: 0.0,
            max: 1.0,
            default: 1.0,
            help: "How much of the room that the instrument was recorded in is heard.",
        },
        SettingSpec {
            setting: Setting::Mix,
            id: "mix",
            name: "Dry/wet",
            unit: Unit::Percent,
            min: 0.0,
            max: 1.0,
            default: 1.0,
            help: "Balance between the input, delayed to match, and the instrument.",
        },
        SettingSpec {
            setting: Setting::OutputGain,
            id: "output_gain",
            name: "Output",
            unit: Unit::Decibels,
            min: -60.0,
            max: 12.0,
            default: 0.0,
            help: "Level of everything that leaves Retort.",
        },
    ];

    /// The table's row for this setting.
    #[must_use]
    pub fn spec(self) -> &'static SettingSpec {
        &Self::ALL[self as usize]
    }
}

/// The values of all continuous settings, in the units of [`Setting::ALL`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Semitones.
    pub transpose: f32,
    /// dB, added to the frame's loudness above the floor.
    pub loudness_offset: f32,
    /// dB; at or below the range's least value: silence.
    pub harmonic_gain: f32,
    /// dB; at or below the range's least value: silence.
    pub noise_gain: f32,
    /// 0 to 1.
    pub room: f32,
    /// 0 (input only) to 1 (instrument only).
    pub mix: f32,
    /// dB; at or below the range's least value: silence.
    pub output_gain: f32,
    /// How notes are played.
    pub playing: Playing,
}

impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            transpose: 0.0,
            loudness_offset: 0.0,
            harmonic_gain: 0.0,
            noise_gain: 0.0,
            room: 0.0,
            mix: 0.0,
            output_gain: 0.0,
            playing: Playing::default(),
        };
        for spec in &Setting::ALL {
            settings.set(spec.setting, spec.default);
        }
        settings
    }
}

impl Settings {
    /// The value of one setting.
    #[must_use]
    pub fn get(&self, setting: Setting) -> f32 {
        match setting {
            Setting::Transpose => self.transpose,
            Setting::LoudnessOffset => self.loudness_offset,
            Setting::HarmonicGain => self.harmonic_gain,
            Setting::NoiseGain => self.noise_gain,
            Setting::Room => self.room,
            Setting::Mix => self.mix,
            Setting::OutputGain => self.output_gain,
        }
    }

    /// Sets one setting, clamped to its range; what is not a number leaves it as it was.
    pub fn set(&mut self, setting: Setting, value: f32) {
        let spec = setting.spec();
        if value.is_nan() {
            return;
        }
        let value = value.clamp(spec.min, spec.max);
        *match setting {
            Setting::Transpose => &mut self.transpose,
            Setting::LoudnessOffset => &mut self.loudness_offset,
            Setting::HarmonicGain => &mut self.harmonic_gain,
            Setting::NoiseGain => &mut self.noise_gain,
            Setting::Room => &mut self.room,
            Setting::Mix => &mut self.mix,
            Setting::OutputGain => &mut self.output_gain,
        } = value;
    }
}

/// Linear gain of a value of [`Unit::Decibels`]: silence at the bottom of the range.
#[must_use]
pub fn gain_from_db(db: f32) -> f32 {
    if db <= -60.0 { 0.0 } else { 10f32.powf(db / 20.0) }
}

/// Loudness moved by `offset_db`, never below the floor; silence stays silence.
#[must_use]
pub fn offset_loudness(loudness_db: f32, offset_db: f32) -> f32 {
    if loudness_db <= LOUDNESS_FLOOR_DB { LOUDNESS_FLOOR_DB } else { (loudness_db + offset_db).max(LOUDNESS_FLOOR_DB) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_settings_and_holds_their_defaults() {
        for spec in &Setting::ALL {
            assert_eq!(spec.setting.spec().id, spec.id);
            assert_eq!(Settings::default().get(spec.setting), spec.default);
            assert!(spec.min <= spec.default && spec.default <= spec.max);
        }
    }

    #[test]
    fn absurd_values_are_clamped_and_nan_is_ignored() {
        let mut settings = Settings::default();
        settings.set(Setting::Transpose, 1e9);
        assert_eq!(settings.transpose, 36.0);
        settings.set(Setting::Transpose, f32::NAN);
        assert_eq!(settings.transpose, 36.0);
    }
}
