//! The Python package that is part of this program, and where it is unpacked to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Names with `/` between folders, and contents; gathered by `build.rs`. Empty if the source came without it.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/training_package.rs"));

/// The contents of one file of the package, if it is there.
pub fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|file| file.0 == name).and_then(|file| std::str::from_utf8(file.1).ok())
}

/// A number that changes with every file of the package, as 16 hexadecimal digits.
pub fn version() -> String {
    format!("{:016x}", fingerprint(FILES.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes])))
}

/// FNV-1a of 64 bits over parts and their lengths: it tells versions apart and is no protection against anybody.
pub fn fingerprint<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    parts.fold(0xcbf2_9ce4_8422_2325, |hash, part| part.len().to_le_bytes().iter().chain(part).fold(hash, step))
}

/// File whose time says when a version was last used.
const USED: &str = ".used";
/// Other versions are kept for so long after they were last used: a training may go on for days, and loads parts of itself late.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Unpacks the package into a folder of its own version in `folder`, unless it is there; files that were changed are put right.
/// Versions that were not used for 30 days are removed. Returns the folder.
///
/// # Errors
/// A file cannot be written.
pub fn unpack(folder: &Path) -> io::Result<PathBuf> {
    let name = format!("package-{}", version());
    let target = folder.join(&name);
    for (file, bytes) in FILES {
        let path = target.join(file);
        if fs::read(&path).is_ok_and(|found| found == *bytes) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Renamed into place, so that a second `retort train` never reads half a file.
        let draft = path.with_extension(format!("part-{}", std::process::id()));
        fs::write(&draft, bytes)?;
        fs::rename(&draft, &path)?;
    }
    // Without the time of this use, it is at worst unpacked once more.
    let _ = fs::write(target.join(USED), "in use\n");
    remove_unused(folder, &name);
    Ok(target)
}

/// Removes other versions than `name` that nobody uses. What goes wrong here is in nobody's way.
fn remove_unused(folder: &Path, name: &str) {
    for other in fs::read_dir(folder).into_iter().flatten().flatten() {
        let other_name = other.file_name().to_string_lossy().into_owned();
        if !other_name.starts_with("package-") || other_name == name {
            continue;
        }
        let path = other.path();
        // One without the file is of before the file was written, and its own time is that of its unpacking.
        let used = fs::metadata(path.join(USED)).or_else(|_| fs::metadata(&path)).and_then(|about| about.modified());
        if used.is_ok_and(|used| SystemTime::now().duration_since(used).is_ok_and(|age| age > KEPT)) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_part_of_the_program_and_unpacks_whole() {
        let folder = tempfile::tempdir().unwrap();
        let target = unpack(folder.path()).unwrap();
        let own = target.join("retort_training/own/command.py");
        assert_eq!(fs::read(&own).unwrap(), text("retort_training/own/command.py").unwrap().as_bytes());
        assert!(text("requirements.txt").unwrap().contains("torch=="));
        fs::write(&own, "changed").unwrap();
        assert_eq!(unpack(folder.path()).unwrap(), target);
        assert_ne!(fs::read(&own).unwrap(), b"changed");
    }

    #[test]
    fn another_version_stays_while_it_may_be_in_use() {
        let folder = tempfile::tempdir().unwrap();
        for (name, days) in [("package-used", 29), ("package-forgotten", 31), ("python-old", 31)] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            let used = SystemTime::now() - Duration::from_secs(days * 24 * 3_600);
            fs::File::create(path.join(USED)).unwrap().set_modified(used).unwrap();
        }
        fs::create_dir(folder.path().join("package-new")).unwrap();
        // Not even a folder.
        fs::write(folder.path().join("package-file"), "").unwrap();
        let own = unpack(folder.path()).unwrap();
        let is_there = |name: &str| folder.path().join(name).exists();
        assert!(is_there("package-used") && is_there("package-new") && is_there("package-file"));
        assert!(is_there("python-old") && !is_there("package-forgotten"));
        let used = || fs::metadata(own.join(USED)).unwrap().modified().unwrap();
        let before = SystemTime::now() - KEPT;
        fs::File::options().append(true).open(own.join(USED)).unwrap().set_modified(before).unwrap();
        unpack(folder.path()).unwrap();
        assert!(used() > before + Duration::from_secs(60), "each start is a use");
    }

    #[test]
    fn fingerprints_tell_where_one_part_ends() {
        let of = |parts: [&str; 2]| fingerprint(parts.iter().map(|part| part.as_bytes()));
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
    }
}
