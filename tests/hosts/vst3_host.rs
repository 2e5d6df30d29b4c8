//! A VST3 host on the `vst3` crate's bindings: one instance, one thread.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{ComPtr, ComWrapper, Interface};

use super::vst3_events::{controller, event, read_sent};
use super::vst3_objects::{Changes, EventList, Handler, Stream};
use super::{Class, Happening, Sent, TestHost, bundle};

const AUDIO: MediaType = MediaTypes_::kAudio as MediaType;
const INPUT: BusDirection = BusDirections_::kInput as BusDirection;
const OUTPUT: BusDirection = BusDirections_::kOutput as BusDirection;

/// A parameter as the plugin describes it.
#[derive(Clone, Debug)]
pub struct Vst3Param {
    pub id: ParamID,
    pub name: String,
    pub units: String,
    pub step_count: i32,
    pub is_automatable: bool,
}

pub struct Vst3Host {
    component: ComPtr<IComponent>,
    processor: ComPtr<IAudioProcessor>,
    controller: ComPtr<IEditController>,
    handler: ComWrapper<Handler>,
    params: Vec<Vst3Param>,
    is_active: bool,
    /// Changes to be sent with the next block.
    waiting: Vec<Happening>,
    /// Parameters of controllers to be set with the next block.
    controllers: Vec<(u32, f64)>,
    sent: Vec<(usize, Sent)>,
}

/// The library inside a bundle, for this machine.
pub fn library(bundle: &Path) -> PathBuf {
    let folder = format!("Contents/{}-linux", std::env::consts::ARCH);
    let file = bundle.file_stem().expect("a bundle has a name").to_string_lossy().into_owned();
    match std::env::consts::OS {
        "macos" => bundle.join("Contents/MacOS").join(file),
        "windows" => bundle.join(format!("Contents/{}-win", std::env::consts::ARCH)).join(format!("{file}.vst3")),
        _ => bundle.join(folder).join(format!("{file}.so")),
    }
}

/// Loads a bundle and asks it for its factory. It stays loaded for good.
pub fn factory(path: &Path) -> ComPtr<IPluginFactory> {
    let library = library(path);
    // SAFETY: our own plugin file, whose entry points have the types that the format fixes.
    unsafe {
        let library = Box::leak(Box::new(libloading::Library::new(&library).unwrap_or_else(|error| {
            panic!("{} cannot be loaded: {error}", library.display());
        })));
        #[cfg(target_os = "linux")]
        {
            let enter = library.get::<extern "system" fn(*mut std::ffi::c_void) -> bool>(b"ModuleEntry\0");
            assert!(enter.expect("a VST3 file has this")(std::ptr::null_mut()));
        }
        let get = library.get::<extern "system" fn() -> *mut IPluginFactory>(b"GetPluginFactory\0");
        ComPtr::from_raw(get.expect("a VST3 file has this")()).expect("there is a factory")
    }
}

/// The classes that a file has.
pub fn classes(factory: &ComPtr<IPluginFactory>) -> impl Iterator<Item = PClassInfo> {
    // SAFETY: the plugin's own object, asked for the classes that it counts.
    (0..unsafe { factory.countClasses() }).map(move |index| unsafe {
        let mut info: PClassInfo = std::mem::zeroed();
        assert_eq!(factory.getClassInfo(index, &mut info), kResultOk);
        info
    })
}

impl Vst3Host {
    /// Opens a class of a bundle; [`TestHost::open`] takes the tests' own.
    pub fn open_from(path: &Path, class: Class) -> Self {
        let name = match class {
            Class::Instrument => "Retort",
            Class::Effect => "Retort FX",
        };
        let factory = factory(path);
        // SAFETY: all pointers below are to objects of our own, or come from the plugin and are checked.
        unsafe {
            let info = classes(&factory).find(|info| text8(&info.name) == name).expect("the file has this class");
            let mut object = std::ptr::null_mut();
            let id: *const c_char = info.cid.as_ptr();
            assert_eq!(factory.createInstance(id, IComponent::IID.as_ptr().cast(), &mut object), kResultOk);
            let component: ComPtr<IComponent> = ComPtr::from_raw(object.cast()).expect("there is an instance");
            assert_eq!(component.initialize(std::ptr::null_mut()), kResultOk);
            let processor = component.cast().expect("it processes");
            let controller: ComPtr<IEditController> = component.cast().expect("it is its own controller");
            let handler = ComWrapper::new(Handler::default());
            let handler_ptr = handler.as_com_ref::<IComponentHandler>().expect("it is one");
            assert_eq!(controller.setComponentHandler(handler_ptr.as_ptr()), kResultOk);
            let params = read_params(&controller);
            Self {
                component,
                processor,
                controller,
                handler,
                params,
                is_active: false,
                waiting: Vec::new(),
                controllers: Vec::new(),
                sent: Vec::new(),
            }
        }
    }

