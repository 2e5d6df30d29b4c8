//! A CLAP host on `clack-host`: one instance, one thread.

use std::ffi::CString;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clack_extensions::audio_ports::{AudioPortInfoBuffer, PluginAudioPorts};
use clack_extensions::latency::{HostLatency, HostLatencyImpl, PluginLatency};
use clack_extensions::params::{ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_extensions::state::PluginState;
use clack_extensions::tail::PluginTail;
use clack_host::events::UnknownEvent;
use clack_host::events::event_types::{
    MidiEvent, NoteExpressionEvent, NoteExpressionType, NoteOffEvent, NoteOnEvent, ParamValueEvent,
};
use clack_host::events::spaces::CoreEventSpace;
use clack_host::prelude::*;
use retort::engine::Expression;

use super::{Class, Happening, Sent, TestHost, bundle};

/// What the plugin asks of the host.
#[derive(Default)]
pub struct Requests {
    restart: AtomicBool,
}

impl SharedHandler<'_> for Requests {
    fn request_restart(&self) {
        self.restart.store(true, Ordering::SeqCst);
    }
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

pub struct MainThread;

impl MainThreadHandler<'_> for MainThread {}

impl HostLatencyImpl for MainThread {
    fn changed(&self) {}
}

pub struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = Requests;
    type MainThread<'a> = MainThread;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _: &Self::Shared<'_>) {
        builder.register::<HostLatency>();
    }
}

/// A parameter as the plugin describes it.
#[derive(Clone, Debug)]
pub struct ClapParam {
    pub id: ClapId,
    pub name: String,
    pub min: f64,
    pub max: f64,
    pub is_automatable: bool,
    pub is_hidden: bool,
}

/// A port as the plugin describes it.
#[derive(Debug, PartialEq, Eq)]
pub struct Port {
    pub name: String,
    pub channels: u32,
}

pub struct ClapHost {
    instance: PluginInstance<Handlers>,
    processor: Option<StartedPluginAudioProcessor<Handlers>>,
    params: Vec<ClapParam>,
    input_ports: Vec<Port>,
    output_ports: Vec<Port>,
    /// Changes to be sent with the next block.
    waiting: Vec<Happening>,
    sent: Vec<(usize, Sent)>,
}

impl ClapHost {
    /// Opens a class of a loaded entry; [`TestHost::open`] takes it from the file.
    pub fn open_from(entry: &PluginEntry, class: Class) -> Self {
        let id = match class {
            Class::Instrument => c"org.retort-audio.retort",
            Class::Effect => c"org.retort-audio.retort-fx",
        };
        let info = HostInfo::new("Retort tests", "Retort", "", "1").expect("no text has a zero in it");
        let mut instance = PluginInstance::<Handlers>::new(|_| Requests::default(), |_| MainThread, entry, id, &info)
            .expect("the file has this class");
        let params = read_params(&mut instance);
        let (input_ports, output_ports) = (read_ports(&mut instance, true), read_ports(&mut instance, false));
        Self { instance, processor: None, params, input_ports, output_ports, waiting: Vec::new(), sent: Vec::new() }
    }

    pub fn input_ports(&self) -> &[Port] {
        &self.input_ports
    }

    pub fn output_ports(&self) -> &[Port] {
        &self.output_ports
    }

    pub fn described_params(&self) -> &[ClapParam] {
        &self.params
    }

    /// Loads a state as it lies in a host's file: the framework puts the length in front, as 64 bits.
    pub fn load_framed(&mut self, framed: &[u8]) -> bool {
        let state: PluginState = self.extension();
        state.load(&self.instance.plugin_handle(), &mut Cursor::new(framed)).is_ok()
    }

    fn param(&self, name: &str) -> &ClapParam {
        self.params.iter().find(|param| param.name == name).unwrap_or_else(|| panic!("{name} is a parameter"))
    }

    fn extension<E: clack_host::extensions::Extension<ExtensionSide = clack_host::extensions::PluginExtensionSide>>(
        &mut self,
    ) -> E {
        self.instance.plugin_handle().get_extension().expect("the plugin has this extension")
    }

