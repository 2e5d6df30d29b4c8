//! The audio thread must not allocate.

use retort::synth::{PartGains, Room, VoiceSynth};

use crate::counting::counted;
use crate::reference::*;

#[test]
fn playing_never_allocates() {
    let frames = lively_frames(200);
    for rate in [44_100, 96_000] {
        let mut voice = VoiceSynth::new(&violin_spec(), rate);
        let mut room = Room::new(&[0.0, 0.5, 0.25, 0.1].repeat(2_000), 32_000, rate);
        let mut sound = vec![0.0; 400];
        let clock = retort::FrameClock::new(rate, 250);
        let count = counted(|| {
            voice.reset(1);
            voice.jump_to(&frames[0]);
            for (t, frame) in (1_u64..).zip(&frames[1..]) {
                let len = (clock.start(t) - clock.start(t - 1)) as usize;
                voice.begin_segment(frame, len, PartGains::default());
                voice.render(&mut sound[..len / 2]);
                voice.render(&mut sound[len / 2..len]);
                room.process(&mut sound[..len], 0.5);
            }
            room.reset();
        });
        assert_eq!(count, 0, "at {rate} Hz");
    }
}
