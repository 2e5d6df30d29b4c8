//! What each channel's wheels, pedals and pressure stand at.

/// MIDI's controllers that the performer follows.
pub mod cc {
    pub const MODULATION: u8 = 1;
    pub const BREATH: u8 = 2;
    pub const VOLUME: u8 = 7;
    pub const EXPRESSION: u8 = 11;
    pub const SUSTAIN: u8 = 64;
    pub const SOSTENUTO: u8 = 66;
    pub const BRIGHTNESS: u8 = 74;
    pub const ALL_SOUND_OFF: u8 = 120;
    pub const RESET: u8 = 121;
    pub const ALL_NOTES_OFF: u8 = 123;
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
            // Volume stays: that is the recommended practice for this message.
            cc::RESET => *self = Self { volume: self.volume, ..Self::default() },
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
        channel.set(cc::RESET, 0.0);
        assert_eq!(channel, Channel { volume: 0.3, ..Channel::default() });
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
