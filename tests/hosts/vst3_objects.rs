//! The objects that a VST3 host passes to a plugin: streams, event lists, parameter changes, the component's handler.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::atomic::{AtomicI32, Ordering};

use vst3::Steinberg::Vst::*;
use vst3::Steinberg::*;
use vst3::{Class, ComWrapper};

/// A stream in memory.
#[derive(Default)]
pub struct Stream {
    pub bytes: RefCell<Vec<u8>>,
    position: Cell<usize>,
}

impl Stream {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: RefCell::new(bytes.to_vec()), position: Cell::new(0) }
    }
}

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, buffer: *mut c_void, wanted: int32, read: *mut int32) -> tresult {
        let bytes = self.bytes.borrow();
        let len = (wanted.max(0) as usize).min(bytes.len() - self.position.get());
        // SAFETY: the caller has room for `wanted` bytes, and `len` is no more than that or than what is left.
        unsafe { std::ptr::copy_nonoverlapping(bytes[self.position.get()..].as_ptr(), buffer.cast(), len) };
        self.position.set(self.position.get() + len);
        if !read.is_null() {
            // SAFETY: not null, so it is the caller's number.
            unsafe { *read = len as int32 };
        }
        kResultOk
    }

    unsafe fn write(&self, buffer: *mut c_void, len: int32, written: *mut int32) -> tresult {
        // SAFETY: the caller has `len` bytes there.
        let new = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), len.max(0) as usize) };
        self.bytes.borrow_mut().extend_from_slice(new);
        if !written.is_null() {
            // SAFETY: not null, so it is the caller's number.
            unsafe { *written = len };
        }
        kResultOk
    }

    unsafe fn seek(&self, position: int64, mode: int32, result: *mut int64) -> tresult {
        let len = self.bytes.borrow().len() as i64;
        let from = match mode {
            0 => 0,
            1 => self.position.get() as i64,
            _ => len,
        };
        self.position.set((from + position).clamp(0, len) as usize);
        // SAFETY: the caller's number, if it is not null.
        unsafe { self.tell(result) }
    }

    unsafe fn tell(&self, position: *mut int64) -> tresult {
        if !position.is_null() {
            // SAFETY: not null, so it is the caller's number.
            unsafe { *position = self.position.get() as i64 };
        }
        kResultOk
    }
}

/// Note events of one block.
#[derive(Default)]
pub struct EventList(pub RefCell<Vec<Event>>);

impl Class for EventList {
    type Interfaces = (IEventList,);
}

impl IEventListTrait for EventList {
    unsafe fn getEventCount(&self) -> int32 {
        self.0.borrow().len() as int32
    }

    unsafe fn getEvent(&self, index: int32, event: *mut Event) -> tresult {
        match self.0.borrow().get(index as usize) {
            Some(found) => {
                // SAFETY: the caller's event.
                unsafe { *event = *found };
                kResultOk
            }
            None => kInvalidArgument,
        }
    }

    unsafe fn addEvent(&self, event: *mut Event) -> tresult {
        // SAFETY: the caller's event.
        self.0.borrow_mut().push(unsafe { *event });
        kResultOk
    }
}

/// The changes of one parameter in a block: sample and value.
pub struct Queue {
    pub id: ParamID,
    pub points: RefCell<Vec<(i32, f64)>>,
}

impl Class for Queue {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for Queue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id
    }

    unsafe fn getPointCount(&self) -> int32 {
        self.points.borrow().len() as int32
    }

    unsafe fn getPoint(&self, index: int32, offset: *mut int32, value: *mut ParamValue) -> tresult {
        let points = self.points.borrow();
        let Some((at, new)) = points.get(index as usize) else { return kInvalidArgument };
        // SAFETY: the caller's numbers.
        unsafe { (*offset, *value) = (*at, *new) };
        kResultOk
    }

    unsafe fn addPoint(&self, offset: int32, value: ParamValue, index: *mut int32) -> tresult {
        let mut points = self.points.borrow_mut();
        points.push((offset, value));
        if !index.is_null() {
            // SAFETY: not null, so it is the caller's number.
            unsafe { *index = points.len() as int32 - 1 };
        }
        kResultOk
    }
}

/// All parameter changes of a block.
#[derive(Default)]
pub struct Changes(pub RefCell<Vec<ComWrapper<Queue>>>);

impl Changes {
    pub fn add(&self, id: ParamID, offset: i32, value: f64) {
        let mut queues = self.0.borrow_mut();
        match queues.iter().find(|queue| queue.id == id) {
            Some(queue) => queue.points.borrow_mut().push((offset, value)),
            None => queues.push(ComWrapper::new(Queue { id, points: RefCell::new(vec![(offset, value)]) })),
        }
    }
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.0.borrow().len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        match self.0.borrow().get(index as usize).and_then(|queue| queue.as_com_ref::<IParamValueQueue>()) {
            Some(queue) => queue.as_ptr(),
            None => std::ptr::null_mut(),
        }
    }

    unsafe fn addParameterData(&self, _: *const ParamID, _: *mut int32) -> *mut IParamValueQueue {
        std::ptr::null_mut()
    }
}

/// Hears what the plugin wants of its host.
#[derive(Default)]
pub struct Handler {
    pub restart_flags: AtomicI32,
}

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }
    unsafe fn performEdit(&self, _: ParamID, _: ParamValue) -> tresult {
        kResultOk
    }
    unsafe fn endEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }
    unsafe fn restartComponent(&self, flags: int32) -> tresult {
        self.restart_flags.fetch_or(flags, Ordering::SeqCst);
        kResultOk
    }
}
