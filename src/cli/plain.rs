//! Text that others wrote (in model files, presets, names of files) on its way to a terminal, which would obey what is hidden in it.

use serde_json::Value;

/// More of one text helps nobody.
const LONGEST: usize = 2_000;

/// `text` on one line: whatever breaks lines becomes a space, whatever moves the cursor, changes colours, hides or reverses letters a `�`. What comes after
/// 2,000 letters is left out.
#[must_use]
pub fn plain(text: &str) -> String {
    let letter = |c: char| match c {
        _ if c.is_whitespace() => ' ',
        _ if is_obeyed(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    let mut plain: String = text.chars().take(LONGEST).map(letter).collect();
    if text.chars().nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

/// `value` on several lines, with everything of the kind written as `\u`.
#[must_use]
pub fn plain_json(value: &Value) -> String {
    let mut units = [0; 2];
    let mut text = String::new();
    for c in format!("{value:#}").chars() {
        // Outside its strings, JSON has no such letters but line breaks.
        if c != '\n' && is_obeyed(c) {
            c.encode_utf16(&mut units).iter().for_each(|unit| text += &format!("\\u{unit:04x}"));
        } else {
            text.push(c);
        }
    }
    text + "\n"
}

/// Control characters, and letters of format that are not seen: marks and brackets of direction, separators of lines, and tags.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: &str = "\u{1b}[2JCC0\nforged: line\r\u{9b}1m\u{202e}cilbup\u{2066}\u{200f}\u{7f}";

    #[test]
    fn a_terminal_is_told_nothing_but_letters() {
        assert_eq!(plain(EVIL), "�[2JCC0 forged: line �1m�cilbup���");
        assert_eq!(plain("Käthe Žižek, 月の琴, «Viola d’amore» 🎻"), "Käthe Žižek, 月の琴, «Viola d’amore» 🎻");
        assert_eq!(plain(&"x".repeat(5_000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn json_keeps_the_text_and_shows_none_of_it_raw() {
        let value = serde_json::json!({ "licence": format!("{EVIL}\u{e0041}") });
        let text = plain_json(&value);
        assert!(!text.chars().any(|c| c != '\n' && is_obeyed(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
