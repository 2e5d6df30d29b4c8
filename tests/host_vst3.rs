//! The VST3 bundle in a VST3 host.

mod hosts;

use hosts::vst3_host::Vst3Host;
use hosts::{Class, OwnBundle, TestHost};
use vst3::Steinberg::Vst::SpeakerArr::{kMono, kStereo};

host_tests!(Vst3Host);

fn busses(host: &Vst3Host, is_input: bool) -> Vec<(String, i32, bool)> {
    host.busses(is_input)
}

#[test]
fn the_effect_takes_stereo_mono_and_mono_to_stereo() {
    let mut peaks = None;
    for (inputs, outputs) in [(kStereo, kStereo), (kMono, kMono), (kMono, kStereo)] {
        let mut host = Vst3Host::open(Class::Effect);
        assert!(host.arrange(&[inputs], &[outputs], 0));
        let channels = |arrangement: u64| arrangement.count_ones() as i32;
        assert_eq!(busses(&host, true)[0].1, channels(inputs));
        assert_eq!(busses(&host, false)[0].1, channels(outputs));
        host.activate(48_000.0, 512);
        let input = hosts::tone(48_000.0, 0.5, 440.0, 0.05, 0.5);
        let input = &input[..channels(inputs) as usize];
        let mut loudest = [0.0_f32; 2];
        for start in (0..24_000 - 512).step_by(512) {
            let input: Vec<&[f32]> = input.iter().map(|channel| &channel[start..start + 512]).collect();
            let out = host.block(&input, 512, &[]);
            assert_eq!(out.len(), channels(outputs) as usize);
            for (loudest, channel) in loudest.iter_mut().zip(&out) {
                *loudest = loudest.max(hosts::peak(channel));
            }
        }
        for loudest in &loudest[..channels(outputs) as usize] {
            assert!(*loudest > 0.005 && *loudest < 5.0, "{loudest}");
        }
        // A mono input is as loud as the same in stereo, on both sides.
        assert_eq!(loudest[0], *peaks.get_or_insert(loudest[0]));
    }
    let mut host = Vst3Host::open(Class::Effect);
    assert!(!host.arrange(&[kStereo], &[kMono], 0), "there is no stereo to mono");
    assert!(!host.arrange(&[], &[kStereo], 0));
    assert!(!host.arrange(&[kStereo, kStereo], &[kStereo], 0));
    assert_eq!(busses(&host, true)[0].1, 2, "a refusal changes nothing");
}

#[test]
fn the_instrument_keeps_its_side_input_whatever_arrangement_a_host_asks_for() {
    let expected = vec![("Side input".to_owned(), 2, false)];
    for (inputs, outputs) in [
        (&[kStereo][..], &[kStereo][..]),
        (&[kMono], &[kStereo]),
        (&[kMono], &[kMono]),
        (&[], &[kStereo]),
        (&[kStereo, kStereo], &[kStereo]),
    ] {
        // The framework looks at the entry behind the list of inputs; whatever lies there must do no harm.
        for behind in [0, kMono, kStereo, u64::MAX] {
            let mut host = Vst3Host::open(Class::Instrument);
            let accepted = host.arrange(inputs, outputs, behind);
            println!(
                "{inputs:?} -> {outputs:?}, {behind:#x} behind: {}",
                if accepted { "accepted" } else { "refused" }
            );
            assert_eq!(busses(&host, true), expected);
            assert_eq!(busses(&host, false)[0].1, 2);
            host.activate(48_000.0, 512);
            let note = hosts::Happening::NoteOn { key: 69, velocity: 0.8 };
            assert!(hosts::peak(&host.render(&[], 9_600, &[(0, note)], 512)[0]) > 0.005, "it plays all the same");
        }
    }
}