    /// One block with buffers that are all there already: nothing here allocates but the events' buffer.
    pub fn process(&mut self, input: &mut [Vec<f32>], output: &mut [Vec<f32>], events: &EventBuffer) -> ProcessStatus {
        let processor = self.processor.as_mut().expect("it has been activated");
        let mut input_ports = AudioPorts::with_capacity(2, 1);
        let mut output_ports = AudioPorts::with_capacity(2, 1);
        let inputs = input_ports.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(input.iter_mut().map(InputChannel::variable)),
        }]);
        let mut outputs = output_ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(output.iter_mut().map(Vec::as_mut_slice)),
        }]);
        // With room for all that a block can send: this host's own memory is no concern of the plugin.
        let mut sent = EventBuffer::with_capacity(256);
        let status = measured(|| {
            processor.process(&inputs, &mut outputs, &events.as_input(), &mut sent.as_output(), None, None)
        })
        .expect("processing does not fail");
        self.sent.extend(sent.iter().filter_map(read_sent));
        status
    }

    fn push(&self, buffer: &mut EventBuffer, at: usize, happening: Happening) {
        let note = |key: u8| Pckn::new(0u16, 0u16, u16::from(key), u32::from(key) + 1_000);
        match happening {
            Happening::NoteOn { key, velocity } => buffer.push(&NoteOnEvent::new(at as u32, note(key), velocity)),
            Happening::NoteOff { key } => buffer.push(&NoteOffEvent::new(at as u32, note(key), 0.0)),
            Happening::Param { name, value } => {
                let param = self.param(name);
                let plain = param.min + value * (param.max - param.min);
                buffer.push(&ParamValueEvent::new(at as u32, param.id, Pckn::match_all(), plain));
            }
            Happening::Express { key, about, value } => {
                let about = match about {
                    Expression::Tuning => NoteExpressionType::Tuning,
                    Expression::Pressure => NoteExpressionType::Pressure,
                    Expression::Brightness => NoteExpressionType::Brightness,
                    Expression::Volume => NoteExpressionType::Volume,
                    Expression::Vibrato => NoteExpressionType::Vibrato,
                };
                buffer.push(&NoteExpressionEvent::new(at as u32, note(key), about, value));
            }
            Happening::Midi(data) => buffer.push(&MidiEvent::new(at as u32, 0, data)),
        }
    }
}

fn read_sent(event: &UnknownEvent) -> Option<(usize, Sent)> {
    let key = |pckn: Pckn| pckn.key.into_specific().map(|key| key as u8);
    let sent = match event.as_core_event()? {
        CoreEventSpace::NoteOn(note) => Sent::NoteOn { key: key(note.pckn())? },
        CoreEventSpace::NoteOff(note) => Sent::NoteOff { key: key(note.pckn())? },
        CoreEventSpace::Midi(midi) => match midi.data() {
            [0xe0, low, high] => Sent::Bend((f64::from(u16::from(high) << 7 | u16::from(low)) - 8_192.0) / 8_192.0),
            other => panic!("no message that is expected: {other:x?}"),
        },
        _ => return None,
    };
    Some((event.header().time() as usize, sent))
}

/// Where the allocation test looks; elsewhere it just calls.
pub fn measured<T>(call: impl FnOnce() -> T) -> T {
    super::MEASURING.with(|measuring| measuring.set(true));
    let result = call();
    super::MEASURING.with(|measuring| measuring.set(false));
    result
}

fn read_params(instance: &mut PluginInstance<Handlers>) -> Vec<ClapParam> {
    let handle = instance.plugin_handle();
    let params: PluginParams = handle.get_extension().expect("the plugin has parameters");
    (0..params.count(&handle))
        .map(|index| {
            let mut buffer = ParamInfoBuffer::new();
            let info = params.get_info(&handle, index, &mut buffer).expect("the index is below the count");
            ClapParam {
                id: info.id,
                name: String::from_utf8_lossy(info.name).into_owned(),
                min: info.min_value,
                max: info.max_value,
                is_automatable: info.flags.contains(ParamInfoFlags::IS_AUTOMATABLE),
                is_hidden: info.flags.contains(ParamInfoFlags::IS_HIDDEN),
            }
        })
        .collect()
}

fn read_ports(instance: &mut PluginInstance<Handlers>, is_input: bool) -> Vec<Port> {
    let handle = instance.plugin_handle();
    let ports: PluginAudioPorts = handle.get_extension().expect("the plugin has audio ports");
    (0..ports.count(&handle, is_input))
        .map(|index| {
            let mut buffer = AudioPortInfoBuffer::new();
            let info = ports.get(&handle, index, is_input, &mut buffer).expect("the index is below the count");
            Port { name: String::from_utf8_lossy(info.name).into_owned(), channels: info.channel_count }
        })
        .collect()
}

impl TestHost for ClapHost {
    fn open_in(bundles: &Path, class: Class) -> Self {
        let file = bundle(bundles, "Retort.clap");
        // SAFETY: our own plugin file, which does nothing when it is loaded.
        let entry = unsafe { PluginEntry::load(file.as_os_str()) }.expect("a CLAP file that can be loaded");
        Self::open_from(&entry, class)
    }

