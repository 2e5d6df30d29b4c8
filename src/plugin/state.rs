//! Makes a saved state safe to load: from any version, or damaged.

use nice_plug::plugin::ParamValue;
use nice_plug::prelude::PluginState;

use super::params::{LOWEST_PITCHES, SLOTS, SOURCES};
use crate::engine::Setting;

/// Brings values into their ranges and drops what is none; the framework loads plain values as they are.
pub fn make_safe(state: &mut PluginState) {
    state.params.retain(|id, value| match value {
        ParamValue::F32(value) => match Setting::ALL.iter().find(|spec| spec.id == id) {
            Some(spec) => {
                *value = value.clamp(spec.min, spec.max);
                value.is_finite()
            }
            None => false,
        },
        ParamValue::I32(value) => match id.as_str() {
            "source" => (0..SOURCES.len() as i32).contains(value),
            "lowest_pitch" => (0..LOWEST_PITCHES.len() as i32).contains(value),
            "slot" => (1..=SLOTS as i32).contains(value),
            "changes" => (0..=super::params::LAST_CHANGE).contains(value),
            _ => false,
        },
        ParamValue::Bool(_) => id == "bypass",
        ParamValue::String(_) => false,
    });
    // The framework leaves what a state does not mention as it is: an older song must not keep another's newer settings.
    for spec in &Setting::ALL {
        state.params.entry(spec.id.to_owned()).or_insert(ParamValue::F32(spec.default));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(params: &[(&str, ParamValue)]) -> PluginState {
        PluginState {
            version: "9.9.9".into(),
            params: params.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect(),
            fields: Default::default(),
        }
    }

    #[test]
    fn absurd_values_are_brought_into_range_and_unknown_ones_dropped() {
        let mut state = state(&[
            ("transpose", ParamValue::F32(1e9)),
            ("mix", ParamValue::F32(f32::NAN)),
            ("slot", ParamValue::I32(99)),
            ("source", ParamValue::I32(1)),
            ("bypass", ParamValue::Bool(true)),
            ("warp_drive", ParamValue::F32(1.0)),
        ]);
        make_safe(&mut state);
        let is_setting = |id: &str| Setting::ALL.iter().any(|spec| spec.id == id);
        let kept: Vec<_> = state.params.keys().map(String::as_str).filter(|id| !is_setting(id)).collect();
        assert_eq!(kept, ["bypass", "source"]);
        assert!(matches!(state.params["mix"], ParamValue::F32(1.0)), "what is no number becomes the default");
        assert!(matches!(state.params["attack"], ParamValue::F32(1.0)), "and what an older song lacks");
        assert!(matches!(state.params["transpose"], ParamValue::F32(36.0)));
    }
}
