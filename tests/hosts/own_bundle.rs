//! A copy of the plugin files in a folder of its own, which can get models.

use std::path::PathBuf;

use super::{bundle, bundles, vst3_host};

/// Both plugin files look for models in the folder `Contents/Resources/models` of what they lie in.
pub struct OwnBundle(tempfile::TempDir);

impl OwnBundle {
    pub fn new() -> Self {
        let own = Self(tempfile::tempdir().expect("temporary files can be written"));
        let library = vst3_host::library(&own.folder().join("Retort.vst3"));
        std::fs::create_dir_all(library.parent().expect("it lies in a folder"))
            .expect("temporary files can be written");
        let from = vst3_host::library(&bundle(&bundles(), "Retort.vst3"));
        std::fs::copy(from, &library).expect("it can be copied");
        let clap = bundle(&bundles(), "Retort.clap");
        std::fs::copy(clap, own.folder().join("Retort.clap")).expect("it can be copied");
        own
    }

    /// Where the plugin files are, for [`super::TestHost::open_in`].
    pub fn folder(&self) -> PathBuf {
        self.0.path().join("Contents/plugins")
    }

    /// Puts a model with a room into the folders that the files look into.
    pub fn add(&self, id: &str, model: &[u8]) {
        let (instrument, variant) = id.split_once('/').expect("an id has two parts");
        for contents in [self.0.path().join("Contents"), self.folder().join("Retort.vst3/Contents")] {
            let folder = contents.join("Resources/models").join(instrument);
            std::fs::create_dir_all(&folder).expect("temporary files can be written");
            let room = retort::model::testing::decaying_room(&format!("{instrument}/room"), 3_200);
            std::fs::write(folder.join("room.safetensors"), room.to_bytes()).expect("temporary files can be written");
            std::fs::write(folder.join(format!("{variant}.safetensors")), model)
                .expect("temporary files can be written");
        }
    }
}
