//! The parameters that hosts see and automate. Ids, ranges and their order are frozen: songs and automation hold them.

use std::sync::Arc;

use nice_plug::prelude::*;

use super::song::Song;
use crate::analysis::LowestPitch;
use crate::engine::{Setting, SettingSpec, Settings, Source, Unit};
use crate::panel::value_text;

/// Model slots that automation can choose from.
pub const SLOTS: usize = 8;
/// Largest value of the hidden change counter, which wraps.
pub const LAST_CHANGE: i32 = 65_535;

#[derive(Params)]
pub struct RetortParams {
    /// Passes the input, as late as the instrument would be.
    #[id = "bypass"]
    pub bypass: BoolParam,
    /// Index into [`SOURCES`]. Not automatable: changing it changes the latency, so the host restarts the plugin.
    #[id = "source"]
    pub source: IntParam,
    /// Index into [`LOWEST_PITCHES`]; a restart too.
    #[id = "lowest_pitch"]
    pub lowest_pitch: IntParam,
    /// Which of the song's models plays, 1 to [`SLOTS`].
    #[id = "slot"]
    pub slot: IntParam,
    #[id = "transpose"]
    pub transpose: FloatParam,
    #[id = "loudness_offset"]
    pub loudness_offset: FloatParam,
    #[id = "harmonic_gain"]
    pub harmonic_gain: FloatParam,
    #[id = "noise_gain"]
    pub noise_gain: FloatParam,
    #[id = "room"]
    pub room: FloatParam,
    #[id = "mix"]
    pub mix: FloatParam,
    #[id = "output_gain"]
    pub output_gain: FloatParam,
    /// Counts changes of what is in the song but is no parameter, so that the host knows that there is something to save.
    #[id = "changes"]
    pub changes: IntParam,
    #[id = "brightness"]
    pub brightness: FloatParam,
    #[id = "odd_even"]
    pub odd_even: FloatParam,
    #[id = "attack"]
    pub attack: FloatParam,
    #[id = "decay"]
    pub decay: FloatParam,
    #[id = "sustain"]
    pub sustain: FloatParam,
    #[id = "release"]
    pub release: FloatParam,
    #[id = "velocity_curve"]
    pub velocity_curve: FloatParam,
    #[id = "pressure"]
    pub pressure: FloatParam,
    #[id = "vibrato_depth"]
    pub vibrato_depth: FloatParam,
    #[id = "wheel"]
    pub wheel: FloatParam,
    #[id = "vibrato_rate"]
    pub vibrato_rate: FloatParam,
    #[id = "vibrato_delay"]
    pub vibrato_delay: FloatParam,
    #[id = "variation"]
    pub variation: FloatParam,
    #[id = "timbre"]
    pub timbre: FloatParam,
    #[id = "voices"]
    pub voices: FloatParam,
    #[id = "glide"]
    pub glide: FloatParam,
    #[id = "bend_range"]
    pub bend_range: FloatParam,
    #[id = "mode"]
    pub mode: FloatParam,
    #[id = "mpe"]
    pub mpe: FloatParam,
    #[id = "blend"]
    pub blend: FloatParam,
    #[id = "loudness_range"]
    pub loudness_range: FloatParam,
    #[id = "octave_match"]
    pub octave_match: FloatParam,
    #[id = "notes_out"]
    pub notes_out: FloatParam,
    #[persist = "song"]
    pub song: Song,
}

/// Values of the parameter `source` in their frozen order.
pub const SOURCES: [(Source, &str); 2] = [(Source::Notes, "Notes"), (Source::Audio, "Audio")];

/// Values of the parameter `lowest_pitch` in their frozen order.
pub const LOWEST_PITCHES: [(LowestPitch, &str); 3] =
    [(LowestPitch::Hz40, "40 Hz"), (LowestPitch::Hz80, "80 Hz"), (LowestPitch::Hz160, "160 Hz")];

