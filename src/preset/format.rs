//! The text of a preset file: strict about what it is, forgiving about what a later Retort may add.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Preset, PresetError, is_same};
use crate::engine::{Setting, Source};

/// The format that is written; raised when files change so that older Retorts would misread them.
pub const FORMAT: u64 = 1;
/// Largest file, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024;
/// Longest name and author, in characters.
pub const MAX_NAME: usize = 64;
/// Longest category, in characters.
pub const MAX_CATEGORY: usize = 32;
/// Longest description, in characters.
pub const MAX_DESCRIPTION: usize = 300;
/// Longest model id, in characters.
const MAX_ID: usize = 128;

/// Reads a preset from a file's bytes. Unknown fields and settings are ignored, values are brought into their ranges.
///
/// # Errors
/// [`PresetError`] when it is too large, no JSON, of a later format, or a field is missing or of the wrong kind.
pub fn read(bytes: &[u8]) -> Result<Preset, PresetError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(PresetError::TooLarge { found: bytes.len() as u64, limit: MAX_BYTES });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| PresetError::NotText)?;
    // Some editors begin a file with a mark of its encoding.
    let text = text.trim_start_matches('\u{feff}');
    let value: Value = serde_json::from_str(text).map_err(|error| PresetError::Json(error.to_string()))?;
    let Value::Object(fields) = value else {
        return Err(PresetError::Json("a preset is an object, { ... }".into()));
    };
    match fields.get("format").map(Value::as_u64) {
        Some(Some(FORMAT)) => {}
        Some(Some(later)) if later > FORMAT => return Err(PresetError::Later(later)),
        Some(_) => return Err(PresetError::field("format", format!("must be {FORMAT}"))),
        None => return Err(PresetError::field("format", format!("is missing; write \"format\": {FORMAT}"))),
    }
    let optional = |field, limit| text_field(&fields, field, limit).map(Option::unwrap_or_default);
    let preset = Preset {
        name: text_field(&fields, "name", MAX_NAME)?.unwrap_or_default(),
        category: optional("category", MAX_CATEGORY)?,
        author: optional("author", MAX_NAME)?,
        description: optional("description", MAX_DESCRIPTION)?,
        model: text_field(&fields, "model", MAX_ID)?.unwrap_or_default(),
        blend: text_field(&fields, "blend", MAX_ID)?,
        source: source(&fields)?,
        settings: settings(&fields)?,
    };
    check(&preset)?;
    Ok(preset)
}

/// The preset as the text of a file, with a line for each field and setting. Settings at their defaults are left out,
/// since that is what a setting without a line means.
///
/// # Errors
/// A name, text or model id that [`read`] would refuse.
pub fn write(preset: &Preset) -> Result<String, PresetError> {
    check(preset)?;
    let document = Document {
        format: FORMAT,
        name: &preset.name,
        category: &preset.category,
        author: &preset.author,
        description: &preset.description,
        model: &preset.model,
        blend: preset.blend.as_deref(),
        source: preset.source,
        settings: Values(preset),
    };
    let text = serde_json::to_string_pretty(&document).map_err(|error| PresetError::Json(error.to_string()))?;
    Ok(text + "\n")
}

/// A preset as it lies in a file, in the order of its lines.
#[derive(Serialize)]
struct Document<'a> {
    format: u64,
    name: &'a str,
    category: &'a str,
    author: &'a str,
    description: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blend: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    settings: Values<'a>,
}

/// The settings of a preset in the order of the panel.
struct Values<'a>(&'a Preset);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for spec in &Setting::ALL {
            let mentioned = self.0.settings.iter().find(|(setting, _)| *setting == spec.setting);
            let Some((_, value)) = mentioned else { continue };
            // What belongs to the place has no default here: without its line it would stay as it is.
            if super::belongs_to_the_place(spec.setting) || !is_same(spec, *value, spec.default) {
                // Digits that nobody hears would make the file hard to read.
                let value = (f64::from(*value) * 1e5).round() / 1e5;
                if value.fract() == 0.0 {
                    map.serialize_entry(spec.id, &(value as i64))?;
                } else {
                    map.serialize_entry(spec.id, &value)?;
                }
            }
        }
        map.end()
    }
}

/// What [`read`] and [`write`] ask of a preset's texts.
fn check(preset: &Preset) -> Result<(), PresetError> {
    if preset.name.trim().is_empty() {
        return Err(PresetError::field("name", "is missing or empty"));
    }
    for (field, text, limit) in [
        ("name", &preset.name, MAX_NAME),
        ("category", &preset.category, MAX_CATEGORY),
        ("author", &preset.author, MAX_NAME),
        ("description", &preset.description, MAX_DESCRIPTION),
    ] {
        check_text(field, text, limit)?;
    }
    check_model("model", &preset.model)?;
    preset.blend.as_ref().map_or(Ok(()), |blend| check_model("blend", blend))
}

fn check_text(field: &str, text: &str, limit: usize) -> Result<(), PresetError> {
    if text.chars().count() > limit {
        return Err(PresetError::field(field, format!("has more than {limit} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(PresetError::field(field, "has line breaks or other control characters"));
    }
    Ok(())
}

fn check_model(field: &str, id: &str) -> Result<(), PresetError> {
    let plain =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    match id.split_once('/') {
        _ if id.is_empty() => Err(PresetError::field(field, "is missing; write a model's id, such as \"violin/full\"")),
        Some((instrument, variant)) if plain(instrument) && plain(variant) && id.len() <= MAX_ID => Ok(()),
        _ => Err(PresetError::field(field, "is no model id, such as \"violin/full\"")),
    }
}

fn text_field(fields: &Map<String, Value>, field: &str, limit: usize) -> Result<Option<String>, PresetError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let text = text.trim();
            check_text(field, text, limit)?;
            Ok(Some(text.to_owned()))
        }
        Some(other) => Err(PresetError::field(field, format!("must be text in quotes, and is {}", kind(other)))),
    }
}

fn source(fields: &Map<String, Value>) -> Result<Option<Source>, PresetError> {
    match fields.get("source") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text == "notes" => Ok(Some(Source::Notes)),
        Some(Value::String(text)) if text == "audio" => Ok(Some(Source::Audio)),
        Some(_) => Err(PresetError::field("source", "must be \"notes\" or \"audio\"")),
    }
}

fn settings(fields: &Map<String, Value>) -> Result<Vec<(Setting, f32)>, PresetError> {
    let values = match fields.get("settings") {
        None => return Ok(Vec::new()),
        Some(Value::Object(values)) => values,
        Some(other) => {
            return Err(PresetError::field(
                "settings",
                format!("must be an object, {{ ... }}, and is {}", kind(other)),
            ));
        }
    };
    let mut settings = Vec::new();
    for spec in &Setting::ALL {
        let Some(value) = values.get(spec.id) else { continue };
        let field = format!("settings.{}", spec.id);
        let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
            return Err(PresetError::field(&field, format!("must be a number, and is {}", kind(value))));
        };
        let value = (number as f32).clamp(spec.min, spec.max);
        settings.push((spec.setting, if spec.unit.is_stepped() { value.round() } else { value }));
    }
    Ok(settings)
}

/// What a value is, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
