//! The commands, their options and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::analysis::LowestPitch;

/// Plays any recording or MIDI file as another instrument.
#[derive(Debug, Parser)]
#[command(
    name = "retort",
    version,
    about = "Distils any sound to pitch and loudness, and plays them as another instrument.",
    after_help = "Without a command, Retort opens its window. 'retort help COMMAND' says more about a command.",
    max_term_width = 100
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Play a recording or a MIDI file as another instrument, into a WAV file
    Render(Render),
    /// Write a recording's pitch, voicing and loudness as a table (CSV)
    Features(Features),
    /// Open the window and play these files in it, as if they had been dropped on it
    #[cfg(feature = "app")]
    Open(Open),
    /// List the instruments that can be played, or share, look at and remove them
    Models(Models),
    /// Make an instrument of your own from a folder of recordings
    Train(Train),
    /// List the presets: sounds with a name, built in or your own
    Presets(Presets),
    /// Measure how fast this machine plays each of them
    Bench(Bench),
    /// Stream frames through a model's decoder, for comparison with its training
    #[command(hide = true)]
    Controls(Controls),
    /// Stream frames through a model's decoder and harmonics, for comparison with its training
    #[command(hide = true)]
    Synth(Synth),
}

#[derive(Debug, Args)]
pub struct Render {
    /// Recording (wav, flac, mp3, ogg, aiff) or notes (mid)
    pub input: PathBuf,
    /// WAV file to write: mono, 32-bit float, aligned with the input, as long as it plus the room's tail
    #[arg(value_name = "OUTPUT.wav")]
    pub output: PathBuf,
    /// Instrument to play, such as violin/full; 'retort models' lists them
    #[arg(long, value_name = "ID", required_unless_present_any = ["model_file", "preset"], conflicts_with = "model_file")]
    pub model: Option<String>,
    /// Play this model file instead of an installed one
    #[arg(long, value_name = "FILE")]
    pub model_file: Option<PathBuf>,
    /// Look for models in this folder before all others
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Play with the settings of this preset, and its model unless --model names another; 'retort presets' lists them
    #[arg(long, value_name = "NAME_OR_FILE")]
    pub preset: Option<String>,
    /// Mix in a second instrument, as --blend-amount says
    #[arg(long, value_name = "ID")]
    pub blend: Option<String>,
    /// How much of the second instrument: 0 is the first alone, 1 the second [default: the preset's, else 0.5]
    #[arg(long, value_name = "0..1", value_parser = within::<0, 1>)]
    pub blend_amount: Option<f32>,
    /// How much of the instrument is heard; the rest is the recording that it plays [default: 1]
    #[arg(long, value_name = "0..1", value_parser = within::<0, 1>)]
    pub mix: Option<f32>,
    /// Tune the keys by this Scala file; a .kbm file of the same name beside it maps them
    #[arg(long, value_name = "FILE.scl")]
    pub tuning: Option<PathBuf>,
    /// Move the pitch, besides what --match does [default: the preset's, else 0]
    #[arg(long, value_name = "SEMITONES", allow_negative_numbers = true, value_parser = within::<-36, 36>)]
    pub transpose: Option<f32>,
    /// Level of the output [default: the preset's if it has one, else 0]
    #[arg(long, value_name = "DB", allow_negative_numbers = true, value_parser = within::<-60, 12>)]
    pub gain: Option<f32>,
    /// How much of the instrument's room is heard [default: the preset's, else 1]
    #[arg(long, value_name = "0..1", value_parser = within::<0, 1>)]
    pub room: Option<f32>,
    /// Sample rate of the output [default: the input's; 48000 for MIDI]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(8_000..=384_000))]
    pub rate: Option<u32>,
    /// Move octave and level into the range that the instrument has learned, or take them as they are
    #[arg(long = "match", value_name = "auto|none", value_enum, default_value_t = Match::Auto)]
    pub matching: Match,
    /// Number that the noise grows from; the same number gives the same samples
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Lowest pitch to listen for, in Hz
    #[arg(long, value_name = "40|80|160", value_enum, default_value_t = Lowest::Hz40)]
    pub lowest_pitch: Lowest,
}

