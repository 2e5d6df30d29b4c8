//! Where the keys of a drawn keyboard lie, and which of them a point is on.

use egui::{Pos2, Rect, pos2, vec2};

use crate::panel::value_text;

/// A black key is this much of a white one, wide and high.
const BLACK_WIDTH: f32 = 0.62;
const BLACK_HEIGHT: f32 = 0.62;
/// How hard a key plays that is pressed at its upper end, 0 to 1; at its lower end it is 1.
const SOFTEST: f32 = 0.2;
/// Where the middle of the black key lies between two whites, in their widths from the edge between them: real
/// keyboards move the outer ones of each group outwards.
const BLACK_SHIFT: [f32; 12] = [0.0, -0.1, 0.0, 0.1, 0.0, 0.0, -0.13, 0.0, 0.0, 0.0, 0.13, 0.0];

/// Keys from a C to a C, side by side.
#[derive(Clone, Copy, Debug)]
pub struct KeyLayout {
    rect: Rect,
    lowest: u8,
    octaves: u8,
}

impl KeyLayout {
    /// `lowest` is a C, and `lowest + 12 octaves` is at most 127.
    pub fn new(rect: Rect, lowest: u8, octaves: u8) -> Self {
        Self { rect, lowest, octaves }
    }

    /// The keys from left to right.
    pub fn keys(&self) -> std::ops::RangeInclusive<u8> {
        self.lowest..=self.lowest + 12 * self.octaves
    }

    /// Where `key` is drawn; black keys lie over white ones.
    pub fn place(&self, key: u8) -> Rect {
        let width = self.white_width();
        let left = self.rect.left() + width * f32::from(whites_below(key) - whites_below(self.lowest));
        if is_black(key) {
            // `left` is the edge between its white neighbours.
            let middle = left + BLACK_SHIFT[usize::from(key % 12)] * width;
            let size = vec2(BLACK_WIDTH * width, BLACK_HEIGHT * self.rect.height());
            Rect::from_min_size(pos2(middle - size.x / 2.0, self.rect.top()), size)
        } else {
            Rect::from_min_size(pos2(left, self.rect.top()), vec2(width, self.rect.height()))
        }
    }

    /// The key under `point`, and how hard it is played there: the lower on the key, the harder.
    pub fn key_at(&self, point: Pos2) -> Option<(u8, f32)> {
        let under = |black: bool| self.keys().find(|&key| is_black(key) == black && self.place(key).contains(point));
        let key = under(true).or_else(|| under(false))?;
        let place = self.place(key);
        let depth = ((point.y - place.top()) / place.height()).clamp(0.0, 1.0);
        Some((key, SOFTEST + (1.0 - SOFTEST) * depth))
    }

    fn white_width(&self) -> f32 {
        self.rect.width() / (7.0 * f32::from(self.octaves) + 1.0)
    }
}

/// Whether `key` is one of the black ones.
pub fn is_black(key: u8) -> bool {
    matches!(key % 12, 1 | 3 | 6 | 8 | 10)
}

/// Its name as the panel writes it, with middle C (60) as C4.
pub fn name(key: u8) -> String {
    value_text::note(440.0 * ((f32::from(key) - 69.0) / 12.0).exp2()).0
}

/// White keys below `key`, from key 0 up.
fn whites_below(key: u8) -> u8 {
    7 * (key / 12) + (0..key % 12).filter(|&below| !is_black(below)).count() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> KeyLayout {
        KeyLayout::new(Rect::from_min_size(pos2(100.0, 50.0), vec2(720.0, 80.0)), 36, 5)
    }

    #[test]
    fn white_keys_lie_side_by_side_from_edge_to_edge() {
        let layout = layout();
        let whites: Vec<Rect> = layout.keys().filter(|&key| !is_black(key)).map(|key| layout.place(key)).collect();
        assert_eq!(whites.len(), 36);
        assert!(whites.windows(2).all(|pair| (pair[0].right() - pair[1].left()).abs() < 1e-3));
        assert_eq!((whites[0].left(), whites[35].right().round()), (100.0, 820.0));
    }

    #[test]
    fn every_key_is_found_where_it_is_drawn() {
        let layout = layout();
        for key in layout.keys() {
            let place = layout.place(key);
            // The lower end of a white key is free of black ones.
            let point = if is_black(key) { place.center() } else { place.center_bottom() - vec2(0.0, 1.0) };
            assert_eq!(layout.key_at(point).map(|(key, _)| key), Some(key));
        }
        assert_eq!(layout.key_at(pos2(99.0, 60.0)), None);
        assert_eq!(layout.key_at(pos2(200.0, 131.0)), None);
    }

    #[test]
    fn the_lower_on_a_key_the_harder_it_plays() {
        let layout = layout();
        let hardness = |key: u8, share: f32| {
            let place = layout.place(key);
            layout.key_at(pos2(place.left() + 1.0, place.top() + share * place.height())).map(|(_, velocity)| velocity)
        };
        assert_eq!(hardness(61, 0.0), Some(SOFTEST));
        assert!(hardness(60, 0.99).is_some_and(|velocity| (0.98..=1.0).contains(&velocity)));
        assert!(hardness(61, 0.3) < hardness(61, 0.6));
    }

    #[test]
    fn names_are_those_of_midi() {
        assert_eq!([60, 69, 0, 127, 61].map(name), ["C4", "A4", "C-1", "G9", "C#4"]);
    }
}