    fn activate(&mut self, rate_hz: f64, max_block: usize) {
        let configuration =
            PluginAudioConfiguration { sample_rate: rate_hz, min_frames_count: 1, max_frames_count: max_block as u32 };
        let stopped = self.instance.activate(|_, _| (), configuration).expect("the rate is one that works");
        self.processor = Some(stopped.start_processing().expect("it can begin after an activation"));
    }

    fn deactivate(&mut self) {
        if let Some(processor) = self.processor.take() {
            self.instance.deactivate(processor.stop_processing());
        }
    }

    fn latency(&mut self) -> u32 {
        let latency: PluginLatency = self.extension();
        latency.get(&self.instance.plugin_handle())
    }

    fn tail(&mut self) -> u32 {
        let tail: PluginTail = self.extension();
        let processor = self.processor.as_mut().expect("it has been activated");
        tail.get(&processor.plugin_handle()).to_raw()
    }

    fn params(&mut self) -> Vec<(String, f64)> {
        let params: PluginParams = self.extension();
        let handle = self.instance.plugin_handle();
        let value = |param: &ClapParam| {
            let plain = params.get_value(&handle, param.id).expect("it is the plugin's own id");
            (param.name.clone(), (plain - param.min) / (param.max - param.min))
        };
        self.params.iter().map(value).collect()
    }

    fn set(&mut self, name: &'static str, value: f64) {
        let happening = Happening::Param { name, value };
        if self.processor.is_some() {
            self.waiting.push(happening);
            return;
        }
        let mut buffer = EventBuffer::new();
        self.push(&mut buffer, 0, happening);
        let params: PluginParams = self.extension();
        let mut inactive = self.instance.inactive_plugin_handle().expect("it is not active");
        params.flush(&mut inactive, &buffer.as_input(), &mut EventBuffer::new().as_output());
    }

    fn text(&mut self, name: &str, value: f64) -> String {
        let param = self.param(name).clone();
        let params: PluginParams = self.extension();
        let mut buffer = [0; 128];
        let plain = param.min + value * (param.max - param.min);
        let text = params.value_to_text(&self.instance.plugin_handle(), param.id, plain, &mut buffer);
        String::from_utf8_lossy(text.expect("every value has a text")).into_owned()
    }

    fn parse(&mut self, name: &str, text: &str) -> Option<f64> {
        let param = self.param(name).clone();
        let params: PluginParams = self.extension();
        let text = CString::new(text).expect("no text has a zero in it");
        let plain = params.text_to_value(&self.instance.plugin_handle(), param.id, &text)?;
        Some((plain - param.min) / (param.max - param.min))
    }

    fn block(&mut self, input: &[&[f32]], len: usize, events: &[(usize, Happening)]) -> Vec<Vec<f32>> {
        let mut buffer = EventBuffer::new();
        for happening in std::mem::take(&mut self.waiting) {
            self.push(&mut buffer, 0, happening);
        }
        for (at, happening) in events {
            self.push(&mut buffer, *at, *happening);
        }
        let channels = self.input_ports.first().map_or(0, |port| port.channels as usize);
        let silence = vec![0.0; len];
        let mut input: Vec<Vec<f32>> = (0..channels)
            .map(|channel| input.get(channel).map_or(silence.clone(), |samples| samples.to_vec()))
            .collect();
        let mut output = vec![vec![7.7; len]; self.output_ports[0].channels as usize];
        self.process(&mut input, &mut output, &buffer);
        output
    }

    fn take_sent(&mut self) -> Vec<(usize, Sent)> {
        std::mem::take(&mut self.sent)
    }

    fn save(&mut self) -> Vec<u8> {
        let state: PluginState = self.extension();
        let mut saved = Vec::new();
        state.save(&self.instance.plugin_handle(), &mut saved).expect("memory can be written");
        let (length, json) = saved.split_first_chunk().expect("it begins with its length");
        assert_eq!(u64::from_le_bytes(*length), json.len() as u64);
        json.to_vec()
    }

    fn load(&mut self, json: &[u8]) -> bool {
        self.load_framed(&[&(json.len() as u64).to_le_bytes(), json].concat())
    }

    fn take_restart_request(&mut self) -> bool {
        self.instance.access_shared_handler(|requests| requests.restart.swap(false, Ordering::SeqCst))
    }
}

impl Drop for ClapHost {
    fn drop(&mut self) {
        self.deactivate();
    }
}