#[cfg(feature = "app")]
#[derive(Debug, Args)]
pub struct Open {
    /// Recordings (wav, flac, mp3, ogg, aiff) or notes (mid)
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Features {
    /// Recording (wav, flac, mp3, ogg, aiff)
    pub input: PathBuf,
    /// Table to write: time_s,f0_hz,voicing,loudness_db, 250 rows per second
    #[arg(value_name = "OUTPUT.csv")]
    pub output: PathBuf,
    /// Lowest pitch to listen for, in Hz
    #[arg(long, value_name = "40|80|160", value_enum, default_value_t = Lowest::Hz40)]
    pub lowest_pitch: Lowest,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Models {
    #[command(subcommand)]
    pub action: Option<ModelsAction>,
    /// Print a JSON list
    #[arg(long)]
    pub json: bool,
    /// Look for models in this folder before all others
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// Check model files that you were given, and put them where Retort finds them
    Import(ModelsImport),
    /// Write an instrument, or one model of it, into one file to share
    Export(ModelsExport),
    /// Say everything that is known about an instrument, a model or a file
    Info(ModelsInfo),
    /// Remove an instrument or a model of your own
    Remove(ModelsRemove),
}

#[derive(Debug, Args)]
pub struct ModelsImport {
    /// Parcels (.retort), or model files (.safetensors) with room.safetensors beside them
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Put them into this folder [default: yours, where Retort finds them]
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Replace what has the same name
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct ModelsExport {
    /// Instrument, such as my-cello, or model, such as my-cello/full
    #[arg(value_name = "ID")]
    pub what: String,
    /// File to write [default: the name and .retort, in this folder]
    pub output: Option<PathBuf>,
    /// Look for models in this folder before all others
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct ModelsInfo {
    /// Instrument, model, or file
    #[arg(value_name = "ID_OR_FILE")]
    pub what: String,
    /// Print a JSON list
    #[arg(long)]
    pub json: bool,
    /// Look for models in this folder before all others
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ModelsRemove {
    /// Instrument or model
    #[arg(value_name = "ID")]
    pub what: String,
    /// Remove it from this folder [default: yours; nothing elsewhere is ever removed]
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Train {
    /// Folder of recordings of one instrument, one note at a time (wav, flac, mp3, ogg)
    pub folder: PathBuf,
    /// What the instrument is called, such as "My cello" [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// End this sitting after so many minutes; the same command goes on later [default: 35]
    #[arg(long, value_name = "MINUTES", value_parser = within::<1, 100_000>)]
    pub minutes: Option<f32>,
    /// Only look at the recordings, and say what is in them and whether it is enough
    #[arg(long)]
    pub check: bool,
    /// Train though the recordings look unsuitable
    #[arg(long)]
    pub anyway: bool,
    /// Begin anew, and let the result take the place of what was made before
    #[arg(long)]
    pub restart: bool,
    /// Make these models only: reduced, full, reduced-cd, cnn-tiny [default: all]
    #[arg(long, value_name = "MODEL", num_args = 1..)]
    pub only: Vec<String>,
    /// Who plays; kept in the model files
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Licence under which the models may be passed on, if they may; kept in the model files
    #[arg(long, value_name = "LICENCE")]
    pub licence: Option<String>,
    /// Put the models into this folder [default: yours, where Retort finds them]
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Keep checkpoints in this folder [default: retort/training in your data folder]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Where PyTorch computes: auto, cpu, cuda [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Python 3.11 to 3.14 to make the environment with [default: one that is found]
    #[arg(long, value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// Download PyTorch without NVIDIA's libraries, from pytorch.org
    #[arg(long)]
    pub cpu: bool,
    /// Download and install without asking
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Presets {
    /// Print a JSON list
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Bench {
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
    /// Measure this model only
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// Measure the decoders only
    #[arg(long, conflicts_with = "full")]
    pub decoder: bool,
    /// Measure blocks of 32 to 1024 samples and 1 to 16 voices too; takes minutes
    #[arg(long)]
    pub full: bool,
    /// Look for models in this folder before all others
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Controls {
    /// Model file
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Table that 'retort features' wrote
    #[arg(value_name = "FRAMES.csv")]
    pub frames: PathBuf,
    /// Little-endian 32-bit floats, a row per frame: pre-activations (amplitude, harmonics, noise) of the network's last step,
    /// then the frame's controls in the same order
    #[arg(value_name = "OUT.f32")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct Synth {
    /// Model file
    #[arg(value_name = "MODEL.safetensors")]
    pub model: PathBuf,
    /// Table that 'retort features' wrote
    #[arg(value_name = "FRAMES.csv")]
    pub frames: PathBuf,
    /// WAV file to write: mono, 32-bit float
    #[arg(value_name = "OUT.wav")]
    pub output: PathBuf,
    /// Leave the noise out; there is no comparison sample by sample with it
    #[arg(long, required = true)]
    pub no_noise: bool,
    /// Sample rate of the output [default: the model's]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(8_000..=384_000))]
    pub rate: Option<u32>,
}

/// `--match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Match {
    /// Move octave and level into the instrument's range.
    Auto,
    /// Take pitch and level as they are.
    None,
}

/// `--lowest-pitch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lowest {
    #[value(name = "40")]
    Hz40,
    #[value(name = "80")]
    Hz80,
    #[value(name = "160")]
    Hz160,
}

impl From<Lowest> for LowestPitch {
    fn from(lowest: Lowest) -> Self {
        match lowest {
            Lowest::Hz40 => Self::Hz40,
            Lowest::Hz80 => Self::Hz80,
            Lowest::Hz160 => Self::Hz160,
        }
    }
}

/// A number from `MIN` to `MAX`; anything else, infinity and NaN too, is refused with the range in the message.
fn within<const MIN: i32, const MAX: i32>(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (MIN as f32..=MAX as f32).contains(&value) => Ok(value),
        _ => Err(format!("a number from {MIN} to {MAX} is needed")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_commands_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        for text in ["-37", "36.1", "nan", "inf", "a fifth", ""] {
            assert!(within::<-36, 36>(text).is_err(), "{text}");
        }
        assert_eq!(within::<-36, 36>("-12.5"), Ok(-12.5));
    }

    #[test]
    fn a_render_needs_one_model() {
        let parse = |more: &[&str]| Arguments::try_parse_from([&["retort", "render", "a.wav", "b.wav"], more].concat());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--model", "violin/full", "--model-file", "x"]).is_err());
        assert!(parse(&["--model", "violin/full", "--transpose", "-12"]).is_ok());
        assert!(parse(&["--model", "violin/full", "--rate", "0"]).is_err());
        assert!(parse(&["--preset", "Felt Piano"]).is_ok(), "a preset names a model");
        assert!(parse(&["--preset", "Felt Piano", "--model", "flute/full"]).is_ok());
    }
}