impl RetortParams {
    #[must_use]
    pub fn new(default_source: Source) -> Self {
        Self {
            bypass: BoolParam::new("Bypass", false)
                .make_bypass()
                .with_value_to_string(Arc::new(|on| if on { "On" } else { "Off" }.into()))
                .with_string_to_value(Arc::new(|text| match text.trim().to_lowercase().as_str() {
                    "on" | "true" | "yes" | "1" => Some(true),
                    "off" | "false" | "no" | "0" => Some(false),
                    _ => None,
                })),
            source: choice("Source", &SOURCES, default_source).non_automatable(),
            lowest_pitch: choice("Lowest pitch", &LOWEST_PITCHES, LowestPitch::default()).non_automatable(),
            slot: IntParam::new("Model slot", 1, IntRange::Linear { min: 1, max: SLOTS as i32 }),
            transpose: continuous(Setting::Transpose),
            loudness_offset: continuous(Setting::LoudnessOffset),
            harmonic_gain: continuous(Setting::HarmonicGain),
            noise_gain: continuous(Setting::NoiseGain),
            room: continuous(Setting::Room),
            mix: continuous(Setting::Mix),
            output_gain: continuous(Setting::OutputGain),
            brightness: continuous(Setting::Brightness),
            odd_even: continuous(Setting::OddEven),
            attack: continuous(Setting::Attack),
            decay: continuous(Setting::Decay),
            sustain: continuous(Setting::Sustain),
            release: continuous(Setting::Release),
            velocity_curve: continuous(Setting::VelocityCurve),
            pressure: continuous(Setting::Pressure),
            vibrato_depth: continuous(Setting::VibratoDepth),
            wheel: continuous(Setting::Wheel),
            vibrato_rate: continuous(Setting::VibratoRate),
            vibrato_delay: continuous(Setting::VibratoDelay),
            variation: continuous(Setting::Variation),
            timbre: continuous(Setting::Timbre),
            voices: continuous(Setting::Voices),
            glide: continuous(Setting::Glide),
            bend_range: continuous(Setting::BendRange),
            mode: continuous(Setting::Mode),
            mpe: continuous(Setting::Mpe),
            blend: continuous(Setting::Blend),
            loudness_range: continuous(Setting::LoudnessRange),
            octave_match: continuous(Setting::OctaveMatch),
            notes_out: continuous(Setting::NotesOut),
            changes: IntParam::new("Changes", 0, IntRange::Linear { min: 0, max: LAST_CHANGE }).hide(),
            song: Song::default(),
        }
    }

    /// The parameter behind a setting.
    #[must_use]
    pub fn of(&self, setting: Setting) -> &FloatParam {
        match setting {
            Setting::Transpose => &self.transpose,
            Setting::LoudnessOffset => &self.loudness_offset,
            Setting::HarmonicGain => &self.harmonic_gain,
            Setting::NoiseGain => &self.noise_gain,
            Setting::Room => &self.room,
            Setting::Mix => &self.mix,
            Setting::OutputGain => &self.output_gain,
            Setting::Brightness => &self.brightness,
            Setting::OddEven => &self.odd_even,
            Setting::Attack => &self.attack,
            Setting::Decay => &self.decay,
            Setting::Sustain => &self.sustain,
            Setting::Release => &self.release,
            Setting::VelocityCurve => &self.velocity_curve,
            Setting::Pressure => &self.pressure,
            Setting::VibratoDepth => &self.vibrato_depth,
            Setting::Wheel => &self.wheel,
            Setting::VibratoRate => &self.vibrato_rate,
            Setting::VibratoDelay => &self.vibrato_delay,
            Setting::Variation => &self.variation,
            Setting::Timbre => &self.timbre,
            Setting::Voices => &self.voices,
            Setting::Glide => &self.glide,
            Setting::BendRange => &self.bend_range,
            Setting::Mode => &self.mode,
            Setting::Mpe => &self.mpe,
            Setting::Blend => &self.blend,
            Setting::LoudnessRange => &self.loudness_range,
            Setting::OctaveMatch => &self.octave_match,
            Setting::NotesOut => &self.notes_out,
        }
    }

    /// All settings as they are now, within their ranges.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        for spec in &Setting::ALL {
            settings.set(spec.setting, self.of(spec.setting).value());
        }
        settings
    }

    /// Everything that a window shows of the parameters: a change in it is worth a picture.
    #[must_use]
    pub fn shown(&self) -> impl PartialEq + Send + use<> {
        (self.settings(), self.source(), self.lowest_pitch(), self.bypass.value(), self.slot(), self.changes.value())
    }

    #[must_use]
    pub fn source(&self) -> Source {
        chosen(&SOURCES, self.source.value())
    }

    #[must_use]
    pub fn lowest_pitch(&self) -> LowestPitch {
        chosen(&LOWEST_PITCHES, self.lowest_pitch.value())
    }

    /// The slot that plays, 0 to `SLOTS - 1`.
    #[must_use]
    pub fn slot(&self) -> usize {
        (self.slot.value().clamp(1, SLOTS as i32) - 1) as usize
    }

    /// What the hidden counter becomes when the song changes.
    #[must_use]
    pub fn next_change(&self) -> i32 {
        (self.changes.value() + 1) % (LAST_CHANGE + 1)
    }
}

