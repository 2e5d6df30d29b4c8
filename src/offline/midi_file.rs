//! Standard MIDI files in, events at times in seconds out.

use std::path::Path;

use midly::live::LiveEvent;
use midly::{MetaMessage, MidiMessage, Smf, Timing, TrackEventKind};

use crate::engine::{EventKind, NoteAddress, cc, from_midi};

use super::OfflineError;

/// The channel that General MIDI keeps for drums; keys there are no pitches.
const DRUM_CHANNEL: u8 = 9;

/// The tempo until a file says otherwise, in microseconds per quarter note: 120 beats a minute.
const DEFAULT_TEMPO_US: f64 = 500_000.0;

/// A performance read from a file.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Time in seconds and what happens then, in order.
    pub events: Vec<(f64, EventKind)>,
    /// Keys and how long each was held, in seconds.
    pub notes: Vec<(u8, f64)>,
    /// When the last event happens, in seconds.
    pub end_s: f64,
    /// What the user should know, one sentence each.
    pub notices: Vec<String>,
}

/// Reads a file of format 0 or 1. Drums are left out.
///
/// # Errors
/// The file cannot be read, is no MIDI file, or plays no notes.
pub fn read(path: &Path) -> Result<Score, OfflineError> {
    let bytes = std::fs::read(path).map_err(|source| OfflineError::reading(path, source))?;
    let fail = |detail: String| OfflineError::Midi { path: path.into(), detail };
    let file = Smf::parse(&bytes).map_err(|error| fail(error.to_string()))?;
    if file.header.format == midly::Format::Sequential {
        return Err(fail("format 2, a collection of separate patterns".into()));
    }

    let mut all = Vec::new();
    for track in &file.tracks {
        let mut tick = 0u64;
        for event in track {
            tick += u64::from(event.delta.as_int());
            all.push((tick, event.kind));
        }
    }
    // Stable: events of one tick stay in their order, track by track.
    all.sort_by_key(|&(tick, _)| tick);

    let mut time = Time::new(file.header.timing);
    let mut score = Score::default();
    let mut held: Vec<(NoteAddress, f64)> = Vec::new();
    let mut drums = 0usize;
    let mut pedals = false;
    for (tick, kind) in all {
        let now_s = time.at(tick);
        let (channel, message) = match kind {
            TrackEventKind::Meta(MetaMessage::Tempo(microseconds)) => {
                time.set_tempo(f64::from(microseconds.as_int()));
                continue;
            }
            TrackEventKind::Midi { channel, message } => (channel.as_int(), message),
            _ => continue,
        };
        if channel == DRUM_CHANNEL {
            drums += usize::from(matches!(message, MidiMessage::NoteOn { vel, .. } if vel > 0));
            continue;
        }
        if let Some(event) = event(channel, message) {
            pedals |= matches!(event, EventKind::Controller { number: cc::SUSTAIN | cc::SOSTENUTO, .. });
            score.follow(&mut held, now_s, &event);
            score.events.push((now_s, event));
            score.end_s = now_s;
        }
    }
    if pedals || !held.is_empty() {
        // A file that forgets to let go of a key or a pedal ends there all the same.
        score.follow(&mut held, score.end_s, &EventKind::AllNotesOff { channel: None });
        score.events.push((score.end_s, EventKind::AllNotesOff { channel: None }));
    }
    if score.notes.is_empty() {
        return Err(OfflineError::NoNotes(path.into()));
    }
    if drums > 0 {
        score.notices.push(format!("{drums} drum notes are left out"));
    }
    Ok(score)
}

/// The engine's event, by way of the message's bytes.
fn event(channel: u8, message: MidiMessage) -> Option<EventKind> {
    let mut bytes = Vec::with_capacity(3);
    LiveEvent::Midi { channel: channel.into(), message }.write(&mut bytes).ok()?;
    from_midi(&bytes)
}

impl Score {
    /// Keeps account of which keys are held, and for how long they were.
    fn follow(&mut self, held: &mut Vec<(NoteAddress, f64)>, now_s: f64, event: &EventKind) {
        match event {
            EventKind::NoteOn { note, .. } => held.push((*note, now_s)),
            EventKind::NoteOff { note } => {
                if let Some(index) = held.iter().position(|(other, _)| other.matches(note)) {
                    let (note, since_s) = held.remove(index);
                    self.notes.push((note.key, now_s - since_s));
                }
            }
            EventKind::AllNotesOff { channel } | EventKind::AllSoundOff { channel } => {
                let ended = held.extract_if(.., |(note, _)| channel.is_none_or(|channel| channel == note.channel));
                self.notes.extend(ended.map(|(note, since_s)| (note.key, now_s - since_s)));
            }
            _ => {}
        }
    }
}

