//! Files out, all or nothing: the content goes to a temporary file beside the target and takes its name when complete.
//!
//! A full disk, an error or an interruption therefore never leaves half a file, and never harms one that was there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::OfflineError;

/// The most samples that fit in a WAV file's 32-bit sizes, less room for the header.
pub const MAX_WAV_SAMPLES: usize = (u32::MAX as usize - 1024) / size_of::<f32>();

/// Says early, before hours of work, whether `path` can be written.
///
/// # Errors
/// Its folder is missing or not writable, or `path` is a folder.
pub fn check(path: &Path) -> Result<(), OfflineError> {
    let target = resolve(path)?;
    if is_device(&target) {
        return Ok(());
    }
    let part = part_name(&target);
    let made = create_new(&part);
    drop(made.map_err(|source| OfflineError::writing(path, source))?);
    fs::remove_file(&part).map_err(|source| OfflineError::writing(path, source))
}

/// Refuses names of other formats for what will be a WAV file.
///
/// # Errors
/// [`OfflineError::NotWavName`], unless `path` is a device or a pipe, which have no such names.
pub fn check_wav_name(path: &Path) -> Result<(), OfflineError> {
    let is_wav = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    if is_wav || is_device(path) && !path.is_dir() { Ok(()) } else { Err(OfflineError::NotWavName(path.into())) }
}

/// Writes mono `samples` as 32-bit float WAV: nothing is clipped or rounded.
///
/// # Errors
/// The file cannot be written, or is longer than a WAV file can be.
pub fn write_wav(path: &Path, samples: &[f32], sample_rate_hz: u32) -> Result<(), OfflineError> {
    if samples.len() > MAX_WAV_SAMPLES {
        let seconds = samples.len() as f64 / f64::from(sample_rate_hz);
        return Err(OfflineError::TooLong { path: path.into(), seconds, rate_hz: sample_rate_hz });
    }
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: sample_rate_hz,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    write(path, |file| {
        if is_device(path) {
            // A pipe cannot go back to write the sizes into the header.
            let mut whole = io::Cursor::new(Vec::new());
            encode(&mut whole, spec, samples)?;
            return file.write_all(whole.get_ref());
        }
        encode(file, spec, samples)
    })
}

/// As [`write_wav`], under the first name that is free: `path` itself, or with a number, `name 2.wav`. Gives that name.
///
/// # Errors
/// As [`write_wav`]. A file that is there is never touched, even if it came while this was writing.
pub fn write_new_wav(path: &Path, samples: &[f32], sample_rate_hz: u32) -> Result<PathBuf, OfflineError> {
    // The name is taken by an empty file, at once and by one program alone; then the content replaces that.
    let (claimed, file) = create_free(path).map_err(|source| OfflineError::writing(path, source))?;
    drop(file);
    match write_wav(&claimed, samples, sample_rate_hz) {
        Ok(()) => Ok(claimed),
        Err(error) => {
            // The first error is the one to report.
            let _ = fs::remove_file(&claimed);
            Err(error)
        }
    }
}

/// Creates `path` or, while such a file is there, the next of its [`numbered`] names. Gives the name and the empty file.
///
/// # Errors
/// What the system says.
pub fn create_free(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut n = 1;
    loop {
        let name = numbered(path, n);
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < u32::MAX => n += 1,
            created => return created.map(|file| (name, file)),
        }
    }
}

/// The first of `path`'s [`numbered`] names that no file has now.
#[must_use]
pub fn free_name(path: &Path) -> PathBuf {
    (1..u32::MAX).map(|n| numbered(path, n)).find(|name| !name.exists()).unwrap_or_else(|| path.into())
}

/// `name.wav`, `name 2.wav`, `name 3.wav`, for `n` from 1 up.
fn numbered(path: &Path, n: u32) -> PathBuf {
    if n < 2 {
        return path.into();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(" {n}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

fn encode(to: impl Write + Seek, spec: hound::WavSpec, samples: &[f32]) -> io::Result<()> {
    let into_io = |error| match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    };
    let mut writer = hound::WavWriter::new(to, spec).map_err(into_io)?;
    for &sample in samples {
        writer.write_sample(sample).map_err(into_io)?;
    }
    writer.finalize().map_err(into_io)
}

/// Writes `path` with `content`, all or nothing. Devices and pipes are written to directly.
///
/// # Errors
/// [`OfflineError::DiskFull`], [`OfflineError::NoFolder`] or [`OfflineError::Unwritable`]; no new file is left then.
pub fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), OfflineError> {
    let target = resolve(path)?;
    let fill = |file: File| -> io::Result<File> {
        let mut writer = BufWriter::with_capacity(1 << 16, file);
        content(&mut writer)?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)
    };
    if is_device(&target) {
        let file = OpenOptions::new().write(true).open(&target);
        return file.and_then(fill).map(drop).map_err(|source| OfflineError::writing(path, source));
    }
    let part = part_name(&target);
    // Some file systems report a full disk only when the data really goes out, so it is asked for before the rename.
    let written =
        create_new(&part).and_then(fill).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&part, &target));
    written.map_err(|source| {
        // The first error is the one to report; a part that cannot be removed either changes nothing about it.
        let _ = fs::remove_file(&part);
        OfflineError::writing(path, source)
    })
}

/// Follows links, so that the file behind a link is replaced and not the link.
fn resolve(path: &Path) -> Result<PathBuf, OfflineError> {
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(_) => path.to_path_buf(),
    };
    if target.is_dir() {
        return Err(OfflineError::Directory(path.into()));
    }
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(OfflineError::NoFolder(folder.into()))
        }
        _ => Ok(target),
    }
}

/// Something that exists and is no plain file: a device or a pipe, which cannot be replaced by a rename.
fn is_device(target: &Path) -> bool {
    fs::metadata(target).is_ok_and(|metadata| !metadata.is_file())
}

fn part_name(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// A part of the same name can only be the rest of an earlier process with the same number.
fn create_new(part: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.open(part).or_else(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        fs::remove_file(part)?;
        options.open(part)
    })
}

/// Whether two paths lead to the same existing file.
#[must_use]
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_takes_the_next_free_number_and_touches_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("song - violin.wav");
        fs::write(&wanted, "mine").unwrap();
        assert_eq!(free_name(&wanted), folder.path().join("song - violin 2.wav"));
        let names: Vec<PathBuf> = (0..2).map(|_| write_new_wav(&wanted, &[0.5], 48_000).unwrap()).collect();
        assert_eq!(names, [folder.path().join("song - violin 2.wav"), folder.path().join("song - violin 3.wav")]);
        assert_eq!(fs::read(&wanted).unwrap(), b"mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no part is left");
    }

    #[test]
    fn dots_in_a_name_stay_where_they_are() {
        assert_eq!(numbered(Path::new("take 1.5.wav"), 2), Path::new("take 1.5 2.wav"));
        assert_eq!(numbered(Path::new("take"), 3), Path::new("take 3"));
    }
}
