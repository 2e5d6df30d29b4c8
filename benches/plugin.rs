//! What the plugin files cost a host: a scan, an instance, a song's model, and memory. `cargo xtask bundle` first: the
//! files measured are those in `target/bundled`, or where `RETORT_BUNDLED` says.
//!
//! `cargo bench --bench plugin --all-features [-- --json]`. Each figure is the least of seven processes, since a process
//! loads a plugin file only once and others take their share of the machine.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use clack_host::factory::plugin::PluginFactory;
use clack_host::prelude::PluginEntry;
use serde::{Deserialize, Serialize};

#[path = "../tests/hosts/mod.rs"]
mod hosts;

use hosts::clap_host::ClapHost;
use hosts::vst3_host::{self, Vst3Host};
use hosts::{Class, TestHost, bundle, bundles};

const PROCESSES: usize = 7;

/// How many instances of one song are opened.
const INSTANCES: usize = 4;

/// Asks this program for the figures of one format, in a process of its own.
const ONE: &str = "RETORT_BENCH_PLUGIN_FORMAT";

/// Milliseconds on the wall, and MiB that stay in memory.
#[derive(Default, Serialize, Deserialize)]
struct Figures {
    /// Loading the file and reading which plugins it has.
    scan_ms: f64,
    /// An instance with all parameters read, before it has any model.
    instance_ms: f64,
    /// Its state with the model `violin/full`, and activation at 48 kHz: from there on it sounds.
    model_ms: f64,
    /// The same in the fourth instance, which finds the weights in memory.
    next_instance_ms: f64,
    next_model_ms: f64,
    model_mib: f64,
    next_model_mib: f64,
}

/// Resident memory in MiB that is the process's own.
fn memory_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let result = work();
    (started.elapsed().as_secs_f64() * 1e3, result)
}

fn measure<H: TestHost>(scan: impl FnOnce()) -> Figures {
    let mut figures = Figures { scan_ms: timed(scan).0, ..Figures::default() };
    let mut open = Vec::new();
    for k in 0..INSTANCES {
        let (instance_ms, mut host) = timed(|| H::open(Class::Instrument));
        let state = with_model(&host.save(), "violin/full");
        let before_mib = memory_mib();
        let (model_ms, ()) = timed(|| {
            assert!(host.load(&state), "the state is taken");
            host.activate(48_000.0, 512);
        });
        let model_mib = memory_mib() - before_mib;
        if k == 0 {
            (figures.instance_ms, figures.model_ms, figures.model_mib) = (instance_ms, model_ms, model_mib);
        }
        if k == INSTANCES - 1 {
            (figures.next_instance_ms, figures.next_model_ms, figures.next_model_mib) =
                (instance_ms, model_ms, model_mib);
        }
        let out = host.render(&[], 9_600, &[(0, hosts::Happening::on(69))], 512);
        assert!(hosts::peak(&out[0]) > 0.005, "it plays from the first block on");
        open.push(host);
    }
    figures
}

/// A state whose song has another model.
fn with_model(state: &[u8], id: &str) -> Vec<u8> {
    let read = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).expect("a state is JSON");
    let mut state = read(state);
    let mut song = read(state["fields"]["song"].as_str().expect("the song is a text").as_bytes());
    song["models"][0] = id.into();
    state["fields"]["song"] = song.to_string().into();
    state.to_string().into_bytes()
}

fn one(format: &str) -> Figures {
    let folder = bundles();
    let scan_clap = |file: &Path| {
        // SAFETY: our own plugin file, which does nothing when it is loaded.
        let entry = unsafe { PluginEntry::load(file.as_os_str()) }.expect("a CLAP file that can be loaded");
        let factory = entry.get_factory::<PluginFactory<'_>>().expect("it has plugins");
        assert_eq!(factory.plugin_descriptors().filter(|plugin| plugin.name().is_some()).count(), 2);
        // Hosts keep what they have scanned for as long as an instance lives.
        std::mem::forget(entry.clone());
    };
    match format {
        "CLAP" => measure::<ClapHost>(|| scan_clap(&bundle(&folder, "Retort.clap"))),
        _ => measure::<Vst3Host>(|| {
            let factory = vst3_host::factory(&bundle(&folder, "Retort.vst3"));
            assert_eq!(vst3_host::classes(&factory).count(), 2);
        }),
    }
}

fn main() {
    if let Ok(format) = std::env::var(ONE) {
        println!("{}", serde_json::to_string(&one(&format)).expect("figures are JSON"));
        return;
    }
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let program = std::env::current_exe().expect("this program is a file");
    let mut found = serde_json::Map::new();
    for format in ["CLAP", "VST3"] {
        let figures: Vec<Figures> = (0..PROCESSES)
            .map(|_| {
                let mut command = Command::new(&program);
                let done = command.env(ONE, format).env("RETORT_MODELS", &models).output().expect("it runs");
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
                serde_json::from_slice(&done.stdout).expect("it prints its figures")
            })
            .collect();
        let of = |figure: fn(&Figures) -> f64| figures.iter().map(figure).fold(f64::INFINITY, f64::min);
        let least = Figures {
            scan_ms: of(|x| x.scan_ms),
            instance_ms: of(|x| x.instance_ms),
            model_ms: of(|x| x.model_ms),
            next_instance_ms: of(|x| x.next_instance_ms),
            next_model_ms: of(|x| x.next_model_ms),
            model_mib: of(|x| x.model_mib),
            next_model_mib: of(|x| x.next_model_mib),
        };
        found.insert(format.into(), serde_json::to_value(least).expect("figures are JSON"));
    }
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", serde_json::Value::Object(found));
        return;
    }
    println!("Milliseconds and MiB, with violin/full at 48 kHz");
    for (format, figures) in &found {
        println!("{format}");
        for (name, value) in figures.as_object().into_iter().flatten() {
            println!("    {name:18} {:8.2}", value.as_f64().unwrap_or(f64::NAN));
        }
    }
}
