//! Running other programs: one by one, with a heading, the time taken and, for test runners,
//! the tests counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::tally::Tally;
use crate::{Failure, Outcome};

/// Runs a program that must succeed; its output goes to the terminal.
///
/// `doing` completes the sentence "Could not …", for instance "build the plugin".
pub fn must(doing: &str, command: &mut Command) -> Outcome {
    // Whatever this program has printed belongs before the other's words.
    let _ = std::io::stdout().flush();
    let status = command
        .status()
        .map_err(|error| Failure::Failed(format!("Could not {doing}: `{}`: {error}", shown(command))))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::Failed(format!("Could not {doing}: `{}` ended with {status}.", shown(command))))
}

/// A command line as a person would type it.
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Several steps in a row, each counted; later ones run even if an earlier one failed, so that
/// one run tells everything that is wrong.
#[derive(Default)]
pub struct Report {
    steps: Vec<(String, Tally, Duration)>,
}

impl Report {
    /// A check that passes or fails as a whole, and counts as one.
    pub fn check(&mut self, name: &str, check: impl FnOnce() -> Outcome) -> bool {
        let start = heading(name);
        let tally = match check() {
            Ok(()) => Tally::ONE_PASSED,
            Err(failure) => {
                println!("{failure}");
                Tally::ONE_FAILED
            }
        };
        self.close(name, tally, start)
    }

    /// A test runner, whose tests are counted from what it prints.
    ///
    /// One that reports no test at all has failed: a suite that silently vanished is worse than
    /// a red one. One that fails without naming a failed test (it did not compile, it crashed)
    /// counts as one failure.
    pub fn suite(&mut self, name: &str, command: &mut Command) -> bool {
        let start = heading(name);
        println!("$ {}", shown(command));
        let tally = judge(command, &mut std::io::stdout());
        self.close(name, tally, start)
    }

    fn close(&mut self, name: &str, tally: Tally, start: Instant) -> bool {
        let took = start.elapsed();
        println!("{name}: {tally} ({})", seconds(took));
        self.steps.push((name.to_owned(), tally, took));
        tally.failed == 0
    }

    /// Prints the table and, as the very last line, the sum of everything.
    pub fn finish(self) -> Outcome {
        let mut sum = Tally::default();
        println!("\n== Summary");
        for (name, tally, took) in &self.steps {
            println!("{:>8}  {name}: {tally}", seconds(*took));
            sum += *tally;
        }
        let total = self.steps.iter().map(|(_, _, took)| *took).sum();
        println!("{:>8}  in all, each check counted as one test\n", seconds(total));
        if sum.failed > 0 {
            let red: Vec<&str> =
                self.steps.iter().filter(|step| step.1.failed > 0).map(|step| step.0.as_str()).collect();
            println!("Failed in: {}.", red.join("; "));
        }
        println!("{sum}");
        if sum.failed > 0 { Err(Failure::Told) } else { Ok(()) }
    }
}

fn heading(name: &str) -> Instant {
    println!("\n== {name}");
    let _ = std::io::stdout().flush();
    Instant::now()
}

/// Runs a test runner and judges it by what it printed and how it ended.
fn judge(command: &mut Command, echo: &mut impl Write) -> Tally {
    match count(command, echo) {
        Ok((mut tally, success)) => {
            if !success && tally.failed == 0 {
                println!("The runner itself failed.");
                tally += Tally::ONE_FAILED;
            } else if tally.ran() == 0 {
                println!("No test was run.");
                tally += Tally::ONE_FAILED;
            }
            tally
        }
        Err(error) => {
            println!("`{}`: {error}", shown(command));
            Tally::ONE_FAILED
        }
    }
}

/// Runs a test runner, passes its lines on to `echo` and adds up its closing lines.
fn count(command: &mut Command, echo: &mut impl Write) -> std::io::Result<(Tally, bool)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        // Bytes, not strings: a test may print what is not UTF-8.
        while output.read_until(b'\n', &mut line)? > 0 {
            echo.write_all(&line)?;
            echo.flush()?;
            if let Some(closing) = Tally::from_closing_line(&String::from_utf8_lossy(&line)) {
                tally += closing;
            }
            line.clear();
        }
    }
    Ok((tally, child.wait()?.success()))
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    // What the shell prints goes to a buffer: closing lines on the terminal would be counted
    // again by whoever counts these tests.
    fn judged(script: &str) -> Tally {
        judge(&mut shell(script), &mut Vec::new())
    }

    #[test]
    fn all_closing_lines_of_one_runner_are_added_up_and_passed_on() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; echo noise; \
                      echo 'test result: ok. 3 passed; 0 failed; 1 ignored'";
        let mut echo = Vec::new();
        let tally = judge(&mut shell(script), &mut echo);
        assert_eq!(tally, Tally { passed: 5, failed: 0, skipped: 1 });
        assert!(String::from_utf8_lossy(&echo).contains("\nnoise\n"));
    }

    #[test]
    fn a_suite_without_a_test_a_crash_and_a_missing_runner_all_fail() {
        assert_eq!(judged("true"), Tally::ONE_FAILED);
        assert_eq!(judged("echo '2 passed in 0.1s'; exit 3"), Tally { passed: 2, failed: 1, skipped: 0 });
        assert_eq!(judge(&mut Command::new("no-such-test-runner"), &mut Vec::new()), Tally::ONE_FAILED);
        assert_eq!(judged("echo '2 passed in 0.1s'").failed, 0);
    }

    #[test]
    fn one_red_step_makes_the_whole_report_fail() {
        let mut report = Report::default();
        report.check("tuning", || Ok(()));
        assert!(!report.check("strings", || Err(Failure::Failed("The A string broke.".to_owned()))));
        assert!(matches!(report.finish(), Err(Failure::Told)));
        let mut report = Report::default();
        assert!(report.check("tuning", || Ok(())));
        assert!(report.finish().is_ok());
    }

    #[test]
    fn a_command_that_fails_is_named_in_the_message() {
        let failure = must("tune the drum", &mut shell("exit 7")).expect_err("it ends with 7");
        assert!(failure.to_string().starts_with("Could not tune the drum: `sh -c exit 7`"));
    }
}
