//! The page that the examples are heard on: one HTML file without anything from elsewhere.

/// A part of the page.
pub struct Chapter {
    pub title: String,
    pub says: String,
    pub players: Vec<Player>,
}

/// A sound, and how it came about.
pub struct Player {
    pub title: String,
    pub says: String,
    /// The sound's file, from the page's folder; none where there is nothing to hear.
    pub sound: Option<String>,
    /// What was typed.
    pub command: Option<String>,
    /// The preset file that the command names: its path from the page's folder, and what is in it.
    pub preset: Option<(String, String)>,
}

/// The whole page. `intro` is HTML.
pub fn page(intro: &str, chapters: &[Chapter]) -> String {
    let links: String = (chapters.iter())
        .map(|chapter| format!("<li><a href=\"#{}\">{}</a></li>\n", slug(&chapter.title), text(&chapter.title)))
        .collect();
    let body: String = chapters.iter().map(section).collect();
    format!(
        "{HEAD}<header>\n<h1>What Retort sounds like</h1>\n{intro}\n</header>\n<nav aria-label=\"Chapters\"><ul>\n{links}</ul></nav>\n<main>\n{body}</main>\n{FOOT}"
    )
}

fn section(chapter: &Chapter) -> String {
    let id = slug(&chapter.title);
    let players: String = chapter.players.iter().map(player).collect();
    format!(
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n<p>{}</p>\n{players}</section>\n",
        text(&chapter.title),
        text(&chapter.says)
    )
}

fn player(player: &Player) -> String {
    let title = text(&player.title);
    let mut html = format!("<article>\n<h3>{title}</h3>\n<p>{}</p>\n", text(&player.says));
    if let Some(sound) = &player.sound {
        html += &format!("<audio controls preload=\"none\" src=\"{}\" aria-label=\"{title}\"></audio>\n", text(sound));
    }
    if let Some(command) = &player.command {
        html += &format!("<pre><code>{}</code></pre>\n", text(command));
    }
    if let Some((path, preset)) = &player.preset {
        html += &format!(
            "<details><summary>The preset file <a href=\"{0}\">{0}</a></summary><pre><code>{1}</code></pre></details>\n",
            text(path),
            text(preset)
        );
    }
    html + "</article>\n"
}

/// Words as a name of files and places: small letters, digits and hyphens; a minus is a word.
pub fn slug(words: &str) -> String {
    let mut slug = String::new();
    // What is below zero is something else than what is above.
    for letter in words.replace(" -", " minus ").chars() {
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9') => slug.push(letter),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// As text in HTML, between tags and in quoted attributes.
pub fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

// Every pair of colours has a contrast of 4.5 or more (WCAG 2.2, AA), in light and dark.
const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Retort: what it sounds like</title>
<style>
:root { color-scheme: light dark; --ink: #1d1f24; --soft: #54585f; --paper: #f7f6f3; --card: #ffffff; --line: #767a82; --accent: #9a3c1a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --soft: #b4b8be; --paper: #12151a; --card: #1b1f26; --line: #74808f; --accent: #f0965a; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
header, main, nav ul { max-width: 72rem; margin: 0 auto; padding: 1rem; }
header p, section > p { max-width: 48rem; }
h2 { border-bottom: 2px solid var(--accent); padding-bottom: .25rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 0; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible, audio:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; list-style: none; }
nav a { display: inline-block; padding: .2rem 0; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: .75rem 0; }
article p { margin: .2rem 0 .5rem; }
audio { width: 100%; max-width: 36rem; display: block; }
pre { color: var(--soft); font: .85rem/1.45 ui-monospace, monospace; margin: .6rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { margin-top: .4rem; font-size: .9rem; }
</style>
</head>
<body>
"#;

const FOOT: &str = r#"<script>
// One at a time: starting a player stops the one before.
document.addEventListener("play", event => {
  for (const other of document.querySelectorAll("audio")) {
    if (other !== event.target) other.pause();
  }
}, true);
</script>
</body>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_text_and_every_player_has_a_name() {
        let chapter = Chapter {
            title: "Soft & loud".into(),
            says: "a < b".into(),
            players: vec![Player {
                title: "One \"two\"".into(),
                says: String::new(),
                sound: Some("audio/one.wav".into()),
                command: Some("retort render".into()),
                preset: None,
            }],
        };
        let page = page("<p>Hello</p>", &[chapter]);
        assert!(page.contains("<h2 id=\"soft-loud\">Soft &amp; loud</h2>") && page.contains("href=\"#soft-loud\""));
        assert!(page.contains("a &lt; b") && page.contains("aria-label=\"One &quot;two&quot;\""));
        assert!(!page.contains("http"), "nothing comes from elsewhere");
    }

    #[test]
    fn names_of_places_are_plain() {
        assert_eq!(slug("Odd/even at -80 %"), "odd-even-at-minus-80");
    }

    /// Contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance).
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |hex: &str| {
            let linear = |at: usize| {
                let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * linear(1) + 0.7152 * linear(3) + 0.0722 * linear(5)
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn text_can_be_read_in_light_and_dark() {
        let schemes: Vec<&str> = HEAD.lines().filter(|line| line.contains("--ink:")).collect();
        assert_eq!(schemes.len(), 2);
        for scheme in schemes {
            let colour = |name: &str| &scheme.split_once(&format!("--{name}: ")).expect("it is set").1[..7];
            for on in ["paper", "card"] {
                for ink in ["ink", "soft", "accent"] {
                    assert!(contrast(colour(ink), colour(on)) >= 4.5, "{ink} on {on} in {scheme}");
                }
                assert!(contrast(colour("line"), colour(on)) >= 3.0, "edges on {on} in {scheme}");
            }
        }
    }
}