    pub fn described_params(&self) -> &[Vst3Param] {
        &self.params
    }

    /// Whether controllers, bend and pressure of every channel are passed on; `None` where some are and some are not.
    pub fn maps_controllers(&self) -> Option<bool> {
        let every = (0..16).flat_map(|channel| (0..130).map(move |number| (channel, number)));
        let n_mapped = every.filter(|&(channel, number)| self.parameter_of(channel, number).is_some()).count();
        match n_mapped {
            0 => Some(false),
            2_080 => Some(true),
            _ => None,
        }
    }

    /// With the next block, each controller of each channel gets this value, and pressure and bend do, too.
    pub fn set_every_controller(&mut self, value: f64) {
        let every = (0..16).flat_map(|channel| (0..130).map(move |number| (channel, number)));
        self.controllers =
            every.filter_map(|(channel, number)| Some((self.parameter_of(channel, number)?, value))).collect();
    }

    /// The id of the parameter for a controller of a channel; 128 is pressure and 129 bend.
    fn parameter_of(&self, channel: i16, number: CtrlNumber) -> Option<u32> {
        let mapping = self.controller.cast::<IMidiMapping>()?;
        let mut id = 0;
        // SAFETY: the number is our own.
        let result = unsafe { mapping.getMidiControllerAssignment(0, channel, number, &mut id) };
        (result == kResultOk).then_some(id)
    }

    /// Number and name of what a note can express on its own.
    pub fn note_expressions(&self) -> Vec<(u32, String)> {
        let Some(controller) = self.controller.cast::<INoteExpressionController>() else { return Vec::new() };
        // SAFETY: the plugin fills what is our own.
        unsafe {
            (0..controller.getNoteExpressionCount(0, 0))
                .map(|index| {
                    let mut info: NoteExpressionTypeInfo = std::mem::zeroed();
                    assert_eq!(controller.getNoteExpressionInfo(0, 0, index, &mut info), kResultOk);
                    (info.typeId, text16(&info.title))
                })
                .collect()
        }
    }

    /// Channels of each bus.
    pub fn busses(&self, is_input: bool) -> Vec<(String, i32, bool)> {
        let direction = if is_input { INPUT } else { OUTPUT };
        // SAFETY: the plugin fills what is our own.
        unsafe {
            (0..self.component.getBusCount(AUDIO, direction))
                .map(|index| {
                    let mut info: BusInfo = std::mem::zeroed();
                    assert_eq!(self.component.getBusInfo(AUDIO, direction, index, &mut info), kResultOk);
                    (text16(&info.name), info.channelCount, info.busType == BusTypes_::kMain as BusType)
                })
                .collect()
        }
    }

    /// Asks for an arrangement while inactive. `behind` lies in memory behind the list of inputs, where a plugin has no
    /// business to look. Returns whether it was accepted.
    pub fn arrange(
        &mut self,
        inputs: &[SpeakerArrangement],
        outputs: &[SpeakerArrangement],
        behind: SpeakerArrangement,
    ) -> bool {
        let mut all_inputs = [inputs, &[behind]].concat();
        let mut all_outputs = [outputs, &[behind]].concat();
        // SAFETY: both lists are longer than what is told.
        let result = unsafe {
            self.processor.setBusArrangements(
                all_inputs.as_mut_ptr(),
                inputs.len() as i32,
                all_outputs.as_mut_ptr(),
                outputs.len() as i32,
            )
        };
        result == kResultOk
    }

    fn param(&self, name: &str) -> &Vst3Param {
        self.params.iter().find(|param| param.name == name).unwrap_or_else(|| panic!("{name} is a parameter"))
    }

