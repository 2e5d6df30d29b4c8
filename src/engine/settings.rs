//! The settings that shape an engine's sound, and the table that names them for hosts, panel and command line.

use crate::frame::LOUDNESS_FLOOR_DB;
use crate::performer::{Mode, Playing};

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

/// How values of a setting are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Semitones,
    /// Decibels; the least value of a gain is silence.
    Decibels,
    /// Decibels that are added, without silence at the bottom.
    DecibelOffset,
    DecibelsPerOctave,
    /// 0 to 1, shown as 0 to 100 %.
    Percent,
    /// -1 to 1, shown with its sign as a percentage.
    Balance,
    /// Multiplies what the instrument does by itself.
    Factor,
    Seconds,
    Cents,
    Hertz,
    /// Whole numbers.
    Count,
    /// One of [`Mode::ALL`] by its place there.
    Mode,
    /// 0 (off) or 1 (on).
    Switch,
}

impl Unit {
    /// Whether only whole numbers mean something.
    #[must_use]
    pub fn is_stepped(self) -> bool {
        matches!(self, Self::Count | Self::Mode | Self::Switch)
    }
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
    /// Bends the way of a knob: value = min + (max - min) position^bend. 1 is straight; more gives small values more room.
    pub bend: f32,
    /// One sentence for a tooltip.
    pub help: &'static str,
}

impl SettingSpec {
    /// The value at `position` of a knob's way, 0 to 1.
    #[must_use]
    pub fn at(&self, position: f32) -> f32 {
        let value = self.min + (self.max - self.min) * position.clamp(0.0, 1.0).powf(self.bend);
        if self.unit.is_stepped() { value.round() } else { value }
    }

    /// Where on a knob's way `value` lies, 0 to 1.
    #[must_use]
    pub fn position(&self, value: f32) -> f32 {
        ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0).powf(1.0 / self.bend)
    }
}

