//! `retort presets`, and `retort render --preset`.

mod cli_process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cli_process::{Outcome, command, finish, read_wav, tone, write_random_model, write_wav};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// A user with a folder of data, and a recording.
struct User {
    folder: TempDir,
    input: PathBuf,
    output: PathBuf,
}

impl User {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_wav(&path("in.wav"), &tone(440.0, 44_100), 44_100, 1);
        write_random_model(&path("models"));
        Self { input: path("in.wav"), output: path("out.wav"), folder }
    }

    fn command(&self) -> Command {
        let mut command = command();
        command.env("XDG_DATA_HOME", self.folder.path().join("data"));
        command
    }

    fn presets(&self, options: &[&str]) -> Outcome {
        let mut command = self.command();
        command.arg("presets").args(options);
        finish(command)
    }

    fn render(&self, options: &[&str]) -> Outcome {
        let mut command = self.command();
        command.arg("render").args([&self.input, &self.output]).args(options);
        command.arg("--models").arg(self.folder.path().join("models"));
        finish(command)
    }

    fn rendered(&self, options: &[&str]) -> Vec<f32> {
        self.render(options).succeeds();
        read_wav(&self.output).0
    }

    /// Puts a preset where this user's lie.
    fn keep(&self, file: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join("data/retort/presets").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

const DARK: &str = r#"{"format": 1, "name": "Very Dark", "model": "violin/test",
    "settings": {"brightness": -12, "room": 0, "transpose": -12}}"#;

#[test]
fn the_list_has_the_factory_s_and_the_user_s_presets() {
    let user = User::new();
    let path = user.keep("dark.json", DARK);
    user.keep("poem.json", "roses");
    let outcome = user.presets(&["--json"]).succeeds().says("poem.json").says("not JSON");
    let presets: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(presets.len() >= 25);
    let named = |name: &str| presets.iter().find(|preset| preset["name"] == name).unwrap();
    let dark = named("Very Dark");
    assert_eq!((&dark["user"], &dark["model"]), (&true.into(), &"violin/test".into()));
    assert_eq!(Path::new(dark["path"].as_str().unwrap()), path);
    assert_eq!(dark["settings"]["brightness"], -12.0);
    let piano = named("Felt Piano");
    assert_eq!(
        (&piano["user"], &piano["source"], &piano["category"]),
        (&false.into(), &"notes".into(), &"Solo".into())
    );
    let table = user.presets(&[]).succeeds().stdout;
    let line = table.lines().find(|line| line.starts_with("Very Dark *")).unwrap();
    assert!(line.contains("violin/test"), "{line}");
    assert!(table.contains("*: one of your own"), "{table}");
}

#[test]
fn a_preset_brings_its_model_and_settings_and_options_go_first() {
    let user = User::new();
    let file = user.keep("dark.json", DARK);
    let by_name = user.rendered(&["--preset", "very dark"]);
    assert_eq!(by_name, user.rendered(&["--preset", file.to_str().unwrap()]));
    assert_ne!(by_name, user.rendered(&["--model", "violin/test"]));
    assert_ne!(by_name, user.rendered(&["--preset", "Very Dark", "--transpose", "0"]));
    let plain = user.rendered(&["--model", "violin/test", "--room", "0", "--transpose", "-12"]);
    assert_ne!(by_name, plain, "the brightness is the preset's");
    let other =
        r#"{"format": 1, "name": "Elsewhere", "model": "oboe/full", "settings": {"room": 0, "transpose": -12}}"#;
    user.keep("elsewhere.json", other);
    assert_eq!(plain, user.rendered(&["--preset", "Elsewhere", "--model", "violin/test"]));
    user.render(&["--preset", "Elsewhere"]).fails(1, &["oboe/full"]);
}

#[test]
fn a_preset_that_is_not_there_or_broken_is_named() {
    let user = User::new();
    let file = user.keep("poem.json", r#"{"format": 1, "name": "Poem", "model": "a/b", "settings": {"room": "big"}}"#);
    user.render(&["--preset", "Felt Pian"]).fails(1, &["Felt Pian", "did you mean Felt Piano", "retort presets"]);
    user.render(&["--preset", file.to_str().unwrap()]).fails(1, &["poem.json", "settings.room", "must be a number"]);
    user.render(&["--preset", "absent.json"]).fails(1, &["absent.json"]);
    assert!(!user.output.exists());
}
