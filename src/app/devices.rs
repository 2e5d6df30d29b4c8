//! Which audio devices there are, under names that people know. Asking takes up to seconds, so a thread of its own does.

use std::sync::mpsc::{self, Receiver, TryRecvError};

use cpal::traits::{DeviceTrait, HostTrait};

/// A device to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceName {
    /// Stable id, for the file.
    pub id: String,
    /// For the list.
    pub name: String,
}

/// All devices that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceList {
    pub outputs: Vec<DeviceName>,
    pub inputs: Vec<DeviceName>,
}

impl DeviceList {
    /// Whether the output, or input, with this id is there.
    pub fn has(&self, output: Option<&str>, input: Option<&str>) -> bool {
        let among = |devices: &[DeviceName], id: Option<&str>| devices.iter().any(|device| Some(&*device.id) == id);
        among(&self.outputs, output) || among(&self.inputs, input)
    }
}

/// A search for devices that is under way or done.
#[derive(Default)]
pub struct DeviceSearch {
    pub found: DeviceList,
    under_way: Option<Receiver<DeviceList>>,
}

impl DeviceSearch {
    /// Begins a search, unless one is under way. `done` is called on the searching thread.
    pub fn start(&mut self, done: impl FnOnce() + Send + 'static) {
        if self.under_way.is_some() {
            return;
        }
        let (sender, receiver) = mpsc::channel();
        self.under_way = Some(receiver);
        std::thread::spawn(move || {
            // The window may be closed by now, and nobody waits for the answer.
            let _ = sender.send(list());
            done();
        });
    }

    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Takes over what a search has found. Gives whether one has ended now.
    pub fn poll(&mut self) -> bool {
        let Some(search) = &self.under_way else { return false };
        match search.try_recv() {
            Ok(found) => self.found = found,
            Err(TryRecvError::Disconnected) => {}
            Err(TryRecvError::Empty) => return false,
        }
        self.under_way = None;
        true
    }
}

/// The devices of every sound system that runs, those of the system's own first.
fn list() -> DeviceList {
    let mut list = DeviceList::default();
    let hosts = cpal::available_hosts().into_iter().filter_map(|id| cpal::host_from_id(id).ok());
    for device in hosts.filter_map(|host| host.devices().ok()).flatten() {
        let (Ok(id), Ok(description)) = (device.id(), device.description()) else { continue };
        let name = DeviceName { id: id.to_string(), name: description.name().to_owned() };
        if device.supports_output() {
            list.outputs.push(name.clone());
        }
        if device.supports_input() {
            list.inputs.push(name);
        }
    }
    for names in [&mut list.outputs, &mut list.inputs] {
        tell_apart(names);
    }
    list
}

/// Adds the id where two devices have the same name.
fn tell_apart(names: &mut [DeviceName]) {
    let known: Vec<String> = names.iter().map(|device| device.name.clone()).collect();
    for device in names {
        if known.iter().filter(|name| **name == device.name).count() > 1 {
            let place = device.id.split_once(':').map_or(device.id.as_str(), |(_, place)| place);
            device.name = format!("{} ({place})", device.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missed_in_its_direction_is_found() {
        let device = |id: &str| DeviceName { id: id.into(), name: id.into() };
        let list = DeviceList { outputs: vec![device("a")], inputs: vec![device("b")] };
        assert!(list.has(Some("a"), None) && list.has(None, Some("b")));
        assert!(!list.has(Some("b"), Some("a")) && !list.has(None, None));
    }

    #[test]
    fn devices_of_the_same_name_are_told_apart() {
        let device = |id: &str, name: &str| DeviceName { id: id.into(), name: name.into() };
        let mut names = [device("alsa:hw:0", "Piano"), device("alsa:hw:1", "Piano"), device("alsa:hw:2", "Lute")];
        tell_apart(&mut names);
        assert_eq!(names.map(|device| device.name), ["Piano (hw:0)", "Piano (hw:1)", "Lute"]);
    }
}
