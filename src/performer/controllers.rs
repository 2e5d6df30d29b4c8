//! What each channel's wheels, pedals and pressure stand at.

/// MIDI's controllers that the performer follows.
pub mod cc {
    pub const MODULATION: u8 = 1;
    pub const BREATH: u8 = 2;
    pub const DATA_ENTRY: u8 = 6;
    pub const VOLUME: u8 = 7;
    pub const EXPRESSION: u8 = 11;
    pub const SUSTAIN: u8 = 64;
    pub const SOSTENUTO: u8 = 66;
    pub const BRIGHTNESS: u8 = 74;
    pub const DATA_ENTRY_FINE: u8 = 38;
    pub const NON_REGISTERED_FINE: u8 = 98;
    pub const NON_REGISTERED: u8 = 99;
    pub const REGISTERED_FINE: u8 = 100;
    pub const REGISTERED: u8 = 101;
    pub const ALL_SOUND_OFF: u8 = 120;
    pub const RESET: u8 = 121;
    pub const ALL_NOTES_OFF: u8 = 123;
}

/// MIDI's registered parameters that the performer follows: what "data entry" sets once one of them is chosen.
pub mod rpn {
    /// Range of the pitch bend: semitones, and cents as the fine part.
    pub const BEND_RANGE: u16 = 0;
    /// MPE Configuration Message: how many channels carry notes of their own; on the first channel, 0 ends MPE.
    pub const MPE: u16 = 6;
    /// None: what data entry would set is nobody's.
    pub const NULL: u16 = 0x3fff;
}

/// One channel's controllers; each 0 to 1 but for the bend, -1 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    pub bend: f32,
    pub modulation: f32,
    /// 1 until a breath controller speaks: most players have none.
    pub breath: f32,
    pub expression: f32,
    pub volume: f32,
    /// 0.5 is the model's own brightness.
    pub brightness: f32,
    pub pressure: f32,
    pub sustain: bool,
    pub sostenuto: bool,
    /// Semitones of a full bend, where the channel has been told.
    pub bend_semitones: Option<f32>,
    /// The registered parameter that data entry sets: one of [`rpn`].
    pub registered: u16,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            bend: 0.0,
            modulation: 0.0,
            breath: 1.0,
            expression: 1.0,
            volume: 1.0,
            brightness: 0.5,
            pressure: 0.0,
            sustain: false,
            sostenuto: false,
            bend_semitones: None,
            registered: rpn::NULL,
        }
    }
}

impl Channel {
    /// Takes over a controller's value, 0 to 1. Unknown numbers change nothing.
    pub fn set(&mut self, number: u8, value: f32) {
        if value.is_nan() {
            return;
        }
        let value = value.clamp(0.0, 1.0);
        match number {
            cc::MODULATION => self.modulation = value,
            cc::BREATH => self.breath = value,
            cc::VOLUME => self.volume = value,
            cc::EXPRESSION => self.expression = value,
            cc::BRIGHTNESS => self.brightness = value,
            cc::SUSTAIN => self.sustain = value >= 0.5,
            cc::SOSTENUTO => self.sostenuto = value >= 0.5,
            // Volume and bend range stay: that is the recommended practice for this message.
            cc::RESET => {
                *self = Self { volume: self.volume, bend_semitones: self.bend_semitones, ..Self::default() };
            }
            cc::REGISTERED => self.registered = (self.registered & 0x7f) | u16::from(byte(value)) << 7,
            cc::REGISTERED_FINE => self.registered = (self.registered & 0x3f80) | u16::from(byte(value)),
            cc::NON_REGISTERED | cc::NON_REGISTERED_FINE => self.registered = rpn::NULL,
            cc::DATA_ENTRY if self.registered == rpn::BEND_RANGE => {
                self.bend_semitones = Some(f32::from(byte(value).min(MAX_BEND)));
            }
            cc::DATA_ENTRY_FINE if self.registered == rpn::BEND_RANGE => {
                let whole = self.bend_semitones.unwrap_or(0.0).floor();
                self.bend_semitones = Some(whole + f32::from(byte(value).min(99)) / 100.0);
            }
            _ => {}
        }
    }

    /// Both pedals up.
    pub fn lift_pedals(&mut self) {
        self.sustain = false;
        self.sostenuto = false;
    }

    /// Takes over a bend, -1 to 1.
    pub fn bend_to(&mut self, value: f32) {
        if value.is_finite() {
            self.bend = value.clamp(-1.0, 1.0);
        }
    }

    /// Takes over channel pressure, 0 to 1.
    pub fn press(&mut self, value: f32) {
        if value.is_finite() {
            self.pressure = value.clamp(0.0, 1.0);
        }
    }
}

/// The widest bend, in semitones.
const MAX_BEND: u8 = 96;

/// MIDI's own byte of a controller's value of 0 to 1.
pub fn byte(value: f32) -> u8 {
    (value * 127.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_leaves_the_volume() {
        let mut channel = Channel::default();
        for number in [cc::MODULATION, cc::SUSTAIN, cc::BRIGHTNESS] {
            channel.set(number, 1.0);
        }
        channel.set(cc::VOLUME, 0.3);
        channel.bend_to(0.7);
        channel.bend_semitones = Some(12.0);
        channel.set(cc::RESET, 0.0);
        assert_eq!(channel, Channel { volume: 0.3, bend_semitones: Some(12.0), ..Channel::default() });
    }

    /// Controllers as a keyboard sends them.
    fn told(messages: &[(u8, u8)]) -> Channel {
        let mut channel = Channel::default();
        messages.iter().for_each(|(number, value)| channel.set(*number, f32::from(*value) / 127.0));
        channel
    }

    #[test]
    fn a_channel_can_be_told_how_far_it_bends() {
        let chosen = [(cc::REGISTERED, 0), (cc::REGISTERED_FINE, 0), (cc::DATA_ENTRY, 12)];
        assert_eq!(told(&chosen).bend_semitones, Some(12.0));
        assert_eq!(told(&[&chosen[..], &[(cc::DATA_ENTRY_FINE, 50)]].concat()).bend_semitones, Some(12.5));
        assert_eq!(told(&[(cc::DATA_ENTRY, 12)]).bend_semitones, None, "nothing was chosen");
        let other = [(cc::REGISTERED, 0), (cc::REGISTERED_FINE, 1), (cc::DATA_ENTRY, 12)];
        assert_eq!(told(&other).bend_semitones, None);
        let not_registered =
            [(cc::REGISTERED, 0), (cc::REGISTERED_FINE, 0), (cc::NON_REGISTERED, 0), (cc::DATA_ENTRY, 12)];
        assert_eq!(told(&not_registered).bend_semitones, None);
    }

    #[test]
    fn what_is_no_number_changes_nothing() {
        let mut channel = Channel::default();
        channel.set(cc::EXPRESSION, f32::NAN);
        channel.bend_to(f32::INFINITY);
        channel.press(f32::NAN);
        assert_eq!(channel, Channel::default());
    }
}
