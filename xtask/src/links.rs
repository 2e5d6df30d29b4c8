//! The links between the project's own pages, which break silently when a file moves.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bundle::files_below;
use crate::{Failure, Outcome, failed_at, project_root};

/// The folders that hold pages; the root's own are looked at as well.
const FOLDERS: [&str; 5] = ["docs", "models", "training", "assets", "tests"];

/// Checks that every link from a Markdown page to a file of the project leads to one.
///
/// Links to other sites are not followed: they may be down without anything being wrong here.
pub fn check() -> Outcome {
    let root = project_root();
    let mut pages: Vec<PathBuf> = ["README.md", "CHANGELOG.md"].iter().map(|page| root.join(page)).collect();
    for folder in FOLDERS {
        let folder = root.join(folder);
        if folder.is_dir() {
            pages.extend(files_below(&folder)?.into_iter().filter(|file| file.extension().is_some_and(|e| e == "md")));
        }
    }
    let mut dead = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).map_err(|error| failed_at("Could not read", page, &error))?;
        for link in local_links(&text) {
            let target = page.parent().unwrap_or(Path::new("")).join(&link);
            if !target.exists() {
                let page = page.strip_prefix(&root).unwrap_or(page);
                dead.push(format!("  {}: {link}", page.display()));
            }
        }
    }
    if dead.is_empty() {
        println!("{} pages, no dead link between them.", pages.len());
        return Ok(());
    }
    Err(Failure::Failed(format!("These links lead nowhere:\n{}", dead.join("\n"))))
}

/// The targets of a page's links and pictures that are files, without `#part`.
fn local_links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for part in text.split("](").skip(1) {
        let Some((target, _)) = part.split_once(')') else { continue };
        let file = target.split('#').next().unwrap_or_default().trim();
        let elsewhere = target.contains("://") || target.starts_with("mailto:");
        if !file.is_empty() && !elsewhere {
            links.push(file.to_owned());
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_those_to_sites_and_parts_are_not() {
        let text = "See [a](docs/a.md#part), ![picture](b.png), [site](https://example.org/x.md), [here](#part).";
        assert_eq!(local_links(text), ["docs/a.md", "b.png"]);
    }
}
