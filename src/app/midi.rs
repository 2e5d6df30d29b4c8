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
                self.publish(MidiPorts { names: Vec::new(), problem: Some(problem) });
                return false;
            }
        };
        let n_open = self.connections.len();
        self.connections.retain(|(name, _)| names.contains(name));
        if self.connections.len() < n_open {
            // A keyboard that is unplugged sends no note-offs.
            self.sink.send(EventKind::AllNotesOff);
        }
        for name in &names {
            let wanted = self.wanted.as_ref().is_none_or(|wanted| wanted == name);
            if wanted && !self.connections.iter().any(|(open, _)| open == name) {
                // A port in use by another program is tried again at the next look.
                self.connections.extend(connect(name, &self.sink).map(|connection| (name.clone(), connection)));
            }
        }
        self.publish(MidiPorts { names, problem: None });
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
