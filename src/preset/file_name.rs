//! From a preset's name to the name of its file, on every system.

/// Longest name of a file without its ending, in bytes; systems allow 255 with it.
const MAX_BYTES: usize = 120;

/// Names that mean devices on Windows, with any ending.
const RESERVED: [&str; 8] = ["con", "prn", "aux", "nul", "com", "lpt", "conin$", "conout$"];

/// The file name, without its ending, for a preset's name: letters, digits, spaces, `-` and `_` stay.
pub fn stem(name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || " -_".contains(c) { c } else { '_' };
    let mut stem: String = name.trim().chars().map(safe).collect();
    while stem.len() > MAX_BYTES {
        stem.pop();
    }
    let stem = stem.trim().to_owned();
    let lower = stem.to_lowercase();
    let device = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.is_empty() || RESERVED.contains(&device) { format!("_{stem}") } else { stem }
}

/// The stem of the `attempt`th try, for names that give the same stem: `Pad`, `Pad 2`, `Pad 3`.
pub fn numbered(stem: &str, attempt: usize) -> String {
    if attempt == 0 { format!("{stem}.json") } else { format!("{stem} {}.json", attempt + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_files_that_every_system_takes() {
        for (name, file) in [
            ("Chamber Violin", "Chamber Violin"),
            ("../../etc/passwd", "______etc_passwd"),
            ("C:\\x", "C__x"),
            ("Größe *1*", "Größe _1_"),
            ("con", "_con"),
            ("COM3", "_COM3"),
            ("...", "___"),
            ("  ", "_"),
        ] {
            assert_eq!(stem(name), file, "{name}");
        }
        assert!(stem(&"ü".repeat(400)).len() <= MAX_BYTES);
        assert_eq!((numbered("Pad", 0), numbered("Pad", 1)), ("Pad.json".into(), "Pad 2.json".into()));
    }
}
