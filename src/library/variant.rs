//! What the variants of an instrument are called and what is to be said of them: `reduced-ad` is "Reduced, by ear (AD)".
//!
//! A variant's id is a kind and what was done to it, joined by hyphens. All lists of names are here only.

/// What an id stands for: itself, its name, and its part of a sentence.
type Named = (&'static str, &'static str, &'static str);

/// The kinds: id, name, and the beginning of a sentence. An id that begins another comes after it.
const KINDS: [Named; 4] = [
    ("full", "Full", "A large recurrent network, the teacher of the others"),
    ("reduced", "Reduced", "A small recurrent network, for many voices or small machines"),
    (
        "cnn-tiny",
        "CNN Tiny",
        "The smallest network, convolutional, for very many voices; changes of tone come up to 16 ms later",
    ),
    ("cnn", "CNN", "A middle-sized convolutional network; changes of tone come up to 16 ms later"),
];

/// What was done: id, what it adds to the name and to the sentence.
const TREATMENTS: [Named; 3] = [
    ("ad", ", by ear (AD)", ", taught by the sound of the full one"),
    ("cd", ", by hand (CD)", ", taught by what the full one does with harmonics and noise"),
    ("q", ", 8 bit", ", with weights of 8 bits instead of 16"),
];

/// Kind and treatments of a variant, if all are known.
fn parts(variant: &str) -> Option<(&'static Named, Vec<usize>)> {
    let after = |id: &str| variant.strip_prefix(id).filter(|rest| rest.is_empty() || rest.starts_with('-'));
    let (kind, rest) = KINDS.iter().find_map(|kind| Some((kind, after(kind.0)?)))?;
    let known = |id: &str| TREATMENTS.iter().position(|treatment| treatment.0 == id);
    let treatments = rest.split('-').skip(1).map(known).collect::<Option<Vec<usize>>>()?;
    Some((kind, treatments))
}

/// The name for people: `CNN Tiny, 8 bit`. Of variants that Retort does not know, the id's words.
#[must_use]
pub fn title(variant: &str) -> String {
    let Some((kind, treatments)) = parts(variant) else { return words(variant) };
    treatments.into_iter().fold(kind.1.to_owned(), |title, t| title + TREATMENTS[t].1)
}

/// One sentence on what the variant is; none for those that Retort does not know.
#[must_use]
pub fn explain(variant: &str) -> Option<String> {
    let (kind, treatments) = parts(variant)?;
    Some(treatments.into_iter().fold(kind.2.to_owned(), |text, t| text + TREATMENTS[t].2) + ".")
}

/// Kinds in the order of lists, from the largest down.
const ORDER: [&str; 4] = ["full", "cnn", "reduced", "cnn-tiny"];

/// Where a variant stands in a list: the large ones first, of one kind the plain one first, and after all of them those that Retort
/// does not know, by name.
#[must_use]
pub fn place(variant: &str) -> impl Ord + use<> {
    let (kind, treatments) = parts(variant).map_or((ORDER.len(), Vec::new()), |(kind, treatments)| {
        (ORDER.iter().position(|id| *id == kind.0).unwrap_or(ORDER.len()), treatments)
    });
    (kind, treatments, variant.to_owned())
}

/// The words of a part of an id, each with a capital: `glass-harp` is `Glass Harp`.
#[must_use]
pub fn words(id_part: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    id_part.split('-').map(capital).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_have_names_that_say_what_they_are() {
        for (variant, name) in [
            ("full", "Full"),
            ("full-q", "Full, 8 bit"),
            ("reduced-ad", "Reduced, by ear (AD)"),
            ("reduced-cd-q", "Reduced, by hand (CD), 8 bit"),
            ("cnn", "CNN"),
            ("cnn-tiny", "CNN Tiny"),
            ("cnn-tiny-q", "CNN Tiny, 8 bit"),
            ("cnn-tiny-ad", "CNN Tiny, by ear (AD)"),
            ("fuller", "Fuller"),
            ("my-own", "My Own"),
            ("full-moon", "Full Moon"),
            ("", ""),
        ] {
            assert_eq!(title(variant), name);
        }
    }

    #[test]
    fn lists_go_from_large_to_small_and_end_with_what_is_unknown() {
        let mut variants =
            ["cnn-tiny-q", "my-own", "cnn", "reduced-cd", "cnn-q", "full", "reduced", "cnn-tiny", "reduced-ad", "a"];
        variants.sort_by_key(|variant| place(variant));
        let order =
            ["full", "cnn", "cnn-q", "reduced", "reduced-ad", "reduced-cd", "cnn-tiny", "cnn-tiny-q", "a", "my-own"];
        assert_eq!(variants, order);
    }

    #[test]
    fn a_known_variant_is_explained_in_one_sentence() {
        let text = explain("cnn-tiny-ad-q").unwrap();
        assert!(
            text.contains("smallest")
                && text.contains("sound of the full one")
                && text.ends_with("8 bits instead of 16.")
        );
        assert_eq!(text.matches('.').count(), 1);
        assert_eq!(explain("my-own"), None);
    }
}
