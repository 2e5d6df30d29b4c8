//! The same MIDI file, rendered by the command line and played by a host from reset, gives the same audio.

mod cli_process;
mod hosts;

use cli_process::{command, finish, read_wav};
use hosts::clap_host::ClapHost;
use hosts::vst3_host::Vst3Host;
use hosts::{Class, Happening, TestHost};
use midly::live::LiveEvent;
use midly::num::{u15, u28};
use midly::{Format, Header, Smf, Timing, TrackEvent, TrackEventKind};

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

/// (tick, status, data): a pedal, bends there and back, a wheel, pressure, and a channel that is silenced.
const CONTROLLERS: [(u32, [u8; 3]); 12] = [
    (50, [0xb0, 64, 127]),
    (60, [0xe0, 0, 64]),
    (100, [0xe0, 99, 100]),
    (120, [0xb0, 1, 80]),
    (220, [0xd0, 90, 0]),
    (230, [0xb0, 11, 100]),
    (320, [0xa0, 60, 127]),
    (330, [0xb0, 74, 100]),
    (420, [0xe0, 0, 64]),
    (450, [0xb0, 64, 0]),
    (650, [0xb1, 123, 0]),
    (800, [0xb0, 123, 0]),
];

/// All messages of the notes, with what is played beside them.
fn messages(controllers: &[(u32, [u8; 3])]) -> Vec<(u32, [u8; 3])> {
    let notes = NOTES.iter().map(|(tick, key, velocity)| (*tick, [0x90, *key, *velocity]));
    let mut all: Vec<_> = notes.chain(controllers.iter().copied()).collect();
    all.sort_by_key(|(tick, _)| *tick);
    all
}

fn song(messages: &[(u32, [u8; 3])]) -> Vec<u8> {
    let mut song = Smf::new(Header::new(Format::SingleTrack, Timing::Metrical(u15::new(250))));
    let mut before = 0;
    let mut track: Vec<TrackEvent<'_>> = messages
        .iter()
        .map(|(tick, message)| {
            // Pressure of a channel has one byte of data.
            let len = if message[0] & 0xf0 == 0xd0 { 2 } else { 3 };
            let kind = match LiveEvent::parse(&message[..len]) {
                Ok(LiveEvent::Midi { channel, message }) => TrackEventKind::Midi { channel, message },
                other => panic!("{message:x?} is {other:?}"),
            };
            TrackEvent { delta: u28::new(tick - std::mem::replace(&mut before, *tick)), kind }
        })
        .collect();
    track.push(TrackEvent { delta: u28::new(100), kind: TrackEventKind::Meta(midly::MetaMessage::EndOfTrack) });
    song.tracks.push(track);
    let mut bytes = Vec::new();
    song.write_std(&mut bytes).expect("memory can be written");
    bytes
}

/// What the command line makes of the song.
fn rendered(messages: &[(u32, [u8; 3])]) -> Vec<f32> {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let (input, output) = (folder.path().join("song.mid"), folder.path().join("song.wav"));
    std::fs::write(&input, song(messages)).expect("a file can be written");
    let mut render = command();
    render.arg("render").args([&input, &output]).args(["--model", "violin/reduced", "--match", "none"]);
    finish(render).succeeds();
    let (rendered, rate_hz) = read_wav(&output);
    assert_eq!(rate_hz, RATE_HZ);
    assert!(rendered.iter().any(|x| x.abs() > 0.01));
    rendered
}

/// The sample of a tick.
fn sample(tick: u32) -> usize {
    (tick * RATE_HZ / TICKS_A_SECOND) as usize
}

/// What a host makes of events, left channel.
fn hosted<H: TestHost>(events: &[(usize, Happening)], length: usize, block: usize) -> Vec<f32> {
    let mut host = H::open(Class::Instrument);
    host.activate(f64::from(RATE_HZ), 4_096);
    host.render(&[], length, events, block).swap_remove(0)
}

fn assert_equal(name: &str, rendered: &[f32], played: &[f32]) {
    let error = rendered.iter().zip(played).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-6, "{name}: {error}");
}

#[test]
fn a_midi_file_sounds_the_same_from_the_command_line_and_in_every_host() {
    let rendered = rendered(&messages(&[]));
    let happening = |key: u8, velocity: u8| match velocity {
        0 => Happening::NoteOff { key },
        // As MIDI has it.
        velocity => Happening::NoteOn { key, velocity: f64::from(f32::from(velocity) / 127.0) },
    };
    let events = NOTES.map(|(tick, key, velocity)| (sample(tick), happening(key, velocity)));
    assert_equal("CLAP", &rendered, &hosted::<ClapHost>(&events, rendered.len(), 512));
    assert_equal("CLAP, other blocks", &rendered, &hosted::<ClapHost>(&events, rendered.len(), 333));
    assert_equal("VST3", &rendered, &hosted::<Vst3Host>(&events, rendered.len(), 512));
}

#[test]
fn controllers_in_a_midi_file_sound_the_same_from_the_command_line_and_in_every_host() {
    let (plain, messages) = (rendered(&messages(&[])), messages(&CONTROLLERS));
    let rendered = rendered(&messages);
    assert!(rendered.iter().zip(&plain).any(|(a, b)| (a - b).abs() > 0.01), "they are heard");
    let events: Vec<_> = messages.iter().map(|(tick, message)| (sample(*tick), Happening::Midi(*message))).collect();
    for block in [512, 333] {
        assert_equal("CLAP", &rendered, &hosted::<ClapHost>(&events, rendered.len(), block));
        assert_equal("VST3", &rendered, &hosted::<Vst3Host>(&events, rendered.len(), block));
    }
}