    fn channels(&self, is_input: bool) -> usize {
        self.busses(is_input).first().map_or(0, |(_, channels, _)| *channels as usize)
    }

    fn process(&mut self, input: &mut [Vec<f32>], output: &mut [Vec<f32>], changes: Changes, events: EventList) {
        let len = output[0].len();
        let mut input_channels: Vec<*mut f32> = input.iter_mut().map(|channel| channel.as_mut_ptr()).collect();
        let mut output_channels: Vec<*mut f32> = output.iter_mut().map(|channel| channel.as_mut_ptr()).collect();
        let bus = |channels: &mut Vec<*mut f32>| AudioBusBuffers {
            numChannels: channels.len() as i32,
            silenceFlags: 0,
            __field0: AudioBusBuffers__type0 { channelBuffers32: channels.as_mut_ptr() },
        };
        let (mut input_bus, mut output_bus) = (bus(&mut input_channels), bus(&mut output_channels));
        let (changes, events) = (ComWrapper::new(changes), ComWrapper::new(events));
        let sent = ComWrapper::new(EventList::default());
        let mut data = ProcessData {
            processMode: ProcessModes_::kRealtime as i32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            numSamples: len as i32,
            numInputs: i32::from(!input.is_empty()),
            numOutputs: 1,
            inputs: &mut input_bus,
            outputs: &mut output_bus,
            inputParameterChanges: changes.as_com_ref::<IParameterChanges>().expect("it is one").as_ptr(),
            outputParameterChanges: std::ptr::null_mut(),
            inputEvents: events.as_com_ref::<IEventList>().expect("it is one").as_ptr(),
            outputEvents: sent.as_com_ref::<IEventList>().expect("it is one").as_ptr(),
            processContext: std::ptr::null_mut(),
        };
        // SAFETY: everything in `data` lives until after the call.
        assert_eq!(unsafe { self.processor.process(&mut data) }, kResultOk);
        self.sent.extend(sent.0.borrow().iter().filter_map(read_sent));
    }
}

fn read_params(controller: &ComPtr<IEditController>) -> Vec<Vst3Param> {
    // SAFETY: the plugin fills what is our own.
    unsafe {
        (0..controller.getParameterCount())
            .filter_map(|index| {
                let mut info: ParameterInfo = std::mem::zeroed();
                assert_eq!(controller.getParameterInfo(index, &mut info), kResultOk);
                // Controllers: hidden, and nothing that a song could hold.
                let unseen = ParameterInfo_::ParameterFlags_::kIsHidden | ParameterInfo_::ParameterFlags_::kIsReadOnly;
                if info.flags == unseen && text16(&info.title).starts_with("MIDI Ch. ") {
                    return None;
                }
                Some(Vst3Param {
                    id: info.id,
                    name: text16(&info.title),
                    units: text16(&info.units),
                    step_count: info.stepCount,
                    is_automatable: info.flags & ParameterInfo_::ParameterFlags_::kCanAutomate != 0,
                })
            })
            .collect()
    }
}

fn text16(text: &[TChar]) -> String {
    let text: Vec<u16> = text.iter().copied().take_while(|c| *c != 0).collect();
    String::from_utf16_lossy(&text)
}

fn text8(text: &[char8]) -> String {
    text.iter().map(|c| *c as u8 as char).take_while(|c| *c != '\0').collect()
}

impl TestHost for Vst3Host {
    fn open_in(bundles: &Path, class: Class) -> Self {
        Self::open_from(&bundle(bundles, "Retort.vst3"), class)
    }

    fn activate(&mut self, rate_hz: f64, max_block: usize) {
        let mut setup = ProcessSetup {
            processMode: ProcessModes_::kRealtime as i32,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            maxSamplesPerBlock: max_block as i32,
            sampleRate: rate_hz,
        };
        // SAFETY: `setup` is our own.
        unsafe {
            assert_eq!(self.processor.setupProcessing(&mut setup), kResultOk);
            assert_eq!(self.component.setActive(1), kResultOk);
            assert_eq!(self.processor.setProcessing(1), kResultOk);
        }
        self.is_active = true;
    }

    fn deactivate(&mut self) {
        if self.is_active {
            // SAFETY: in the order that the format asks for.
            unsafe {
                self.processor.setProcessing(0);
                self.component.setActive(0);
            }
            self.is_active = false;
        }
    }

