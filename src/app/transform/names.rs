//! Which files are meant, and what their results are called.

use std::path::{Path, PathBuf};

use crate::offline::output_file;

/// Where the result for `input` goes: beside it, `name - violin.wav`, with a number if that is there already.
pub fn target(input: &Path, model_id: &str) -> PathBuf {
    let instrument = model_id.split('/').next().unwrap_or(model_id);
    let name = format!("{} - {instrument}.wav", input.file_stem().unwrap_or_default().to_string_lossy());
    output_file::free_name(&input.with_file_name(name))
}

/// The files that a pasted text names: absolute paths or `file://` addresses, one a line, as file managers copy them.
/// Empty if any line is something else, since the text is none of ours then.
pub fn pasted(text: &str) -> Vec<PathBuf> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let path = |line: &str| match line.strip_prefix("file://") {
        // An address may name this machine before the path.
        Some(rest) => decoded(&rest[rest.find('/')?..]),
        None => Some(PathBuf::from(line)).filter(|path| path.is_absolute()),
    };
    lines.map(path).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Undoes the `%20` of addresses; `None` if they are broken.
fn decoded(address: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(others.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &others[2..];
        } else {
            bytes.push(first);
            rest = others;
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_lie_beside_their_inputs_under_the_instruments_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let input = folder.path().join("my song.flac");
        assert_eq!(target(&input, "violin/full"), folder.path().join("my song - violin.wav"));
        std::fs::write(folder.path().join("my song - violin.wav"), "mine").expect("the folder is there");
        assert_eq!(target(&input, "violin/full"), folder.path().join("my song - violin 2.wav"));
    }

    #[test]
    fn what_file_managers_copy_names_files() {
        let both = [PathBuf::from("/a/b c.wav"), PathBuf::from("/ä.mid")];
        assert_eq!(pasted("file:///a/b%20c.wav\r\nfile://here/%C3%A4.mid\r\n"), both);
        assert_eq!(pasted("/a/b c.wav\n/ä.mid"), both);
        for other in ["", "440 Hz", "file://", "file:///a%2", "/a.wav\nand some words", "a.wav"] {
            assert_eq!(pasted(other), Vec::<PathBuf>::new(), "{other}");
        }
    }
}
