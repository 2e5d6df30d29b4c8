//! What the panel asks of whoever shows it. The plugin and the application implement it; nothing else is between them.

use super::Banner;
use crate::{
    analysis::LowestPitch,
    engine::{Load, Setting, Source, Spectrum},
    frame::{Frame, LOUDNESS_FLOOR_DB},
    library::{Entry, machine_factor, tunings::EQUAL},
    preset::{LoadedPreset, PresetStore},
};

/// What stands behind the panel. Called on the window's thread only, a few dozen times a drawn picture, so every getter
/// is cheap. No method may block on the audio thread. What is added here is passed on in `history::Recorder` too.
pub trait PanelHost {
    /// The value of `setting` now, in the units of its [`crate::engine::SettingSpec`]; automation included.
    fn value(&self, setting: Setting) -> f32;

    /// The user takes hold of `setting`. Hosts record the changes up to [`PanelHost::end`] as one gesture.
    fn begin(&mut self, setting: Setting);

    /// A new value within the setting's range. Always between `begin` and `end`; repeated while a knob moves.
    fn set(&mut self, setting: Setting, value: f32);

    /// The user lets go of `setting`.
    fn end(&mut self, setting: Setting);

    /// A step of a wheel or an arrow: a gesture for the host. Steps in quick succession are taken back together.
    fn nudge(&mut self, setting: Setting, value: f32) {
        self.begin(setting);
        self.set(setting, value);
        self.end(setting);
    }

    /// Where pitch and loudness come from.
    fn source(&self) -> Source;

    /// Chooses where pitch and loudness come from.
    fn set_source(&mut self, source: Source);

    /// The lowest pitch that the tracker looks for.
    fn lowest_pitch(&self) -> LowestPitch;

    /// Chooses the lowest pitch. It may take a moment until the latency has changed.
    fn set_lowest_pitch(&mut self, lowest: LowestPitch);

    /// How late the instrument plays after the input in ms, were `lowest` chosen, with [`Source::Audio`].
    fn latency_ms(&self, lowest: LowestPitch) -> f32;

    /// Whether there is somewhere for the notes that are heard in audio to go: [`Setting::NotesOut`].
    fn sends_notes(&self) -> bool {
        false
    }

    /// Whether the dry input passes instead of the instrument; `None` where there is no such switch.
    fn bypass(&self) -> Option<bool> {
        None
    }

    /// Turns bypass on or off; never called where [`PanelHost::bypass`] is `None`.
    fn set_bypass(&mut self, _bypass: bool) {}

    /// Every model that can be chosen, in the order in which they are to be listed.
    fn models(&self) -> &[ModelEntry];

    /// The id of the model that is wanted, be it in the list or not: `violin/full`.
    fn model_id(&self) -> &str;

    /// Asks for a model by its id; loading may take a moment.
    fn choose_model(&mut self, id: &str);

    /// The id of the second model that is mixed in by [`Setting::Blend`], if there is one.
    fn blend_id(&self) -> Option<&str> {
        None
    }

    /// Asks for a second model to mix in, or for none.
    fn choose_blend(&mut self, _id: Option<&str>) {}

    /// The names of all tunings that can be chosen, twelve equal steps first; empty where there is no choice.
    fn tunings(&self) -> &[String] {
        &[]
    }

    /// The name of the tuning, be it in the list or not.
    fn tuning(&self) -> &str {
        EQUAL
    }

    /// Asks for one of [`PanelHost::tunings`].
    fn choose_tuning(&mut self, _name: &str) {}
    /// The presets that can be loaded; `None` where there are none, and then nothing of presets is shown.
    fn presets(&self) -> Option<&dyn PresetStore> {
        None
    }

    /// The same, to save and delete; `Some` just where [`PanelHost::presets`] is.
    fn presets_mut(&mut self) -> Option<&mut dyn PresetStore> {
        None
    }

    /// The preset that was loaded last, as the song or the application remembers it.
    fn loaded_preset(&self) -> Option<&LoadedPreset> {
        None
    }

    /// Remembers which preset was loaded, and whether something was changed since.
    fn set_loaded_preset(&mut self, _preset: Option<LoadedPreset>) {}

    /// What a newcomer should do to hear something with [`Source::Notes`].
    fn how_to_play(&self) -> &'static str {
        "Play a note on a MIDI keyboard"
    }

    /// What the user has to know now: a saved model that is missing, a device that is gone. `None` when all is well.
    fn banner(&self) -> Option<Banner> {
        None
    }

    /// Reads what the loudest voice plays into `spectrum`.
    fn spectrum(&self, spectrum: &mut Spectrum) {
        *spectrum = Spectrum::default();
    }

    /// The newest measurements.
    fn meters(&self) -> MeterSnapshot;
}

