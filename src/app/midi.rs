//! Listens to MIDI ports: to one by name or to all of them, also to those that are plugged in later.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use midir::{Ignore, MidiInput, MidiInputConnection};

use super::events::EventSink;
use crate::engine::{EventKind, from_midi};

/// How often to look for ports that came or went.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
const CLIENT_NAME: &str = "Retort";

/// What is known of the ports; the window reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MidiPorts {
    /// Names of all inputs.
    pub names: Vec<String>,
    /// Why there is no MIDI at all.
    pub problem: Option<String>,
    /// Whether the port that is wanted is not there, and all others are heard instead.
    pub wanted_is_missing: bool,
}

/// The listening thread. Dropping it ends it.
pub struct Midi {
    wanted: Sender<Option<String>>,
    ports: Arc<Mutex<MidiPorts>>,
}

impl Midi {
    /// Listens to the port `wanted`, or to all. `changed` is called on the listening thread when ports come or go.
    pub fn start(wanted: Option<String>, sink: EventSink, changed: impl Fn() + Send + 'static) -> Self {
        let ports = Arc::<Mutex<MidiPorts>>::default();
        let (sender, receiver) = mpsc::channel();
        let midi = Self { wanted: sender, ports: Arc::clone(&ports) };
        std::thread::spawn(move || {
            let mut listener = Listener { wanted, sink, connections: Vec::new(), ports, changed };
            while listener.look() {
                match receiver.recv_timeout(LOOK_INTERVAL) {
                    Ok(wanted) => {
                        listener.wanted = wanted;
                        listener.connections.clear();
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        midi
    }

    /// Listens to another port, `None` for all.
    pub fn choose(&self, wanted: Option<String>) {
        // The thread is gone where there is no MIDI.
        let _ = self.wanted.send(wanted);
    }

    /// The ports as they are now.
    pub fn ports(&self) -> MidiPorts {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Listener<F> {
    wanted: Option<String>,
    sink: EventSink,
    /// Open ports by name.
    connections: Vec<(String, MidiInputConnection<()>)>,
    ports: Arc<Mutex<MidiPorts>>,
    changed: F,
}

impl<F: Fn()> Listener<F> {
    /// Opens ports that came and forgets those that went. Gives false when the system has no MIDI, and looking again is
    /// of no use.
    fn look(&mut self) -> bool {
        let names = match port_names() {
            Ok(names) => names,
            Err(problem) => {
                self.publish(MidiPorts { problem: Some(problem), ..MidiPorts::default() });
                return false;
            }
        };
        let found = self.wanted.as_deref().map(|wanted| find(&names, wanted));
        let wanted_is_missing = found == Some(None);
        let is_heard = |name: &String| found.flatten().is_none_or(|index| names[index] == *name);
        let n_open = self.connections.len();
        self.connections.retain(|(name, _)| names.contains(name) && is_heard(name));
        if self.connections.len() < n_open {
            // A keyboard that is unplugged sends no note-offs.
            self.sink.send(EventKind::AllNotesOff { channel: None });
        }
        for name in &names {
            if is_heard(name) && !self.connections.iter().any(|(open, _)| open == name) {
                // A port in use by another program is tried again at the next look.
                self.connections.extend(connect(name, &self.sink).map(|connection| (name.clone(), connection)));
            }
        }
        self.publish(MidiPorts { names, problem: None, wanted_is_missing });
        true
    }

    fn publish(&self, now: MidiPorts) {
        let mut ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if *ports != now {
            *ports = now;
            drop(ports);
            (self.changed)();
        }
    }
}

/// The port among `names` that was called `wanted`. Linux appends the port's numbers (`Keys 24:0`), which change when a
/// keyboard is plugged in again: if there is no such name, the only one that is the same without numbers is meant.
fn find(names: &[String], wanted: &str) -> Option<usize> {
    let whole = names.iter().position(|name| name == wanted);
    whole.or_else(|| {
        let mut alike = names.iter().enumerate().filter(|(_, name)| without_numbers(name) == without_numbers(wanted));
        match (alike.next(), alike.next()) {
            (Some((index, _)), None) => Some(index),
            _ => None,
        }
    })
}

fn without_numbers(name: &str) -> &str {
    match name.rsplit_once(' ') {
        Some((front, last)) if last.contains(':') && last.chars().all(|c| c.is_ascii_digit() || c == ':') => front,
        _ => name,
    }
}

/// Names of all input ports but our own.
fn port_names() -> Result<Vec<String>, String> {
    let input = MidiInput::new(CLIENT_NAME).map_err(|error| error.to_string())?;
    let names = input.ports().into_iter().filter_map(|port| input.port_name(&port).ok());
    Ok(names.filter(|name| !name.starts_with(CLIENT_NAME)).collect())
}

fn connect(name: &str, sink: &EventSink) -> Option<MidiInputConnection<()>> {
    let mut input = MidiInput::new(CLIENT_NAME).ok()?;
    input.ignore(Ignore::All);
    let port = input.ports().into_iter().find(|port| input.port_name(port).is_ok_and(|found| found == name))?;
    let sink = sink.clone();
    let listen = move |_: u64, message: &[u8], (): &mut ()| {
        if let Some(kind) = from_midi(message) {
            sink.send(kind);
        }
    };
    input.connect(&port, CLIENT_NAME, listen, ()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyboard_that_comes_back_under_another_number_is_known() {
        let names = ["Midi Through 14:0", "Keys:Keys MIDI 1 28:0", "Pads 32:0", "Pads 36:0"].map(str::to_owned);
        assert_eq!(find(&names, "Keys:Keys MIDI 1 28:0"), Some(1));
        assert_eq!(find(&names, "Keys:Keys MIDI 1 24:0"), Some(1));
        assert_eq!(find(&names, "Keys:Keys MIDI 2 24:0"), None);
        assert_eq!(find(&names, "Pads 40:0"), None, "one of two is not guessed");
        assert_eq!(find(&names, "Pads 36:0"), Some(3));
    }
}