/// One row a setting: variant, field, id, name, unit, least, greatest and default value, bend, help.
macro_rules! settings {
    ($($variant:ident $field:ident $id:literal $name:literal $unit:ident [$min:expr, $max:expr] $default:expr, $bend:expr, $help:literal;)*) => {
        /// A setting, in the order in which hosts know it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Setting {
            $(#[doc = $help] $variant,)*
        }

        impl Setting {
            /// Every setting with its frozen id and range.
            pub const ALL: [SettingSpec; [$($min),*].len()] = [
                $(SettingSpec {
                    setting: Setting::$variant,
                    id: $id,
                    name: $name,
                    unit: Unit::$unit,
                    min: $min,
                    max: $max,
                    default: $default,
                    bend: $bend,
                    help: $help,
                },)*
            ];
        }

        /// The values of all settings, in the units of [`Setting::ALL`].
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct Settings {
            $(#[doc = $help] pub $field: f32,)*
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Settings {
            /// The value of one setting.
            #[must_use]
            pub fn get(&self, setting: Setting) -> f32 {
                match setting {
                    $(Setting::$variant => self.$field,)*
                }
            }

            fn value_of(&mut self, setting: Setting) -> &mut f32 {
                match setting {
                    $(Setting::$variant => &mut self.$field,)*
                }
            }
        }
    };
}

settings! {
    Transpose transpose "transpose" "Transpose" Semitones [-36.0, 36.0] 0.0, 1.0,
        "Moves the pitch that the instrument plays, up or down by semitones.";
    LoudnessOffset loudness_offset "loudness_offset" "Loudness" DecibelOffset [-24.0, 24.0] 0.0, 1.0,
        "Makes the instrument play softer or harder; its tone changes with it.";
    HarmonicGain harmonic_gain "harmonic_gain" "Harmonics" Decibels [-60.0, 12.0] 0.0, 1.0,
        "Level of the pitched part of the sound.";
    NoiseGain noise_gain "noise_gain" "Noise" Decibels [-60.0, 12.0] 0.0, 1.0,
        "Level of the breath, bow or hammer noise in the sound.";
    Room room "room" "Room" Percent [0.0, 1.0] 1.0, 1.0,
        "How much of the room that the instrument was recorded in is heard.";
    Mix mix "mix" "Dry/wet" Percent [0.0, 1.0] 1.0, 1.0,
        "Balance between the input, delayed to match, and the instrument.";
    OutputGain output_gain "output_gain" "Output" Decibels [-60.0, 12.0] 0.0, 1.0,
        "Level of everything that leaves Retort.";
    Brightness brightness "brightness" "Brightness" DecibelsPerOctave [-12.0, 12.0] 0.0, 1.0,
        "Tilts the spectrum: brighter to the right, darker to the left.";
    OddEven odd_even "odd_even" "Odd/even" Balance [-1.0, 1.0] 0.0, 1.0,
        "Weakens the even harmonics (to the right, hollow) or the odd ones above the first (to the left, full).";
    Attack attack "attack" "Attack" Factor [0.1, 10.0] 1.0, 3.459,
        "How slowly notes begin, compared with the recorded player.";
    Decay decay "decay" "Decay" Seconds [0.01, 10.0] 0.5, 3.0,
        "Time in which a held note falls to its sustained loudness.";
    Sustain sustain "sustain" "Sustain" DecibelOffset [-40.0, 0.0] 0.0, 1.0,
        "How much softer than its beginning a held note becomes.";
    Release release "release" "Release" Factor [0.1, 10.0] 1.0, 3.459,
        "How slowly notes end, compared with the recorded player.";
    VelocityCurve velocity_curve "velocity_curve" "Velocity" Balance [-1.0, 1.0] 0.0, 1.0,
        "Bends the response to velocity: to the left soft keys play harder, to the right it takes more force.";
    Pressure pressure "pressure" "Pressure" Percent [0.0, 1.0] 1.0, 1.0,
        "How far pressing a held key raises its loudness.";
    VibratoDepth vibrato_depth "vibrato_depth" "Vibrato" Cents [0.0, 100.0] 12.0, 1.5,
        "Depth of the vibrato that held notes come to have; the modulation wheel adds more.";
    Wheel wheel "wheel" "Wheel" Cents [0.0, 100.0] 50.0, 1.0,
        "Depth of the vibrato that the modulation wheel adds at its top.";
    VibratoRate vibrato_rate "vibrato_rate" "Rate" Hertz [2.0, 9.0] 5.5, 1.0,
        "How fast the vibrato is.";
    VibratoDelay vibrato_delay "vibrato_delay" "Delay" Seconds [0.0, 3.0] 0.35, 2.0,
        "How long a note is held before its vibrato begins.";
    Variation variation "variation" "Variation" Percent [0.0, 2.0] 1.0, 1.0,
        "Small changes of pitch and loudness within held notes; 100 % is what the recorded player does.";
    Timbre timbre "timbre" "Timbre" Percent [0.0, 1.0] 1.0, 1.0,
        "How far controller 74 and a note's own timbre (MPE: sliding along the key) make it brighter or darker.";
    Voices voices "voices" "Voices" Count [1.0, 16.0] 8.0, 1.0,
        "How many notes can sound at a time; each costs processor time.";
    Glide glide "glide" "Glide" Seconds [0.0, 2.0] 0.06, 3.0,
        "Time of the slide from note to note in the mono and legato modes.";
    BendRange bend_range "bend_range" "Bend" Semitones [0.0, 48.0] 2.0, 2.0,
        "How far the pitch wheel bends, in semitones.";
    Mode mode "mode" "Mode" Mode [0.0, 2.0] 0.0, 1.0,
        "How keys share the voices: each has its own, one at a time, or one that is bound from key to key.";
    Mpe mpe "mpe" "MPE" Switch [0.0, 1.0] 0.0, 1.0,
        "Takes bend, pressure and brightness of each note from its own MIDI channel.";
    Blend blend "blend" "Blend" Percent [0.0, 1.0] 0.0, 1.0,
        "How far the sound goes over from the first model to the second.";
    LoudnessRange loudness_range "loudness_range" "Dynamics" Factor [0.25, 4.0] 1.0, 2.322,
        "Widens or narrows the difference between soft and loud.";
    OctaveMatch octave_match "octave_match" "Octave match" Switch [0.0, 1.0] 0.0, 1.0,
        "Moves what is heard by octaves into the pitches that the instrument knows.";
    NotesOut notes_out "notes_out" "Notes out" Switch [0.0, 1.0] 0.0, 1.0,
        "Sends the notes that are heard in the audio to the host, with pitch bend of two semitones, to play other instruments.";
}

impl Setting {
    /// The table's row for this setting.
    #[must_use]
    pub fn spec(self) -> &'static SettingSpec {
        &Self::ALL[self as usize]
    }
}

impl SettingSpec {
    /// The name where no group says what it belongs to, as in a host's list of automation.
    #[must_use]
    pub fn full_name(&self) -> &'static str {
        match self.setting {
            Setting::VelocityCurve => "Velocity curve",
            Setting::Pressure => "Pressure amount",
            Setting::VibratoDepth => "Vibrato depth",
            Setting::Wheel => "Wheel vibrato",
            Setting::Timbre => "Timbre amount",
            Setting::VibratoRate => "Vibrato rate",
            Setting::VibratoDelay => "Vibrato delay",
            Setting::BendRange => "Bend range",
            Setting::Mode => "Voice mode",
            _ => self.name,
        }
    }
}

