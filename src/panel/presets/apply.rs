//! A preset onto a host, a host into a preset, and whether the two still agree.

use crate::{
    engine::Setting,
    panel::{PanelHost, recorder::Recorder},
    preset::{LoadedPreset, Preset, is_same},
};

/// Sets everything that `preset` says, as one gesture.
pub fn load(preset: &Preset, user: bool, host: &mut Recorder<'_>) {
    host.as_one(&format!("the preset {}", preset.name), |host| {
        for spec in &Setting::ALL {
            let Some(value) = preset.value(spec.setting) else { continue };
            if !is_same(spec, value, host.value(spec.setting)) {
                host.begin(spec.setting);
                host.set(spec.setting, value);
                host.end(spec.setting);
            }
        }
        if host.model_id() != preset.model {
            host.choose_model(&preset.model);
        }
        if host.blend_id() != preset.blend.as_deref() {
            host.choose_blend(preset.blend.as_deref());
        }
        // Last: it may restart the sound, which then starts with all the rest.
        if let Some(source) = preset.source.filter(|source| *source != host.source()) {
            host.set_source(source);
        }
        host.record_loaded_preset(LoadedPreset { name: preset.name.clone(), user, changed: false });
    });
}

/// Whether something is not as `preset` says.
pub fn differs(preset: &Preset, host: &dyn PanelHost) -> bool {
    let moved = |setting: Setting| {
        preset.value(setting).is_some_and(|value| !is_same(setting.spec(), value, host.value(setting)))
    };
    Setting::ALL.iter().any(|spec| moved(spec.setting))
        || host.model_id() != preset.model
        || preset.source.is_some_and(|source| source != host.source())
        || host.blend_id() != preset.blend.as_deref()
}

/// What the host stands at, as a preset without a name. The output level belongs to the place and is not in it.
pub fn capture(host: &dyn PanelHost, with_source: bool) -> Preset {
    let kept = Setting::ALL.iter().filter(|spec| !crate::preset::belongs_to_the_place(spec.setting));
    Preset {
        model: host.model_id().to_owned(),
        blend: host.blend_id().map(str::to_owned),
        source: with_source.then(|| host.source()),
        settings: kept.map(|spec| (spec.setting, host.value(spec.setting))).collect(),
        ..Preset::default()
    }
}
