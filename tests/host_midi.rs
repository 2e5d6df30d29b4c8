//! The same MIDI file, rendered by the command line and played by a host from reset, gives the same audio.

mod cli_process;
mod hosts;

use cli_process::{command, finish, read_wav};
use hosts::clap_host::ClapHost;
use hosts::vst3_host::Vst3Host;
use hosts::{Class, Happening, TestHost};
use midly::num::{u4, u7, u15, u28};
use midly::{Format, Header, MidiMessage, Smf, Timing, TrackEvent, TrackEventKind};

const RATE_HZ: u32 = 48_000;
/// Ticks of 2 ms: 96 samples.
const TICKS_A_SECOND: u32 = 500;
/// (tick, key, velocity of the host): chords, a repeated key, notes that overlap.
const NOTES: [(u32, u8, u8); 12] = [
    (10, 60, 100),
    (10, 64, 80),
    (200, 67, 64),
    (300, 60, 0),
    (310, 60, 120),
    (400, 64, 0),
    (400, 67, 0),
    (405, 72, 30),
    (600, 60, 0),
    (700, 72, 0),
    (701, 55, 127),
    (900, 55, 0),
];

fn song() -> Vec<u8> {
    let mut song = Smf::new(Header::new(Format::SingleTrack, Timing::Metrical(u15::new(250))));
    let mut before = 0;
    let mut track: Vec<TrackEvent<'_>> = NOTES
        .iter()
        .map(|(tick, key, velocity)| {
            let (key, vel) = (u7::new(*key), u7::new(*velocity));
            let message = if vel > 0 { MidiMessage::NoteOn { key, vel } } else { MidiMessage::NoteOff { key, vel } };
            let delta = u28::new(tick - std::mem::replace(&mut before, *tick));
            TrackEvent { delta, kind: TrackEventKind::Midi { channel: u4::new(0), message } }
        })
        .collect();
    track.push(TrackEvent { delta: u28::new(100), kind: TrackEventKind::Meta(midly::MetaMessage::EndOfTrack) });
    song.tracks.push(track);
    let mut bytes = Vec::new();
    song.write_std(&mut bytes).expect("memory can be written");
    bytes
}

/// What a host makes of the song, left channel.
fn hosted<H: TestHost>(length: usize, block: usize) -> Vec<f32> {
    let happening = |key: u8, velocity: u8| match velocity {
        0 => Happening::NoteOff { key },
        // As MIDI has it.
        velocity => Happening::NoteOn { key, velocity: f64::from(f32::from(velocity) / 127.0) },
    };
    let sample = |tick: u32| (tick * RATE_HZ / TICKS_A_SECOND) as usize;
    let events: Vec<(usize, Happening)> =
        NOTES.iter().map(|(tick, key, velocity)| (sample(*tick), happening(*key, *velocity))).collect();
    let mut host = H::open(Class::Instrument);
    host.activate(f64::from(RATE_HZ), 4_096);
    host.render(&[], length, &events, block).swap_remove(0)
}

#[test]
fn a_midi_file_sounds_the_same_from_the_command_line_and_in_every_host() {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let (input, output) = (folder.path().join("song.mid"), folder.path().join("song.wav"));
    std::fs::write(&input, song()).expect("a file can be written");
    let mut render = command();
    render.arg("render").args([&input, &output]).args(["--model", "violin/reduced", "--match", "none"]);
    finish(render).succeeds();
    let (rendered, rate_hz) = read_wav(&output);
    assert_eq!(rate_hz, RATE_HZ);
    assert!(rendered.iter().any(|x| x.abs() > 0.01));
    for (name, played) in [
        ("CLAP", hosted::<ClapHost>(rendered.len(), 512)),
        ("CLAP, other blocks", hosted::<ClapHost>(rendered.len(), 333)),
        ("VST3", hosted::<Vst3Host>(rendered.len(), 512)),
    ] {
        let error = rendered.iter().zip(&played).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 1e-6, "{name}: {error}");
    }
}