/// A parameter with the range, default and texts of the settings' table.
fn continuous(setting: Setting) -> FloatParam {
    let spec = setting.spec();
    let (min, max) = (spec.min, spec.max);
    let range = match spec.bend {
        1.0 => FloatRange::Linear { min, max },
        bend => FloatRange::Skewed { min, max, factor: 1.0 / bend },
    };
    let param = FloatParam::new(spec.full_name(), spec.default, range);
    let param = if spec.unit.is_stepped() { param.with_step_size(1.0) } else { param };
    param
        .with_unit(match spec.unit {
            Unit::Semitones => " st",
            Unit::Decibels | Unit::DecibelOffset => " dB",
            Unit::DecibelsPerOctave => " dB/oct",
            Unit::Percent | Unit::Balance => " %",
            Unit::Cents => " ct",
            Unit::Hertz => " Hz",
            // These write their unit with the value, or have none.
            Unit::Factor | Unit::Seconds | Unit::Count | Unit::Mode | Unit::Switch => "",
        })
        .with_value_to_string(Arc::new(move |value| number(spec, value)))
        .with_string_to_value(Arc::new(move |text| value_text::read(spec, text)))
}

/// The panel's text without its unit, which hosts add themselves, and in the letters that every host can show and read.
fn number(spec: &SettingSpec, value: f32) -> String {
    let text = value_text::write(spec, value).replace('\u{2212}', "-").replace('∞', "inf").replace("× ", "x");
    if matches!(spec.unit, Unit::Factor | Unit::Seconds | Unit::Count | Unit::Mode | Unit::Switch) {
        return text;
    }
    text.rsplit_once(' ').map_or(text.clone(), |(number, _unit)| number.to_owned())
}

/// A list to choose from; typing enough of a name's beginning is enough.
fn choice<T: Copy + PartialEq + Sync + 'static, const N: usize>(
    name: &str,
    choices: &'static [(T, &'static str); N],
    default: T,
) -> IntParam {
    // A default that is not in its list can't occur: both are constants of this file.
    let default = choices.iter().position(|(value, _)| *value == default).unwrap_or_default() as i32;
    IntParam::new(name, default, IntRange::Linear { min: 0, max: N as i32 - 1 })
        .with_value_to_string(Arc::new(|index| choices[(index.max(0) as usize).min(N - 1)].1.into()))
        .with_string_to_value(Arc::new(|text| {
            let typed = text.trim().to_lowercase();
            let starts = |name: &str| !typed.is_empty() && name.to_lowercase().starts_with(&typed);
            choices.iter().position(|(_, name)| starts(name)).map(|index| index as i32)
        }))
}