/// Ardour 7.3 activates before it loads a song's state, and answers the request for a restart by reading the latency again.
#[test]
fn a_song_that_comes_after_the_activation_plays_its_side_input_without_a_restart() {
    let mut saved = Vst3Host::open(Class::Instrument);
    saved.set("Source", 1.0);
    saved.activate(48_000.0, 512);
    let (song, latency) = (saved.save(), saved.latency());
    assert!(latency > 0);

    let mut host = Vst3Host::open(Class::Instrument);
    host.activate(48_000.0, 512);
    assert!(host.load(&song));
    assert_eq!(host.latency(), 0);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while host.latency() == 0 {
        assert!(std::time::Instant::now() < deadline, "it still plays notes");
        host.render(&[], 512, &[], 512);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(host.latency(), latency);
    let heard = hosts::tone(48_000.0, 0.5, 440.0, 0.05, 0.5);
    assert!(hosts::peak(&host.render(&heard, 24_000, &[], 512)[0]) > 0.005);
    host.take_restart_request();
    host.render(&[], 24_000, &[], 512);
    assert!(!host.take_restart_request(), "nothing is left to be asked for");
}

#[test]
fn parameters_have_the_same_order_and_names_as_in_clap() {
    let names = |class| Vst3Host::open(class).described_params().iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    let clap = hosts::clap_host::ClapHost::open(Class::Instrument);
    let clap: Vec<_> = clap.described_params().iter().map(|param| param.name.clone()).collect();
    assert_eq!(names(Class::Instrument), clap);
    assert_eq!(names(Class::Effect), clap);
}

#[test]
fn parameters_have_the_same_ids_as_in_clap() {
    let clap = hosts::clap_host::ClapHost::open(Class::Instrument);
    let clap: Vec<_> = clap.described_params().iter().map(|param| param.id.get()).collect();
    let vst3: Vec<_> = Vst3Host::open(Class::Instrument).described_params().iter().map(|param| param.id).collect();
    assert_eq!(vst3, clap);
}

#[test]
fn the_instrument_takes_controllers_and_each_note_can_express_itself() {
    for (class, is_played) in [(Class::Instrument, true), (Class::Effect, false)] {
        let host = Vst3Host::open(class);
        assert_eq!(host.maps_controllers(), Some(is_played), "{class:?}");
        let expressions = host.note_expressions();
        // Volume, tuning, vibrato and brightness by the SDK's numbers.
        for (id, name) in [(0, "Volume"), (2, "Tuning"), (3, "Vibrato"), (5, "Brightness")] {
            assert!(expressions.contains(&(id, name.to_owned())), "{class:?}: {expressions:?}");
        }
    }
}

/// Ardour 7.3 sets every parameter of a song that it loads, those of the controllers too.
#[test]
fn a_host_that_sets_all_controllers_to_what_they_are_changes_nothing() {
    let open = || {
        let mut host = Vst3Host::open(Class::Instrument);
        host.activate(48_000.0, 512);
        host
    };
    let (mut plain, mut told) = (open(), open());
    told.set_every_controller(0.5);
    let notes = [(100, NOTE_ON)];
    assert_eq!(told.render(&[], 24_000, &notes, 512), plain.render(&[], 24_000, &notes, 512));
}

/// A model that the plugin files do not come with.
const GLASS_HARP: &str = "glass-harp/full";

fn add_glass_harp(bundle: &OwnBundle) {
    bundle.add(GLASS_HARP, &retort::model::testing::random_model(GLASS_HARP, 16, 1));
}

const NOTE_ON: hosts::Happening = hosts::Happening::NoteOn { key: 69, velocity: 0.8 };
const NOTE_OFF: hosts::Happening = hosts::Happening::NoteOff { key: 69 };

#[test]
fn a_model_in_the_bundles_own_folder_plays_once_it_is_there() {
    let bundle = OwnBundle::new();
    let mut host = Vst3Host::open_in(&bundle.folder(), Class::Instrument);
    let state = String::from_utf8(host.save()).expect("a state is text").replace("violin/reduced", "glass-harp/full");
    assert!(host.load(state.as_bytes()));
    host.activate(48_000.0, 512);
    assert_eq!(hosts::peak(&host.render(&[], 9_600, &[(0, NOTE_ON)], 512)[0]), 0.0);
    add_glass_harp(&bundle);
    // It looks every two seconds.
    std::thread::sleep(std::time::Duration::from_millis(3_000));
    host.render(&[], 512, &[], 512);
    let out = host.render(&[], 24_000, &[(0, NOTE_OFF), (9_600, NOTE_ON)], 512);
    assert!(hosts::peak(&out[0][9_600..]) > 1e-4, "peak {}", hosts::peak(&out[0]));
}

#[test]
fn automation_can_change_the_model_while_a_note_is_held() {
    let bundle = OwnBundle::new();
    add_glass_harp(&bundle);
    let rendered = |slot: f64| {
        let mut host = Vst3Host::open_in(&bundle.folder(), Class::Instrument);
        let state = String::from_utf8(host.save()).expect("a state is text");
        let one = r#"\"violin/reduced\""#;
        assert!(
            host.load(state.replacen(&[one, one].join(","), &[one, r#"\"glass-harp/full\""#].join(","), 1).as_bytes())
        );
        host.activate(48_000.0, 512);
        let before = host.render(&[], 9_600, &[(0, NOTE_ON)], 512);
        let change = hosts::Happening::Param { name: "Model slot", value: slot / 7.0 };
        host.render(&[], 512, &[(100, change)], 512);
        // The new model is loaded beside, and heard some blocks later.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let during = host.render(&[], 9_600, &[], 512);
        (before, during, host.render(&[], 9_600, &[], 512))
    };
    let (stayed, changed) = (rendered(0.0), rendered(1.0));
    assert!(stayed.0 == changed.0);
    assert!(stayed.2 != changed.2, "another model sounds different");
    let peaks = [&stayed.0, &changed.1, &changed.2].map(|out| hosts::peak(&out[0]));
    assert!(peaks[1] > 1e-4 && peaks[2] > 1e-4 && peaks[1] < 2.0 * peaks[0].max(peaks[2]), "{peaks:?}");
}
