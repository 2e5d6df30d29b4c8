//! What there is to hear, in the order of the manual: a row an example.

use super::phrases::Phrase;

/// What an instrument is given to play.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Trumpet,
    Saxophone,
    Notes(Phrase),
}

/// One example.
pub struct Example {
    pub title: &'static str,
    /// What to listen for.
    pub says: &'static str,
    pub input: Input,
    /// The instrument; empty where `options` name a preset that has one.
    pub model: &'static str,
    /// Settings by their ids in preset files, in those files' units.
    pub set: &'static [(&'static str, f32)],
    /// What else is said on the command line.
    pub options: &'static [&'static str],
}

/// Examples about one thing.
pub struct Chapter {
    pub title: &'static str,
    pub says: &'static str,
    pub examples: &'static [Example],
    /// What belongs here and cannot be heard in a file: a title, a setting's id, and why.
    pub unheard: &'static [(&'static str, &'static str, &'static str)],
}

use Input::{Notes, Saxophone, Trumpet};
use Phrase::{Bound, Chords, Controllers, EachItsOwn, Low, Melody, Touches, Wheels};

type Set = &'static [(&'static str, f32)];
type Options = &'static [&'static str];

const fn row(
    title: &'static str,
    input: Input,
    model: &'static str,
    set: Set,
    options: Options,
    says: &'static str,
) -> Example {
    Example { title, says, input, model, set, options }
}

