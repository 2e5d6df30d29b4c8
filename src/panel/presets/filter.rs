//! Which presets a list shows: those of a category that hold all of the words that are searched for.

use crate::preset::PresetEntry;

/// A category to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Category {
    #[default]
    All,
    /// The user's own presets.
    Own,
    Named(String),
}

impl Category {
    /// Its name in the list of categories.
    pub fn name(&self) -> &str {
        match self {
            Self::All => "All categories",
            Self::Own => "My presets",
            Self::Named(name) => name,
        }
    }
}

/// What is searched for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub search: String,
    pub category: Category,
}

impl Filter {
    /// The same category with every word.
    pub fn without_search(&self) -> Self {
        Self { search: String::new(), category: self.category.clone() }
    }

    /// The entries that fit, in the order of the list.
    pub fn apply<'a>(&self, list: &'a [PresetEntry]) -> Vec<&'a PresetEntry> {
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        list.iter().filter(|entry| self.is_in_category(entry) && has_words(entry, &words)).collect()
    }

    /// Every category that the list has, with those for all and for the user's own first.
    pub fn categories(list: &[PresetEntry]) -> Vec<Category> {
        let mut categories = vec![Category::All, Category::Own];
        for preset in list.iter().filter_map(|entry| entry.preset.as_ref().ok()) {
            let category = Category::Named(preset.category.clone());
            if !preset.category.is_empty() && !categories.contains(&category) {
                categories.push(category);
            }
        }
        categories
    }

    fn is_in_category(&self, entry: &PresetEntry) -> bool {
        match &self.category {
            Category::All => true,
            Category::Own => entry.is_user(),
            Category::Named(name) => entry.preset.as_ref().is_ok_and(|preset| preset.category == *name),
        }
    }
}

fn has_words(entry: &PresetEntry, words: &[String]) -> bool {
    let text = match &entry.preset {
        Ok(preset) => [
            &preset.name,
            &preset.category,
            &preset.author,
            &preset.description,
            &preset.model,
            preset.blend.as_ref().unwrap_or(&preset.model),
        ]
        .map(|text| text.to_lowercase())
        .join("\n"),
        Err(_) => entry.name().to_lowercase(),
    };
    words.iter().all(|word| text.contains(word))
}
