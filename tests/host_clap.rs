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
const IDS: [(&str, u32); 12] = [
    ("Bypass", 0),
    ("Source", 0),
    ("Lowest pitch", 0),
    ("Model slot", 0),
    ("Transpose", 0),
    ("Loudness", 0),
    ("Harmonics", 0),
    ("Noise", 0),
    ("Room", 0),
    ("Dry/wet", 0),
    ("Output", 0),
    ("Changes", 0),
];

#[test]
fn parameters_have_the_ids_that_songs_hold() {
    for class in [Class::Instrument, Class::Effect] {
        let host = ClapHost::open(class);
        let found: Vec<_> =
            host.described_params().iter().map(|param| (param.name.as_str(), param.id.get())).collect();
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