impl Settings {
    /// Sets one setting, clamped to its range; what is not a number leaves it as it was.
    pub fn set(&mut self, setting: Setting, value: f32) {
        let spec = setting.spec();
        if !value.is_nan() {
            *self.value_of(setting) = value.clamp(spec.min, spec.max);
        }
    }

    /// What the performer needs to know.
    #[must_use]
    pub fn playing(&self) -> Playing {
        Playing {
            mode: Mode::ALL[(self.mode.round() as usize).min(Mode::ALL.len() - 1)],
            voices: self.voices.round() as usize,
            glide_s: self.glide,
            bend_semitones: self.bend_range,
            mpe: self.mpe >= 0.5,
            velocity_curve: self.velocity_curve,
            attack: self.attack,
            decay_s: self.decay,
            sustain_db: self.sustain,
            release: self.release,
            vibrato_cents: self.vibrato_depth,
            wheel_vibrato_cents: self.wheel,
            vibrato_hz: self.vibrato_rate,
            vibrato_delay_s: self.vibrato_delay,
            variation: self.variation,
            pressure_amount: self.pressure,
            ..Playing::default()
        }
        .checked()
    }
}

/// Linear gain of a value of [`Unit::Decibels`]: silence at the bottom of the range.
#[must_use]
pub fn gain_from_db(db: f32) -> f32 {
    if db <= -60.0 { 0.0 } else { 10f32.powf(db / 20.0) }
}

/// The loudness that [`Setting::LoudnessRange`] leaves as it is, in dB: a plain mezzoforte.
pub const LOUDNESS_PIVOT_DB: f32 = -24.0;

/// Loudness with its distance from the pivot multiplied by `range` and moved by `offset_db`, never below the floor; silence
/// stays silence.
#[must_use]
pub fn map_loudness(loudness_db: f32, range: f32, offset_db: f32) -> f32 {
    if loudness_db <= LOUDNESS_FLOOR_DB {
        return LOUDNESS_FLOOR_DB;
    }
    let wide = if range == 1.0 { loudness_db } else { LOUDNESS_PIVOT_DB + range * (loudness_db - LOUDNESS_PIVOT_DB) };
    (wide + offset_db).max(LOUDNESS_FLOOR_DB)
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
    fn a_knob_s_way_leads_to_every_value_and_back() {
        for spec in &Setting::ALL {
            assert_eq!((spec.at(0.0), spec.at(1.0)), (spec.min, spec.max), "{}", spec.id);
            assert!((spec.at(spec.position(spec.default)) - spec.default).abs() < 1e-3 * (spec.max - spec.min));
        }
        assert!(
            (Setting::Attack.spec().position(1.0) - 0.5).abs() < 0.01,
            "the instrument's own attack is in the middle"
        );
    }

    #[test]
    fn the_default_settings_play_as_the_performer_does_by_default() {
        assert_eq!(Settings::default().playing(), Playing::default());
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
