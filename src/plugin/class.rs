//! What distinguishes the two plugin classes: names, ids, ports, and where frames come from by default.

use nice_plug::prelude::*;

use crate::engine::Source;

const MONO: NonZeroU32 = new_nonzero_u32(1);
const STEREO: NonZeroU32 = new_nonzero_u32(2);

/// One of the plugins in the file. All ids are frozen: hosts' songs hold them.
pub trait Class: Send + 'static {
    const NAME: &'static str;
    const CLAP_ID: &'static str;
    const CLAP_DESCRIPTION: &'static str;
    const CLAP_FEATURES: &'static [ClapFeature];
    const VST3_ID: [u8; 16];
    const VST3_CATEGORIES: &'static [Vst3SubCategory];
    /// The first is the default.
    const LAYOUTS: &'static [AudioIOLayout];
    const DEFAULT_SOURCE: Source;
    /// Whether keyboards play it: pedals, wheels and bend are worth their price then.
    const IS_PLAYED: bool;
}

/// A plugin format, as far as the plugin must know of it.
pub trait Format: Send + 'static {
    /// Whether the framework makes a parameter of each controller of each channel.
    const CONTROLLERS_ARE_PARAMETERS: bool;
    /// Whether the framework confuses two of the format's note expressions, see `events`.
    const SWAPS_EXPRESSION: bool;
}

/// Bend and controllers come as they are.
pub struct Clap;

/// Bend and controllers come as 2,080 hidden parameters, one for each controller of each channel. Hosts are used to that, but
/// those that ask for every text of every parameter take long to load them: the instrument has them, since a keyboard
/// without pedal and wheel is none, and the effect does without.
pub struct Vst3;

impl Format for Clap {
    const CONTROLLERS_ARE_PARAMETERS: bool = false;
    const SWAPS_EXPRESSION: bool = false;
}

impl Format for Vst3 {
    const CONTROLLERS_ARE_PARAMETERS: bool = true;
    const SWAPS_EXPRESSION: bool = true;
}

/// `Retort`: plays notes; a side input can drive it instead.
pub struct Instrument;

/// `Retort FX`: sits in an audio track; notes can drive it instead.
pub struct Effect;

impl Class for Instrument {
    const NAME: &'static str = "Retort";
    const CLAP_ID: &'static str = "org.retort-audio.retort";
    const CLAP_DESCRIPTION: &'static str = "Plays notes, or the pitch and loudness of its side input, as an instrument";
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::Instrument, ClapFeature::Synthesizer, ClapFeature::Stereo];
    const VST3_ID: [u8; 16] = *b"RetortInstrument";
    const VST3_CATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Instrument, Vst3SubCategory::Synth];
    // One layout only. The framework compares an arrangement that a VST3 host asks for with the wrong entries of the
    // host's list when there is no main input, so it refuses nearly all of them and the default stays: it must be the
    // one that everybody can use. `docs/hosts.md` lists what hosts make of that.
    const LAYOUTS: &'static [AudioIOLayout] = &[AudioIOLayout {
        main_output_channels: Some(STEREO),
        aux_input_ports: &[STEREO],
        names: PortNames {
            layout: Some("Stereo with side input"),
            aux_inputs: &["Side input"],
            ..PortNames::const_default()
        },
        ..AudioIOLayout::const_default()
    }];
    const DEFAULT_SOURCE: Source = Source::Notes;
    const IS_PLAYED: bool = true;
}

impl Class for Effect {
    const NAME: &'static str = "Retort FX";
    const CLAP_ID: &'static str = "org.retort-audio.retort-fx";
    const CLAP_DESCRIPTION: &'static str = "Plays the pitch and loudness of a track as an instrument";
    const CLAP_FEATURES: &'static [ClapFeature] =
        &[ClapFeature::AudioEffect, ClapFeature::PitchShifter, ClapFeature::Stereo, ClapFeature::Mono];
    const VST3_ID: [u8; 16] = *b"RetortTrackAudio";
    const VST3_CATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx, Vst3SubCategory::PitchShift];
    const LAYOUTS: &'static [AudioIOLayout] = &[layout(STEREO, STEREO), layout(MONO, MONO), layout(MONO, STEREO)];
    const DEFAULT_SOURCE: Source = Source::Audio;
    const IS_PLAYED: bool = false;
}

const fn layout(input: NonZeroU32, output: NonZeroU32) -> AudioIOLayout {
    AudioIOLayout {
        main_input_channels: Some(input),
        main_output_channels: Some(output),
        ..AudioIOLayout::const_default()
    }
}