#[rustfmt::skip] // A table: rows, each with its title, input, model, settings, options and what to listen for.
pub const CHAPTERS: &[Chapter] = &[
    Chapter { title: "First", says: "Nothing is set: a recording or a phrase in, an instrument out.", unheard: &[], examples: &[
        row("A trumpet becomes a violin", Trumpet, "violin/full", &[], &[], "The slides and swells are the trumpeter's; only the instrument is new."),
        row("A saxophone becomes a violin", Saxophone, "violin/full", &[], &[], "Where the player pauses, the violin pauses too."),
        row("Notes on a violin", Notes(Melody), "violin/full", &[], &[], "The phrase grows louder, and the last note comes to have a vibrato."),
        row("Notes on a piano", Notes(Melody), "piano/full", &[], &[], "The same phrase; a first try, which does not know of dampers."),
    ] },
    Chapter { title: "Source and lowest pitch", says: "What is heard in a recording before anything is played.", examples: &[
        row("Lowest pitch 40 Hz", Saxophone, "violin/reduced", &[], &["--lowest-pitch", "40"], "Hears a bass too; live, it would be the latest of the three."),
        row("Lowest pitch 80 Hz", Saxophone, "violin/reduced", &[], &["--lowest-pitch", "80"], "For most voices. This saxophone stays above it, so it sounds much the same."),
        row("Lowest pitch 160 Hz", Saxophone, "violin/reduced", &[], &["--lowest-pitch", "160"], "Live the quickest. Notes below 160 Hz would jump by an octave."),
        row("Left where it was", Notes(Low), "flute/full", &[], &["--match", "none"], "Bass notes, far below any flute: what lies outside of its range is guessed."),
        row("Moved into the range", Notes(Low), "flute/full", &[], &["--match", "auto"], "What render does by itself: whole octaves up, until the phrase suits the flute."),
        row("Octave match off", Saxophone, "flute/reduced", &[("octave_match", 0.0)], &["--match", "none"], "The saxophone where it is: at the flute's lowest notes, and once below them."),
        row("Octave match on", Saxophone, "flute/reduced", &[("octave_match", 1.0)], &["--match", "none"], "The switch for playing live: up by an octave once the phrase leaves the range, and there it stays."),
    ], unheard: &[("Notes out", "notes_out", "This switch sends the notes that are heard to the host, to play other instruments. In a file there is nothing of it to hear.")] },
    Chapter { title: "Instruments", says: "One phrase on every instrument, and the trumpet as each of the others.", unheard: &[], examples: &[
        row("Violin", Notes(Melody), "violin/full", &[], &[], "Bowed: notes grow after they have begun."),
        row("Trumpet", Notes(Melody), "trumpet/full", &[], &["--gain", "-4"], "Louder notes are brighter notes."),
        row("Flute", Notes(Melody), "flute/full", &[], &[], "Listen for the breath around the tone."),
        row("Piano", Notes(Melody), "piano/full", &[], &[], "Each note begins with its hammer."),
        row("Alto saxophone", Notes(Melody), "saxophone/reduced", &[], &["--gain", "-8"], "Reed and body; the recordings are close and dry."),
        row("Clarinet", Notes(Melody), "clarinet/cnn", &[], &["--gain", "-9"], "Hollow: every second partial is weak in its low notes."),
        row("Oboe", Notes(Melody), "oboe/reduced", &[], &["--gain", "-9"], "Narrow and bright, with hardly any breath."),
        row("Bassoon", Notes(Low), "bassoon/reduced", &[], &["--gain", "-6"], "The phrase an octave and more lower, where a bassoon is at home."),
        row("Trombone", Notes(Low), "trombone/cnn-tiny", &[], &["--gain", "-9"], "Loud notes grow bright, as the trumpet's do."),
        row("Cello", Notes(Low), "cello/reduced", &[], &["--gain", "-4"], "A bow on a low string."),
        row("Saxophone", Notes(Melody), "saxophone/reduced", &[], &[], "A small model: the only size of it so far."),
        row("A trumpet becomes a flute", Trumpet, "flute/full", &[], &[], "The tonguing stays, the brass goes."),
        row("A saxophone becomes a trumpet", Saxophone, "trumpet/full", &[], &["--gain", "-4"], "Soft notes of the saxophone are soft, dark notes of the trumpet."),
        row("A saxophone becomes a piano", Saxophone, "piano/full", &[], &[], "A piano cannot swell; this one does, since it plays what the loudness asks for."),
    ] },
    Chapter { title: "Sizes", says: "The violin in every size, from the largest network to the smallest, with the same saxophone.", unheard: &[], examples: &[
        row("Full", Saxophone, "violin/full", &[], &[], "4.3 million parameters: the best of them."),
        row("Reduced", Saxophone, "violin/reduced", &[], &[], "7.2 thousand parameters of the same kind of network."),
        row("CNN", Saxophone, "violin/cnn", &[], &[], "Another kind of network, which follows changes of loudness up to 16 ms later."),
        row("CNN, 8 bit", Saxophone, "violin/cnn-q", &[], &[], "The same with numbers of 8 bits: half the memory, no difference that can be heard."),
        row("CNN Tiny", Saxophone, "violin/cnn-tiny", &[], &[], "2.4 thousand parameters."),
        row("CNN Tiny, 8 bit", Saxophone, "violin/cnn-tiny-q", &[], &[], "The smallest file of all."),
    ] },
    Chapter { title: "Input", says: "What is heard, moved before it is played: what dragging the box in the field does.", unheard: &[], examples: &[
        row("Transpose by -12", Trumpet, "violin/full", &[], &["--transpose", "-12"], "An octave down: at and below the violin's lowest string."),
        row("Transpose by 7", Trumpet, "violin/full", &[], &["--transpose", "7"], "A fifth up."),
        row("Loudness by -18 dB", Trumpet, "violin/full", &[("loudness_offset", -18.0)], &[], "Not a volume: the violin is played softly, and is darker for it."),
        row("Loudness by 10 dB", Trumpet, "violin/full", &[("loudness_offset", 10.0)], &["--gain", "-6"], "Played with force; the output is turned down, so that only the tone tells."),
        row("Dynamics of a quarter", Notes(Touches), "violin/full", &[("loudness_range", 0.25)], &["--gain", "-4"], "The same key from a touch to a blow: hardly any difference is left."),
        row("Dynamics doubled", Notes(Touches), "violin/full", &[("loudness_range", 2.0)], &["--gain", "-4"], "The same keys: from nothing to everything."),
    ] },
    Chapter { title: "Blend", says: "Two instruments become one sound.", unheard: &[], examples: &[
        row("Blend at 0 %", Notes(Melody), "violin/full", &[], &["--blend", "trumpet/full", "--blend-amount", "0"], "The violin alone."),
        row("Blend at 50 %", Notes(Melody), "violin/full", &[], &["--blend", "trumpet/full", "--blend-amount", "0.5"], "One instrument that is half of each, and not two that play together."),
        row("Blend at 100 %", Notes(Melody), "violin/full", &[], &["--blend", "trumpet/full", "--blend-amount", "1"], "The trumpet's sound with the violin's attack, release and dynamics."),
    ] },
    Chapter { title: "Tuning", says: "Three chords in each of the tunings; the first chord is C major.", unheard: &[], examples: &[
        row("Equal", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9"], "Twelve equal steps: thirds beat."),
        row("Pythagorean", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/pythagorean.scl"], "Pure fifths, sharp thirds."),
        row("Meantone", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/meantone.scl"], "Pure thirds, narrow fifths."),
        row("Just", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/just.scl"], "The chord on C stands still."),
        row("Werckmeister III", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/werckmeister-iii.scl"], "Every key can be played, and each has a colour of its own."),
        row("Kirnberger III", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/kirnberger-iii.scl"], "The third on C is pure."),
        row("Vallotti", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/vallotti.scl"], "Milder than Werckmeister's."),
        row("19 equal steps", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/19-equal.scl"], "Keys lie closer together than they look: what was an octave is less."),
        row("24 equal steps", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/24-equal.scl"], "Quarter tones: all intervals are half as wide."),
        row("31 equal steps", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/31-equal.scl"], "Clusters, from the same keys."),
        row("Bohlen-Pierce", Notes(Chords), "trumpet/reduced", &[], &["--gain", "-9", "--tuning", "assets/tunings/bohlen-pierce.scl"], "Thirteen steps to a twelfth: there is no octave in it."),
    ] },
    Chapter { title: "Sound", says: "What the instrument plays, changed after it has decided.", unheard: &[], examples: &[
        row("Harmonics off", Trumpet, "flute/full", &[("harmonic_gain", -60.0)], &["--gain", "12"], "Only the breath is left, made louder to be heard."),
        row("Noise off", Trumpet, "flute/full", &[("noise_gain", -60.0)], &[], "A flute without air."),
        row("Noise by 12 dB", Trumpet, "flute/full", &[("noise_gain", 12.0)], &[], "More air than any flautist has."),
        row("Brightness by 6 dB per octave", Saxophone, "violin/full", &[("brightness", 6.0)], &["--gain", "-6"], "The bow near the bridge, and beyond."),
        row("Brightness by -6 dB per octave", Saxophone, "violin/full", &[("brightness", -6.0)], &[], "As through a wall."),
        row("Odd/even at 100 %", Notes(Melody), "trumpet/full", &[("odd_even", 1.0)], &["--gain", "-4"], "The even harmonics fade: hollow, near a clarinet."),
        row("Odd/even at -100 %", Notes(Melody), "trumpet/full", &[("odd_even", -1.0)], &["--gain", "-4"], "The odd harmonics above the first fade: full, near an organ."),
        row("Room at 0 %", Saxophone, "violin/full", &[], &["--room", "0"], "Dry, for a reverb of your own."),
        row("Room at 100 %", Saxophone, "violin/full", &[], &["--room", "1"], "The room that the violin was recorded in, as it was."),
    ] },
    Chapter { title: "Output", says: "What leaves Retort.", unheard: &[], examples: &[
        row("Dry/wet at 50 %", Trumpet, "violin/full", &[], &["--mix", "0.5"], "The trumpet and the violin that follows it, in time with each other."),
        row("Output at -18 dB", Trumpet, "violin/full", &[], &["--gain", "-18"], "A volume: softer, but no darker."),
    ] },
    Chapter { title: "Envelope", says: "How notes begin, stay and end.", unheard: &[], examples: &[
        row("Attack a fifth as long", Notes(Melody), "violin/full", &[("attack", 0.2)], &[], "Every note bites."),
        row("Attack eight times as long", Notes(Melody), "violin/full", &[("attack", 8.0)], &[], "Notes swell; short ones never arrive."),
        row("Decay of 80 ms", Notes(Melody), "violin/full", &[("decay", 0.08), ("sustain", -24.0)], &[], "With the sustain at -24 dB: nearly plucked."),
        row("Decay of 2 s", Notes(Melody), "violin/full", &[("decay", 2.0), ("sustain", -24.0)], &[], "The same fall, so slow that only the last note shows it."),
        row("Sustain of -12 dB", Notes(Melody), "trumpet/full", &[("sustain", -12.0)], &["--gain", "-4"], "An accent on every note."),
        row("Release eight times as long", Notes(Melody), "violin/full", &[("release", 8.0)], &[], "Notes ring into those that follow."),
    ] },
    Chapter { title: "Expression", says: "How the player's hands are heard.", unheard: &[], examples: &[
        row("Velocity as it is", Notes(Touches), "trumpet/full", &[("velocity_curve", 0.0)], &["--gain", "-4"], "One key, from a touch to a blow."),
        row("Velocity at -80 %", Notes(Touches), "trumpet/full", &[("velocity_curve", -0.8)], &["--gain", "-4"], "Soft keys play hard already."),
        row("Velocity at 80 %", Notes(Touches), "trumpet/full", &[("velocity_curve", 0.8)], &["--gain", "-4"], "It takes force to be loud."),
        row("Pressure at 0 %", Notes(Wheels), "violin/full", &[("pressure", 0.0)], &[], "The second note is pressed harder and harder, and nothing comes of it."),
        row("Pressure at 100 %", Notes(Wheels), "violin/full", &[("pressure", 1.0)], &[], "The same hand: the second note grows."),
        row("Timbre at 0 %", Notes(Controllers), "violin/full", &[("timbre", 0.0), ("wheel", 0.0)], &[], "Controller 74 goes down and up in the second note, and nothing comes of it."),
        row("Timbre at 100 %", Notes(Controllers), "violin/full", &[("timbre", 1.0), ("wheel", 0.0)], &[], "The same hand: the second note becomes dull, then bright."),
        row("Vibrato of 0 cents", Notes(Melody), "violin/full", &[("vibrato_depth", 0.0)], &[], "The long note at the end is straight."),
        row("Vibrato of 60 cents", Notes(Melody), "violin/full", &[("vibrato_depth", 60.0)], &[], "More than most would dare."),
        row("Wheel of 20 cents", Notes(Controllers), "violin/full", &[("wheel", 20.0), ("timbre", 0.0)], &[], "The modulation wheel is turned up during the first note."),
        row("Wheel of 100 cents", Notes(Controllers), "violin/full", &[("wheel", 100.0), ("timbre", 0.0)], &[], "The same wheel, five times as deep."),
        row("Rate of 3 Hz", Notes(Melody), "violin/full", &[("vibrato_depth", 40.0), ("vibrato_rate", 3.0)], &[], "A slow, wide wave."),
        row("Rate of 8 Hz", Notes(Melody), "violin/full", &[("vibrato_depth", 40.0), ("vibrato_rate", 8.0)], &[], "A nervous one."),
        row("Delay of 0 s", Notes(Melody), "violin/full", &[("vibrato_depth", 40.0), ("vibrato_delay", 0.0)], &[], "Every note trembles from its beginning."),
        row("Delay of 1.2 s", Notes(Melody), "violin/full", &[("vibrato_depth", 40.0), ("vibrato_delay", 1.2)], &[], "Only the last note is held long enough."),
        row("Variation of 0 %", Notes(Melody), "flute/full", &[("variation", 0.0), ("vibrato_depth", 0.0)], &[], "Like a machine: the last note does not move."),
        row("Variation of 200 %", Notes(Melody), "flute/full", &[("variation", 2.0), ("vibrato_depth", 0.0)], &[], "Like a beginner: twice as unsteady as the player who was recorded."),
    ] },
    Chapter { title: "Voices", says: "How keys share the voices, and what wheels and channels do.", unheard: &[], examples: &[
        row("Eight voices", Notes(Chords), "violin/reduced", &[("voices", 8.0)], &["--gain", "-6"], "All four keys of each chord."),
        row("Two voices", Notes(Chords), "violin/reduced", &[("voices", 2.0)], &["--gain", "-6"], "The last two keys of each chord have taken the others' places."),
        row("Mode Poly", Notes(Bound), "flute/full", &[("mode", 0.0)], &[], "Every key has a voice of its own."),
        row("Mode Mono", Notes(Bound), "flute/full", &[("mode", 1.0)], &[], "One voice; every key is tongued."),
        row("Mode Legato", Notes(Bound), "flute/full", &[("mode", 2.0)], &[], "One voice; keys are bound to each other."),
        row("Glide of 400 ms", Notes(Bound), "flute/full", &[("mode", 2.0), ("glide", 0.4)], &[], "Slides from key to key."),
        row("Bend of 2 semitones", Notes(Wheels), "trumpet/full", &[("bend_range", 2.0)], &["--gain", "-4"], "The wheel goes all the way up and all the way down."),
        row("Bend of 12 semitones", Notes(Wheels), "trumpet/full", &[("bend_range", 12.0)], &["--gain", "-4"], "The same wheel, an octave each way."),
        row("MPE off", Notes(EachItsOwn), "violin/full", &[("mpe", 0.0)], &[], "The lower note's channel bends by a little less than a tenth of a semitone."),
        row("MPE on", Notes(EachItsOwn), "violin/full", &[("mpe", 1.0)], &[], "The same file: the lower note rises by two semitones, while the upper one stays."),
    ] },
    Chapter { title: "Presets", says: "Some of those that are built in, from every category; retort presets lists them all.", unheard: &[], examples: &[
        row("Solo: Village Fiddle", Notes(Melody), "", &[], &["--preset", "Village Fiddle"], "Dry and bright, close to the ear."),
        row("Solo: Felt Piano", Notes(Chords), "", &[], &["--preset", "Felt Piano"], "A muffled piano for the small hours."),
        row("Ensemble: Flute Choir", Notes(Chords), "", &[], &["--preset", "Flute Choir"], "Flutes in close harmony."),
        row("Percussive: Pizzicato", Notes(Melody), "", &[], &["--preset", "Pizzicato"], "Short strings that ring for a moment."),
        row("Percussive: Thumb Piano", Notes(Bound), "", &[], &["--preset", "Thumb Piano"], "Hollow tines, from a piano's model."),
        row("Drone: Breath Drone", Notes(Chords), "", &[], &["--preset", "Breath Drone"], "More air than tone."),
        row("Bass: Hollow Bass", Notes(Bound), "", &[], &["--preset", "Hollow Bass"], "A flute's odd harmonics, far below any flute."),
        row("Pad: Warm Strings", Notes(Chords), "", &[], &["--preset", "Warm Strings"], "A slow bow and a long end."),
        row("Transfer: Sing a Flute", Saxophone, "", &[], &["--preset", "Sing a Flute"], "Made for voices; a saxophone does as well."),
        row("Transfer: Octave Halo", Trumpet, "", &[], &["--preset", "Octave Halo", "--mix", "0.5"], "The trumpet stays, with a violin an octave above it."),
        row("Blend: Brass Strings", Trumpet, "", &[], &["--preset", "Brass Strings"], "A violin with the weight of a trumpet behind it."),
        row("Blend: Struck Bow", Notes(Melody), "", &[], &["--preset", "Struck Bow"], "Piano notes that go on as a bowed string."),
    ] },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::{bundle::files_below, examples::page::slug, project_root};

    /// Options of the command line that set what preset files call otherwise.
    const OPTIONS: [(&str, &str); 5] = [
        ("--transpose", "transpose"),
        ("--room", "room"),
        ("--gain", "output_gain"),
        ("--blend-amount", "blend"),
        ("--mix", "mix"),
    ];

    fn examples() -> impl Iterator<Item = &'static Example> {
        CHAPTERS.iter().flat_map(|chapter| chapter.examples)
    }

    /// The settings that an example is one of, by their ids.
    fn settings_of(example: &Example) -> Vec<&'static str> {
        let named = OPTIONS.iter().filter(|(option, _)| example.options.contains(option)).map(|(_, setting)| *setting);
        example.set.iter().map(|(setting, _)| *setting).chain(named).collect()
    }

    /// The values of `--option` in all examples.
    fn given(option: &str) -> BTreeSet<&'static str> {
        let pairs = examples().flat_map(|example| example.options.windows(2));
        pairs.filter(|pair| pair[0] == option).map(|pair| pair[1]).collect()
    }

    /// Ids of all settings, from the table that makes them.
    fn settings() -> BTreeSet<String> {
        let source = fs::read_to_string(project_root().join("src/engine/settings.rs")).expect("the settings are there");
        let (_, table) = source.split_once("\nsettings! {\n").expect("they are a table");
        let (table, _) = table.split_once("\n}\n").expect("it ends");
        // `Variant field "id" "Name" …,` begins a row; the line after it is its help.
        table
            .lines()
            .filter(|line| line.ends_with(','))
            .filter_map(|line| Some(line.split('"').nth(1)?.into()))
            .collect()
    }

    #[test]
    fn every_setting_of_the_panel_has_an_example() {
        let settings = settings();
        assert!(settings.len() >= 28 && settings.contains("vibrato_depth"), "{settings:?}");
        let unheard = CHAPTERS.iter().flat_map(|chapter| chapter.unheard).map(|(_, setting, _)| *setting);
        let shown: BTreeSet<String> = examples().flat_map(settings_of).chain(unheard).map(str::to_owned).collect();
        assert_eq!(shown, settings);
    }

    #[test]
    fn every_tuning_and_every_category_of_presets_has_one() {
        let root = project_root();
        for file in files_below(&root.join("assets/tunings")).expect("the folder is there") {
            let path = file.strip_prefix(&root).expect("it lies there").to_string_lossy().into_owned();
            assert!(given("--tuning").contains(path.as_str()), "{path} has no example");
        }
        let (mut categories, mut heard) = (BTreeSet::new(), BTreeSet::new());
        for file in files_below(&root.join("assets/presets")).expect("the folder is there") {
            let preset = fs::read_to_string(&file).expect("it can be read");
            let of =
                |name: &str| preset.split_once(&format!("\"{name}\": \"")).and_then(|(_, rest)| rest.split('"').next());
            let category = of("category").expect("it has one").to_owned();
            if given("--preset").contains(of("name").expect("it has one")) {
                heard.insert(category.clone());
            }
            categories.insert(category);
        }
        assert_eq!(heard, categories);
    }

    #[test]
    fn every_instrument_and_every_file_that_is_named_is_there() {
        let models = project_root().join("models");
        for model in examples().map(|example| example.model).filter(|model| !model.is_empty()).chain(given("--blend")) {
            assert!(models.join(format!("{model}.safetensors")).is_file(), "{model}");
        }
        for entry in fs::read_dir(&models).expect("the folder is there").filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().join("room.safetensors").is_file() {
                assert!(
                    examples().any(|example| example.model.starts_with(&format!("{name}/"))),
                    "{name} has no example"
                );
            }
        }
    }

    #[test]
    fn files_differ_and_an_example_has_one_instrument() {
        // Files are named by them.
        let names: BTreeSet<String> = examples().map(|example| slug(example.title)).collect();
        assert_eq!(names.len(), examples().count());
        for example in examples() {
            assert_eq!(example.model.is_empty(), example.options.contains(&"--preset"), "{}", example.title);
        }
    }
}
