//! Counts tests from what their runners print: `cargo test` and pytest.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    pub const ONE_PASSED: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub const ONE_FAILED: Self = Self { passed: 0, failed: 1, skipped: 0 };

    pub fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    /// The counts of a runner's closing line, or `None` if the line is another one.
    ///
    /// Understands `test result: ok. 3 passed; 0 failed; 1 ignored; …` and
    /// `==== 3 passed, 1 skipped in 0.12s ====`. pytest's errors (a fixture that broke, a file
    /// that could not be imported) count as failures, expected failures as left out.
    pub fn from_closing_line(line: &str) -> Option<Self> {
        let line = line.trim().trim_matches('=').trim();
        let counts = if let Some(rest) = line.strip_prefix("test result: ") {
            // What follows the verdict's full stop, and no time, which could hold the word too.
            rest.split_once(". ")?.1
        } else {
            let (counts, time) = line.rsplit_once(" in ")?;
            if !time.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            counts
        };
        let mut tally = Self::default();
        let mut counted = false;
        for part in counts.split([',', ';']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" | "xpassed" => tally.passed += number,
                "failed" | "error" | "errors" => tally.failed += number,
                "ignored" | "skipped" | "xfailed" => tally.skipped += number,
                _ => continue,
            }
            counted = true;
        }
        counted.then_some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Option<Tally> {
        Some(Tally { passed, failed, skipped })
    }

    #[test]
    fn closing_lines_of_cargo_test_are_counted() {
        let line = "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.02s";
        assert_eq!(Tally::from_closing_line(line), tally(12, 0, 2));
        let line = "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        assert_eq!(Tally::from_closing_line(line), tally(1, 3, 0));
    }

    #[test]
    fn closing_lines_of_pytest_are_counted_with_and_without_the_rule_around_them() {
        let line = "==== 1 failed, 12 passed, 3 skipped, 2 warnings, 1 error in 3.21s (0:00:03) ====";
        assert_eq!(Tally::from_closing_line(line), tally(12, 2, 3));
        assert_eq!(Tally::from_closing_line("5 passed, 1 xfailed in 0.1s"), tally(5, 0, 1));
        assert_eq!(Tally::from_closing_line("no tests ran in 0.01s"), None);
    }

    #[test]
    fn other_lines_are_not_counted() {
        for line in ["running 3 tests", "test bend ... ok", "12 passed the gate", "", "3 passed in review"] {
            assert_eq!(Tally::from_closing_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_summary_names_what_was_left_out_only_if_something_was() {
        assert_eq!(tally(3, 0, 0).unwrap_or_default().to_string(), "3 passed, 0 failed");
        assert_eq!(tally(3, 1, 2).unwrap_or_default().to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
