//! The CLAP file in a CLAP host.

mod hosts;

use hosts::clap_host::{ClapHost, Port};
use hosts::{Class, TestHost};

host_tests!(ClapHost);

fn port(name: &str, channels: u32) -> Port {
    Port { name: name.into(), channels }
}

#[test]
fn the_instrument_has_a_side_input_and_the_effect_a_main_input() {
    let instrument = ClapHost::open(Class::Instrument);
    assert_eq!(instrument.input_ports(), [port("Side input", 2)]);
    assert_eq!(instrument.output_ports().len(), 1);
    let effect = ClapHost::open(Class::Effect);
    assert_eq!(effect.input_ports(), [port("Input", 2)]);
    assert_eq!(effect.output_ports()[0].channels, 2);
}

/// Ids in hosts' automation. Frozen: they are what songs refer to.
const IDS: [(&str, u32); 35] = [
    ("Bypass", 773_352_680),
    ("Source", 1_250_977_819),
    ("Lowest pitch", 640_732_787),
    ("Model slot", 3_533_310),
    ("Transpose", 1_052_964_665),
    ("Loudness", 1_607_248_105),
    ("Harmonics", 1_843_237_457),
    ("Noise", 1_372_011_908),
    ("Room", 3_506_395),
    ("Dry/wet", 108_124),
    ("Output", 1_322_673_149),
    ("Changes", 738_943_683),
    ("Brightness", 648_162_385),
    ("Odd/even", 1_688_248_874),
    ("Attack", 740_224_584),
    ("Decay", 95_459_258),
    ("Sustain", 295_592_483),
    ("Release", 1_090_594_823),
    ("Velocity curve", 119_588_621),
    ("Pressure amount", 871_241_285),
    ("Vibrato depth", 941_220_989),
    ("Wheel vibrato", 113_097_563),
    ("Vibrato rate", 1_069_880_294),
    ("Vibrato delay", 941_216_573),
    ("Variation", 2_065_539_603),
    ("Timbre amount", 1_273_812_605),
    ("Voices", 1_336_493_441),
    ("Glide", 98_444_197),
    ("Bend range", 2_019_435_191),
    ("Voice mode", 3_357_091),
    ("MPE", 108_322),
    ("Blend", 93_823_057),
    ("Dynamics", 1_855_590_951),
    ("Octave match", 848_786_038),
    ("Notes out", 1_798_825_168),
];

#[test]
fn parameters_have_the_ids_that_songs_hold() {
    for class in [Class::Instrument, Class::Effect] {
        let host = ClapHost::open(class);
        let found: Vec<_> = host.described_params().iter().map(|param| (param.name.as_str(), param.id.get())).collect();
        assert_eq!(found, IDS, "{class:?}");
    }
}

#[test]
fn what_changes_the_latency_cannot_be_automated() {
    let host = ClapHost::open(Class::Instrument);
    let automatable = |name: &str| {
        host.described_params().iter().any(|param| param.name == name && param.is_automatable && !param.is_hidden)
    };
    assert!(automatable("Transpose") && automatable("Model slot") && automatable("Bypass"));
    assert!(!automatable("Source") && !automatable("Lowest pitch") && !automatable("Changes"));
}

#[test]
fn a_state_without_its_length_is_refused() {
    let mut host = ClapHost::open(Class::Instrument);
    let saved = host.save();
    for framed in [&b""[..], b"abc", &saved, &u64::MAX.to_le_bytes(), &[&9_u64.to_le_bytes()[..], b"{"].concat()] {
        assert!(!host.load_framed(framed));
    }
    assert_eq!(host.save(), saved);
}

/// Writes this release's golden states; run it once for each release, with `--ignored`, and commit what it writes.
#[test]
#[ignore = "writes into the source folder"]
fn write_the_states_of_this_release() {
    let version = env!("CARGO_PKG_VERSION");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state");
    for (name, class) in [("retort", Class::Instrument), ("retort-fx", Class::Effect)] {
        let mut host = ClapHost::open(class);
        for (param, value) in [
            ("Transpose", (5.0 + 36.0) / 72.0),
            ("Noise", (-12.0 + 60.0) / 72.0),
            ("Room", 0.25),
            ("Lowest pitch", 1.0),
            ("Model slot", 2.0 / 7.0),
        ] {
            host.set(param, value);
        }
        let mut state: serde_json::Value = serde_json::from_slice(&host.save()).expect("a state is JSON");
        let song = state["fields"]["song"].as_str().expect("the song is a text of its own");
        let mut song: serde_json::Value = serde_json::from_str(song).expect("it is JSON too");
        song["models"][2] = "trumpet/full".into();
        state["fields"]["song"] = song.to_string().into();
        std::fs::write(folder.join(format!("{name}-{version}.json")), state.to_string()).expect("it can be written");
    }
}
