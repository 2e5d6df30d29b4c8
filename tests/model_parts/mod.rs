//! A small model or room file, taken apart so that a test can spoil it.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::HashMap;

use retort::model::testing::{decaying_room, random_cnn, random_model};
use retort::model::{Model, ModelError, RoomResponse, file};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

/// A tensor's name, type, shape and bytes.
pub type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// The pieces of a file.
pub struct Parts {
    pub tensors: Vec<Tensor>,
    pub key: &'static str,
    pub metadata: Value,
}

impl Parts {
    pub fn of(bytes: &[u8], key: &'static str) -> Self {
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec()))
            .collect();
        let metadata = serde_json::from_str(&file::metadata_text(bytes, key).unwrap()).unwrap();
        Self { tensors, key, metadata }
    }

    pub fn model() -> Self {
        Self::of(&random_model("violin/test", 8, 1), "retort")
    }

    /// A convolutional decoder of 8 channels.
    pub fn cnn(int8: bool) -> Self {
        Self::of(&random_cnn("violin/test", 8, int8, 1), "retort")
    }

    pub fn room() -> Self {
        Self::of(&decaying_room("violin/room", 100).to_bytes(), "retort-room")
    }

    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap()
    }

    pub fn remove(&mut self, name: &str) {
        self.tensors.retain(|tensor| tensor.0 != name);
    }

    pub fn bytes(&self) -> Vec<u8> {
        let views = self
            .tensors
            .iter()
            .map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
        let metadata = HashMap::from([(self.key.to_owned(), self.metadata.to_string())]);
        safetensors::serialize(views, Some(metadata)).unwrap()
    }

    pub fn model_error(&self) -> ModelError {
        Model::from_bytes(&self.bytes()).err().expect("a spoilt model is refused")
    }

    pub fn room_error(&self) -> ModelError {
        RoomResponse::from_bytes(&self.bytes()).expect_err("a spoilt room is refused")
    }
}