    fn latency(&mut self) -> u32 {
        // SAFETY: may be called at any time.
        unsafe { self.processor.getLatencySamples() }
    }

    fn tail(&mut self) -> u32 {
        // SAFETY: may be called at any time.
        unsafe { self.processor.getTailSamples() }
    }

    fn params(&mut self) -> Vec<(String, f64)> {
        // SAFETY: the ids are the plugin's own.
        let value = |param: &Vst3Param| unsafe { self.controller.getParamNormalized(param.id) };
        self.params.iter().map(|param| (param.name.clone(), value(param))).collect()
    }

    fn set(&mut self, name: &'static str, value: f64) {
        if self.is_active {
            self.waiting.push(Happening::Param { name, value });
        } else {
            // SAFETY: the id is the plugin's own.
            assert_eq!(unsafe { self.controller.setParamNormalized(self.param(name).id, value) }, kResultOk);
        }
    }

    fn text(&mut self, name: &str, value: f64) -> String {
        let param = self.param(name).clone();
        let mut text: String128 = [0; 128];
        // SAFETY: the text is our own.
        assert_eq!(unsafe { self.controller.getParamStringByValue(param.id, value, &mut text) }, kResultOk);
        text16(&text) + &param.units
    }

    fn parse(&mut self, name: &str, text: &str) -> Option<f64> {
        let id = self.param(name).id;
        let mut text: Vec<TChar> = text.encode_utf16().chain([0]).map(|c| c as TChar).collect();
        let mut value = 0.0;
        // SAFETY: text and value are our own; the text ends with a zero.
        let result = unsafe { self.controller.getParamValueByString(id, text.as_mut_ptr(), &mut value) };
        (result == kResultOk).then_some(value)
    }

    fn block(&mut self, input: &[&[f32]], len: usize, events: &[(usize, Happening)]) -> Vec<Vec<f32>> {
        let (changes, notes) = (Changes::default(), EventList::default());
        for (id, value) in std::mem::take(&mut self.controllers) {
            changes.add(id, 0, value);
        }
        let waiting = std::mem::take(&mut self.waiting);
        for (at, happening) in waiting.into_iter().map(|happening| (0, happening)).chain(events.iter().copied()) {
            match happening {
                Happening::Param { name, value } => changes.add(self.param(name).id, at as i32, value),
                Happening::Midi(message) if let Some((channel, number, value)) = controller(message) => {
                    let id = self.parameter_of(channel, number).expect("the plugin takes controllers");
                    changes.add(id, at as i32, value);
                }
                other => notes.0.borrow_mut().extend(event(at, other)),
            }
        }
        let silence = vec![0.0; len];
        let mut input: Vec<Vec<f32>> = (0..self.channels(true))
            .map(|channel| input.get(channel).map_or(silence.clone(), |samples| samples.to_vec()))
            .collect();
        let mut output = vec![vec![7.7; len]; self.channels(false)];
        self.process(&mut input, &mut output, changes, notes);
        output
    }

    fn take_sent(&mut self) -> Vec<(usize, Sent)> {
        std::mem::take(&mut self.sent)
    }

    fn save(&mut self) -> Vec<u8> {
        let stream = ComWrapper::new(Stream::default());
        let pointer = stream.as_com_ref::<IBStream>().expect("it is one").as_ptr();
        // SAFETY: the stream lives until after the call.
        assert_eq!(unsafe { self.component.getState(pointer) }, kResultOk);
        stream.bytes.take()
    }

    fn load(&mut self, state: &[u8]) -> bool {
        let stream = ComWrapper::new(Stream::new(state));
        let pointer = stream.as_com_ref::<IBStream>().expect("it is one").as_ptr();
        // SAFETY: the stream lives until after the call.
        unsafe { self.component.setState(pointer) == kResultOk }
    }

    fn take_restart_request(&mut self) -> bool {
        let flags = self.handler.restart_flags.swap(0, Ordering::SeqCst);
        flags & RestartFlags_::kLatencyChanged != 0
    }
}

impl Drop for Vst3Host {
    fn drop(&mut self) {
        self.deactivate();
        // SAFETY: the last call before it is let go.
        unsafe { self.component.terminate() };
    }
}