fn chosen<T: Copy, const N: usize>(choices: &[(T, &str); N], index: i32) -> T {
    choices[(index.max(0) as usize).min(N - 1)].0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Songs hold these. A change here breaks them: add at the end, never alter.
    const FROZEN: [(&str, &str, f32, f32, f32); 35] = [
        ("bypass", "Bypass", 0.0, 1.0, 0.0),
        ("source", "Source", 0.0, 1.0, 0.0),
        ("lowest_pitch", "Lowest pitch", 0.0, 2.0, 1.0),
        ("slot", "Model slot", 1.0, 8.0, 1.0),
        ("transpose", "Transpose", -36.0, 36.0, 0.0),
        ("loudness_offset", "Loudness", -24.0, 24.0, 0.0),
        ("harmonic_gain", "Harmonics", -60.0, 12.0, 0.0),
        ("noise_gain", "Noise", -60.0, 12.0, 0.0),
        ("room", "Room", 0.0, 1.0, 1.0),
        ("mix", "Dry/wet", 0.0, 1.0, 1.0),
        ("output_gain", "Output", -60.0, 12.0, 0.0),
        ("changes", "Changes", 0.0, 65_535.0, 0.0),
        ("brightness", "Brightness", -12.0, 12.0, 0.0),
        ("odd_even", "Odd/even", -1.0, 1.0, 0.0),
        ("attack", "Attack", 0.1, 10.0, 1.0),
        ("decay", "Decay", 0.01, 10.0, 0.5),
        ("sustain", "Sustain", -40.0, 0.0, 0.0),
        ("release", "Release", 0.1, 10.0, 1.0),
        ("velocity_curve", "Velocity curve", -1.0, 1.0, 0.0),
        ("pressure", "Pressure amount", 0.0, 1.0, 1.0),
        ("vibrato_depth", "Vibrato depth", 0.0, 100.0, 12.0),
        ("wheel", "Wheel vibrato", 0.0, 100.0, 50.0),
        ("vibrato_rate", "Vibrato rate", 2.0, 9.0, 5.5),
        ("vibrato_delay", "Vibrato delay", 0.0, 3.0, 0.35),
        ("variation", "Variation", 0.0, 2.0, 1.0),
        ("timbre", "Timbre amount", 0.0, 1.0, 1.0),
        ("voices", "Voices", 1.0, 16.0, 8.0),
        ("glide", "Glide", 0.0, 2.0, 0.06),
        ("bend_range", "Bend range", 0.0, 48.0, 2.0),
        ("mode", "Voice mode", 0.0, 2.0, 0.0),
        ("mpe", "MPE", 0.0, 1.0, 0.0),
        ("blend", "Blend", 0.0, 1.0, 0.0),
        ("loudness_range", "Dynamics", 0.25, 4.0, 1.0),
        ("octave_match", "Octave match", 0.0, 1.0, 0.0),
        ("notes_out", "Notes out", 0.0, 1.0, 0.0),
    ];

    #[test]
    fn parameters_are_those_that_songs_hold() {
        let params = RetortParams::new(Source::Notes);
        let plain = |plain: &dyn Fn(f32) -> f32, default: f32| [plain(0.0), plain(1.0), plain(default)];
        let by_id = |id: &str| match id {
            "bypass" => {
                let p = &params.bypass;
                (p.name(), plain(&|x| f32::from(u8::from(p.preview_plain(x))), p.default_normalized_value()))
            }
            "source" | "lowest_pitch" | "slot" | "changes" => {
                let p = match id {
                    "source" => &params.source,
                    "lowest_pitch" => &params.lowest_pitch,
                    "slot" => &params.slot,
                    _ => &params.changes,
                };
                (p.name(), plain(&|x| p.preview_plain(x) as f32, p.default_normalized_value()))
            }
            _ => {
                let spec = Setting::ALL.iter().find(|spec| spec.id == id).expect("every other id is a setting's");
                let p = params.of(spec.setting);
                (p.name(), plain(&|x| p.preview_plain(x), p.default_normalized_value()))
            }
        };
        let found: Vec<_> = params
            .param_map()
            .into_iter()
            .map(|(id, _, _)| {
                let (name, [min, max, default]) = by_id(&id);
                // A bent way to the default and back costs the last digits.
                let rounded = |x: f32| (x * 1e4).round() / 1e4;
                (id.clone(), name.to_owned(), rounded(min), rounded(max), rounded(default))
            })
            .collect();
        let frozen: Vec<_> = FROZEN.iter().map(|f| (f.0.to_owned(), f.1.to_owned(), f.2, f.3, f.4)).collect();
        assert_eq!(found, frozen);
        assert!(params.of(Setting::Room).as_ptr() == params.room.as_ptr());
    }

    #[test]
    fn the_effect_listens_and_the_instrument_plays_notes_by_default() {
        assert_eq!(RetortParams::new(Source::Audio).source(), Source::Audio);
        assert_eq!(RetortParams::new(Source::Notes).source(), Source::Notes);
    }

    #[test]
    fn values_are_readable_and_can_be_typed_back() {
        let params = RetortParams::new(Source::Notes);
        let shown = |setting: Setting, value: f32| {
            let param = params.of(setting);
            param.normalized_value_to_string(param.preview_normalized(value), true)
        };
        assert_eq!(shown(Setting::OutputGain, -6.0), "-6.0 dB");
        assert_eq!(shown(Setting::OutputGain, -60.0), "-inf dB");
        assert_eq!(shown(Setting::Transpose, 7.0), "+7 st");
        assert_eq!(shown(Setting::Mix, 0.4), "40 %");
        for spec in &Setting::ALL {
            let param = params.of(spec.setting);
            for step in 0..=16 {
                let text = param.normalized_value_to_string(step as f32 / 16.0, true);
                let back = param.string_to_normalized_value(&text).expect("its own text is understood");
                assert_eq!(param.normalized_value_to_string(back, true), text, "{}", spec.id);
            }
        }
        assert_eq!(params.source.normalized_value_to_string(1.0, true), "Audio");
        assert_eq!(params.source.string_to_normalized_value("audio"), Some(1.0));
        assert_eq!(params.lowest_pitch.string_to_normalized_value("160"), Some(1.0));
        assert_eq!(params.lowest_pitch.string_to_normalized_value("80 Hz"), Some(0.5));
        assert_eq!(params.lowest_pitch.string_to_normalized_value("soon"), None);
        assert_eq!(params.bypass.string_to_normalized_value("On"), Some(1.0));
    }
}
