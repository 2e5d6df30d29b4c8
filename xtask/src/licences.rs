//! The licences of all dependencies, checked against what Retort (MIT or Apache-2.0) can ship.

use crate::cargo::cargo;
use crate::{Failure, Outcome};

/// Licences that ask for nothing but their text: code under them can be part of anything.
const PERMISSIVE: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "BlueOak-1.0.0",
];

/// Packages under other licences, each with the reason why it may be used.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("symphonia", "MPL-2.0", "decodes audio files; copyleft per file, used unmodified from crates.io"),
    ("option-ext", "MPL-2.0", "part of finding the user's folders; copyleft per file, used unmodified from crates.io"),
    (
        "epaint_default_fonts",
        "(MIT OR Apache-2.0) AND OFL-1.1 AND Ubuntu-font-1.0",
        "the panel's fonts; free to embed in a program",
    ),
];

/// One dependency: name, version, licence as its author wrote it (an SPDX expression, mostly).
pub type Package = (String, String, String);

/// Checks every dependency on every platform, tests' own included.
///
/// # Errors
/// Names the packages whose licence is neither permissive nor an exception with a reason.
pub fn check() -> Outcome {
    let packages = dependencies(&["--workspace", "--all-features"])?;
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !allowed(package))
        .map(|(name, version, licence)| format!("  {name} {version}: {licence:?}"))
        .collect();
    if !refused.is_empty() {
        return Err(Failure::Failed(format!(
            "These licences are not known to fit MIT or Apache-2.0:\n{}\n\
             If one does, say so with the reason in xtask/src/licences.rs.",
            refused.join("\n")
        )));
    }
    println!("{} packages, all under permissive licences but these:", packages.len());
    for (family, licence, reason) in EXCEPTIONS {
        let count = packages.iter().filter(|package| excepted(package, family, licence)).count();
        println!("  {family} ({count}), {licence}: {reason}");
    }
    Ok(())
}

/// What `cargo tree` lists for all platforms, once each. `asked` says of what.
pub fn dependencies(asked: &[&str]) -> Result<Vec<Package>, Failure> {
    let mut command = cargo();
    command.args(["tree", "--target", "all"]).args(asked);
    command.args(["--prefix", "none", "--format", "{p}\t{l}"]);
    let output =
        command.output().map_err(|error| Failure::Failed(format!("Could not list the dependencies: {error}")))?;
    if !output.status.success() {
        return Err(Failure::Failed(format!(
            "Could not list the dependencies: {}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    let mut packages: Vec<Package> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(package_from_line).collect();
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// Reads `name v1.2.3 (more)\tlicence (*)`; the star marks a repetition.
fn package_from_line(line: &str) -> Option<Package> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split_whitespace();
    let name = words.next()?.to_owned();
    let version = words.next()?.trim_start_matches('v').to_owned();
    let licence = licence.trim().trim_end_matches("(*)").trim();
    Some((name, version, licence.to_owned()))
}

fn allowed(package: &Package) -> bool {
    permissive(&package.2) || EXCEPTIONS.iter().any(|(family, licence, _)| excepted(package, family, licence))
}

/// Whether the package is `family` itself or one of its parts, such as `symphonia-core`.
fn excepted(package: &Package, family: &str, licence: &str) -> bool {
    let rest = package.0.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) && package.2 == licence
}

/// Whether the licence lets us choose only permissive terms: every part of an AND, one of an OR.
///
/// Old packages write `MIT/Apache-2.0` for OR.
fn permissive(licence: &str) -> bool {
    let licence = licence.replace(" / ", " OR ").replace('/', " OR ");
    holds(licence.trim())
}

fn holds(expression: &str) -> bool {
    if let Some(parts) = split_outside_brackets(expression, " AND ") {
        // Without brackets AND binds tighter than OR, so an OR is looked for first.
        return match split_outside_brackets(expression, " OR ") {
            Some(choices) => choices.iter().any(|choice| holds(choice)),
            None => parts.iter().all(|part| holds(part)),
        };
    }
    if let Some(choices) = split_outside_brackets(expression, " OR ") {
        return choices.iter().any(|choice| holds(choice));
    }
    if let Some(inner) = expression.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return holds(inner.trim());
    }
    PERMISSIVE.contains(&expression)
}

/// The parts between separators that are not inside brackets, or `None` if there is just one.
fn split_outside_brackets<'a>(expression: &'a str, separator: &str) -> Option<Vec<&'a str>> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (i, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ' ' if depth == 0 && expression[i..].starts_with(separator) => {
                parts.push(expression[start..i].trim());
                start = i + separator.len();
            }
            _ => {}
        }
    }
    parts.push(expression[start..].trim());
    (parts.len() > 1).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_permissive_if_one_of_its_licences_is() {
        for licence in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "MIT / Apache-2.0",
            "Apache-2.0 OR GPL-2.0-only",
            "GPL-3.0-only OR MIT AND ISC",
        ] {
            assert!(permissive(licence), "{licence}");
        }
    }

    #[test]
    fn a_sum_is_permissive_only_if_all_of_its_licences_are() {
        assert!(permissive("(MIT OR Apache-2.0) AND Unicode-3.0"));
        for licence in ["MIT AND GPL-3.0-only", "(MIT OR GPL-3.0-only) AND OFL-1.1", "MPL-2.0", "GPL-3.0-or-later", ""]
        {
            assert!(!permissive(licence), "{licence}");
        }
    }

    #[test]
    fn an_exception_covers_a_family_under_its_known_licence_only() {
        let package = |name: &str, licence: &str| (name.to_owned(), "1.0.0".to_owned(), licence.to_owned());
        assert!(allowed(&package("symphonia-core", "MPL-2.0")));
        assert!(!allowed(&package("symphoniacs", "MPL-2.0")));
        assert!(!allowed(&package("symphonia-core", "GPL-3.0-only")));
    }

    #[test]
    fn lines_of_cargo_tree_are_read() {
        let read = package_from_line("retort v0.1.0 (/home/ada/retort)\tMIT OR Apache-2.0 (*)");
        assert_eq!(read, Some(("retort".to_owned(), "0.1.0".to_owned(), "MIT OR Apache-2.0".to_owned())));
    }
}