/// Ticks to seconds along a changing tempo.
struct Time {
    timing: Timing,
    tempo_us: f64,
    last_tick: u64,
    last_s: f64,
}

impl Time {
    fn new(timing: Timing) -> Self {
        Self { timing, tempo_us: DEFAULT_TEMPO_US, last_tick: 0, last_s: 0.0 }
    }

    /// The time of `tick`, which never decreases from call to call.
    fn at(&mut self, tick: u64) -> f64 {
        let ticks = (tick - self.last_tick) as f64;
        self.last_tick = tick;
        self.last_s += ticks
            * match self.timing {
                Timing::Metrical(per_quarter) => self.tempo_us * 1e-6 / f64::from(per_quarter.as_int().max(1)),
                Timing::Timecode(frames, subframe) => 1.0 / (f64::from(frames.as_f32()) * f64::from(subframe.max(1))),
            };
        self.last_s
    }

    fn set_tempo(&mut self, microseconds_per_quarter: f64) {
        self.tempo_us = microseconds_per_quarter;
    }
}

#[cfg(test)]
mod tests {
    use midly::num::{u4, u7, u15, u24, u28};
    use midly::{Format, Header, TrackEvent};

    use super::*;

    fn midi(channel: u8, message: MidiMessage) -> TrackEventKind<'static> {
        TrackEventKind::Midi { channel: u4::new(channel), message }
    }

    fn on(key: u8, velocity: u8) -> MidiMessage {
        MidiMessage::NoteOn { key: u7::new(key), vel: u7::new(velocity) }
    }

    fn score(tracks: &[&[(u32, TrackEventKind<'static>)]]) -> Result<Score, OfflineError> {
        let mut file = Smf::new(Header::new(Format::Parallel, Timing::Metrical(u15::new(480))));
        for track in tracks {
            file.tracks.push(track.iter().map(|&(delta, kind)| TrackEvent { delta: u28::new(delta), kind }).collect());
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song.mid");
        file.save(&path).unwrap();
        read(&path)
    }

    #[test]
    fn notes_fall_where_the_tempo_says() {
        let tempo = |us| TrackEventKind::Meta(MetaMessage::Tempo(u24::new(us)));
        let conductor = [(0, tempo(1_000_000)), (480, tempo(250_000))];
        let melody =
            [(0, midi(0, on(60, 127))), (480, midi(0, on(60, 0))), (0, midi(0, on(64, 64))), (480, midi(0, on(64, 0)))];
        let score = score(&[&conductor, &melody]).unwrap();
        let times: Vec<f64> = score.events.iter().map(|&(time_s, _)| time_s).collect();
        assert_eq!(times, [0.0, 1.0, 1.0, 1.25]);
        assert_eq!(score.notes, [(60, 1.0), (64, 0.25)]);
        assert!(matches!(score.events[0].1, EventKind::NoteOn { velocity: 1.0, .. }));
    }

    #[test]
    fn a_key_that_is_never_let_go_ends_with_the_file() {
        let score = score(&[&[(0, midi(3, on(60, 100))), (480, midi(3, on(62, 100)))]]).unwrap();
        assert_eq!(score.events.last().unwrap(), &(0.5, EventKind::AllNotesOff { channel: None }));
        assert_eq!(score.notes.len(), 2);
    }

    #[test]
    fn drums_are_left_out_with_a_notice() {
        let score = score(&[&[(0, midi(9, on(36, 100))), (0, midi(0, on(60, 100)))]]).unwrap();
        assert_eq!(score.notes.len(), 1);
        assert_eq!(score.notices, ["1 drum notes are left out"]);
    }

    #[test]
    fn a_file_without_notes_is_refused() {
        assert!(matches!(score(&[&[]]), Err(OfflineError::NoNotes(_))));
        assert!(matches!(score(&[&[(0, midi(9, on(36, 100)))]]), Err(OfflineError::NoNotes(_))));
    }
}