/// A model as the panel lists it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelEntry {
    /// `<instrument>/<variant>`: `violin/full`.
    pub id: String,
    /// `violin`.
    pub instrument: String,
    /// `full`, `reduced`, ...
    pub variant: String,
    pub n_parameters: u64,
    /// Size of the file.
    pub n_bytes: u64,
    /// Multi-scale spectral loss on recordings that the model has not heard; less is better. `None` when not measured.
    pub multi_scale_loss: Option<f32>,
    /// How far its loss lies on the way from a crude resynthesis (0) to the best that the synthesis can do (1).
    /// `None` when not measured.
    pub gap_closed: Option<f32>,
    /// Share of one core that a voice takes, 0 to 1, as measured or estimated. `None` when not known.
    pub cpu_share: Option<f32>,
    /// Pitch and loudness that the model was trained on. `None` when the file does not say.
    pub range: Option<TrainedRange>,
    /// Whose work it is.
    pub credits: Credits,
}

/// Who is to be named for a model, and what may be done with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credits {
    /// Licence of the weights.
    pub licence: String,
    /// The recordings that it learned from, each with author and licence.
    pub recordings: Vec<String>,
}

impl From<&Entry> for ModelEntry {
    /// As the library found it; the load is [`crate::model::Metadata::estimated_cpu_share`] on this machine. The first in a
    /// process takes a few ms, see [`machine_factor`].
    fn from(entry: &Entry) -> Self {
        let metadata = &entry.metadata;
        Self {
            id: entry.id.clone(),
            instrument: metadata.instrument.clone(),
            variant: metadata.variant.clone(),
            n_parameters: metadata.parameters,
            n_bytes: entry.bytes,
            multi_scale_loss: metadata.scores.map(|scores| scores.multi_scale_loss),
            gap_closed: metadata.scores.and_then(|scores| scores.gap_closed),
            cpu_share: Some(metadata.estimated_cpu_share() * machine_factor()),
            range: Some(TrainedRange { f0_hz: metadata.range.f0_hz, loudness_db: metadata.range.loudness_db }),
            credits: Credits {
                licence: metadata.licence.clone(),
                recordings: (metadata.data.iter())
                    .map(|data| format!("{}, {} ({})", data.name, data.author, data.licence))
                    .collect(),
            },
        }
    }
}

/// The region of pitch and loudness that a model knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainedRange {
    /// Lowest and highest fundamental frequency in Hz.
    pub f0_hz: [f32; 2],
    /// Softest and loudest in dB.
    pub loudness_db: [f32; 2],
}

/// Measurements of the last few milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterSnapshot {
    /// Highest sample of about the last 30 ms in dBFS; `f32::NEG_INFINITY` for silence. The panel adds the slow fall.
    pub input_peak_db: f32,
    /// The same for what leaves Retort.
    pub output_peak_db: f32,
    /// What the model is asked to play, transposed and offset.
    pub frame: Frame,
    /// Notes that sound.
    pub voices: usize,
    /// How late the output is now, in ms; 0 with [`Source::Notes`].
    pub latency_ms: f32,
    /// What computing takes. `None` when not measured.
    pub load: Option<Load>,
}

impl MeterSnapshot {
    /// Nothing sounds.
    pub const SILENCE: Self = Self {
        input_peak_db: f32::NEG_INFINITY,
        output_peak_db: f32::NEG_INFINITY,
        frame: Frame::SILENCE,
        voices: 0,
        latency_ms: 0.0,
        load: None,
    };

    /// Whether a note sounds that the field can show.
    #[must_use]
    pub fn is_sounding(&self) -> bool {
        self.frame.voicing >= 0.5 && self.frame.loudness_db > LOUDNESS_FLOOR_DB
    }

    /// Whether a picture of `other` would look different: whoever shows a panel wakes egui then.
    #[must_use]
    pub fn differs_visibly(&self, other: &Self) -> bool {
        // Two infinities are equal; one against a number is infinitely far.
        let moved = |a: f32, b: f32, least: f32| a != b && (a - b).abs() >= least;
        let load = |meters: &Self| meters.load.unwrap_or_default();
        let audible = |db: f32| if db < -60.0 { f32::NEG_INFINITY } else { db };
        moved(audible(self.input_peak_db), audible(other.input_peak_db), 0.1)
            || moved(audible(self.output_peak_db), audible(other.output_peak_db), 0.1)
            || moved(self.latency_ms, other.latency_ms, 0.05)
            || self.voices != other.voices
            || self.is_sounding() != other.is_sounding()
            || (self.is_sounding()
                && (moved(self.frame.f0_hz, other.frame.f0_hz, 0.05)
                    || moved(self.frame.loudness_db, other.frame.loudness_db, 0.1)))
            || moved(load(self).mean, load(other).mean, 0.01)
            || moved(load(self).worst, load(other).worst, 0.02)
    }
}

impl Default for MeterSnapshot {
    fn default() -> Self {
        Self::SILENCE
    }
}
