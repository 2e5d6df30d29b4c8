//! The part of the report on recorded notes.

use crate::made_sounds::Score;
use crate::{SKIPPED_FRAMES, row};
use retort::analysis::{LowestPitch, analyze};
use std::collections::BTreeMap;
use std::path::Path;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;

/// Frames softer than the loudest by more than this are left out, in dB.
const RANGE_DB: f32 = 30.0;
/// How many of the worst notes are listed.
const N_WORST: usize = 20;

/// A line of `tests/pitch_reference.csv`.
struct Note {
    file: String,
    instrument: String,
    midi: i32,
    f0_hz: f64,
    agreed: bool,
}

/// The setting that a player of the instrument would choose, or the next lower one for a note below it.
fn lowest_pitch(note: &Note) -> LowestPitch {
    let fits = match note.instrument.as_str() {
        "violin" | "flute" | "oboe" => LowestPitch::Hz160,
        "bassoon" | "piano" | "cello" => LowestPitch::Hz40,
        _ => LowestPitch::Hz80,
    };
    match fits {
        LowestPitch::Hz160 if note.f0_hz < 160.0 => LowestPitch::Hz80,
        LowestPitch::Hz80 if note.f0_hz < 80.0 => LowestPitch::Hz40,
        fits => fits,
    }
}

pub fn report(folder: &Path) -> Result<(), String> {
    let notes = references()?;
    let mut rows: BTreeMap<String, Score> = BTreeMap::new();
    let mut worst = Vec::new();
    for (i, note) in notes.iter().filter(|note| note.agreed).enumerate() {
        if i % 100 == 0 {
            eprintln!("{i} of {} notes", notes.len());
        }
        let score = listen(folder, note)?;
        let mut names = vec![note.instrument.clone(), "~ all".into()];
        if note.instrument == "violin" && (58..=60).contains(&note.midi) {
            names.push("violin, A#3 to C4".into());
        }
        if note.f0_hz > 2_000.0 {
            names.push("~ above 2 kHz".into());
        }
        for name in names {
            let sum = rows.entry(name).or_default();
            sum.n += score.n;
            sum.right += score.right;
            sum.octave += score.octave;
            sum.unvoiced += score.unvoiced;
            sum.cents.extend(&score.cents);
        }
        worst.push((score.n - score.right, score, note));
    }
    println!("## Recorded notes\n");
    println!(
        "{} single notes. The reference is the octave of the label with the file's own median pitch, measured by two",
        worst.len()
    );
    println!(
        "independent methods (`training/pitch_reference.py`, `tests/pitch_reference.csv`). Frames within {RANGE_DB} dB of the note's"
    );
    println!(
        "loudest, from 50 ms on; an unvoiced frame is a wrong one. Lowest pitch: 160 Hz for violin, flute and oboe, 80 Hz for clarinet,"
    );
    println!(
        "saxophone, trombone and trumpet, 40 Hz for bassoon, cello and piano, and the next lower one for notes below that.\n"
    );
    println!("| notes | frames | median, cents | right, % | octave, % | unvoiced, % | other, % |");
    println!("|---|---|---|---|---|---|---|");
    for (name, score) in &mut rows {
        println!("{}", row(name.trim_start_matches("~ "), score));
    }
    worst.sort_by_key(|(wrong, _, _)| std::cmp::Reverse(*wrong));
    println!("\nThe {N_WORST} notes with the most wrong frames:\n");
    println!("| note | frames | median, cents | right, % | octave, % | unvoiced, % | other, % |");
    println!("|---|---|---|---|---|---|---|");
    for (_, score, note) in worst.iter_mut().take(N_WORST) {
        println!("{}", row(&note.file, score));
    }
    println!("\nLeft out, because the two methods differ by more than 20 cents:\n");
    for note in notes.iter().filter(|note| !note.agreed) {
        println!("- {}", note.file);
    }
    Ok(())
}

fn references() -> Result<Vec<Note>, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pitch_reference.csv");
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    text.lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            let [file, instrument, midi, f0_hz, .., agreed] = columns[..] else {
                return Err(format!("{path}: a line with too few columns: {line}"));
            };
            let number = |text: &str| text.parse::<f64>().map_err(|error| format!("{path}: {text}: {error}"));
            Ok(Note {
                file: file.into(),
                instrument: instrument.into(),
                midi: number(midi)? as i32,
                f0_hz: number(f0_hz)?,
                agreed: agreed == "yes",
            })
        })
        .collect()
}

fn listen(folder: &Path, note: &Note) -> Result<Score, String> {
    let path = folder.join(&note.file);
    let (samples, rate_hz) =
        decode(&path).ok_or_else(|| format!("{}: is not a recording that can be read", path.display()))?;
    let frames =
        analyze(&samples, rate_hz, lowest_pitch(note)).map_err(|error| format!("{}: {error}", path.display()))?;
    let loudest = frames.iter().map(|frame| frame.loudness_db).fold(f32::MIN, f32::max);
    let mut score = Score::default();
    for frame in frames.iter().skip(SKIPPED_FRAMES).filter(|frame| frame.loudness_db >= loudest - RANGE_DB) {
        score.add(frame.f0_hz, frame.voicing, note.f0_hz);
    }
    Ok(score)
}

/// The first channel of a file, and its rate.
fn decode(path: &Path) -> Option<(Vec<f32>, u32)> {
    let stream = MediaSourceStream::new(Box::new(std::fs::File::open(path).ok()?), Default::default());
    let mut hint = Hint::new();
    hint.with_extension(path.extension()?.to_str()?);
    let mut reader =
        symphonia::default::get_probe().probe(&hint, stream, Default::default(), Default::default()).ok()?;
    let track = reader.default_track(TrackType::Audio)?;
    let parameters = track.codec_params.as_ref()?.audio()?;
    let track_id = track.id;
    let mut decoder =
        symphonia::default::get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default()).ok()?;
    let (mut samples, mut interleaved, mut rate_hz) = (Vec::new(), Vec::<f32>::new(), 0);
    while let Ok(Some(packet)) = reader.next_packet() {
        if packet.track_id != track_id {
            continue;
        }
        let buffer = decoder.decode(&packet).ok()?;
        rate_hz = buffer.spec().rate();
        let n_channels = buffer.spec().channels().count();
        buffer.copy_to_vec_interleaved(&mut interleaved);
        samples.extend(interleaved.iter().step_by(n_channels));
    }
    (!samples.is_empty()).then_some((samples, rate_hz))
}
