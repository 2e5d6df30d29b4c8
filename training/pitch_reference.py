"""Makes tests/pitch_reference.csv: the sounding pitch of every single note of a folder of recordings.

    python training/pitch_reference.py FOLDER tests/pitch_reference.csv

FOLDER holds `index.csv` (columns file, instrument, source, note, midi, style) and the files that it names. Two methods
that share nothing with Retort's own tracker, nor with each other, measure each file:

- a: SwiftF0, a small neural network, where the label lies in its range (47 to 2090 Hz); elsewhere the harmonic comb on
  the long-term spectrum that `comb_hz` computes;
- b: the normalised autocorrelation of long windows, `autocorrelation_hz`.

Each method's frames are folded by whole octaves towards the label, since the label is the authority on the octave, and
the file's value is their median over the frames within 30 dB of the loudest. Where the two differ by more than 20 cents, or
both are more than 150 cents off the label, the file is marked `no` in the column `agreed`. The reference `f0_hz` is the
geometric mean of both. `octave_a` and `octave_b` are the octaves by which a method's own median was off the label.
"""

import argparse
import csv
import multiprocessing
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import soundfile

HOP_S = 0.010
DETECTOR = None


def frames_level_db(signal, rate, centres_s, window_s=0.030):
    """Power of a window around each centre, in dB."""
    power = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    lo = np.clip(((centres_s - window_s / 2) * rate).astype(int), 0, len(signal))
    hi = np.clip(((centres_s + window_s / 2) * rate).astype(int), 0, len(signal))
    return 10 * np.log10((power[hi] - power[lo]) / np.maximum(hi - lo, 1) + 1e-12)


def autocorrelation_hz(signal, rate, label_hz):
    """Pitch per HOP_S by the normalised autocorrelation of windows of at least 6 periods: (centres in s, Hz or nan)."""
    window = int(rate * max(0.060, 6 / label_hz))
    longest = window // 2
    size = 1 << int(np.ceil(np.log2(2 * window)))
    starts = np.arange(0, max(1, len(signal) - window), int(rate * HOP_S))
    pitches = np.full(len(starts), np.nan)
    for i, start in enumerate(starts):
        piece = signal[start : start + window].astype(np.float64)
        if len(piece) < window:
            continue
        piece = piece - piece.mean()
        # An eightfold oversampled autocorrelation: the power spectrum, padded with zeros, transformed back.
        power = np.abs(np.fft.rfft(piece, size)) ** 2
        power[int(size * 6000 / rate) :] = 0
        oversampled = np.fft.irfft(np.concatenate([power, np.zeros(size // 2 * 7)]), size * 8) * 8
        correlation = oversampled[: longest * 8]
        lags = np.arange(len(correlation)) / 8
        squares = np.concatenate([[0.0], np.cumsum(piece**2)])
        head = np.interp(window - lags, np.arange(window + 1), squares)
        tail = squares[-1] - np.interp(lags, np.arange(window + 1), squares)
        nacf = correlation / np.sqrt(np.maximum(head * tail, 1e-20))
        peaks = np.flatnonzero((nacf[1:-1] > nacf[:-2]) & (nacf[1:-1] >= nacf[2:])) + 1
        peaks = peaks[lags[peaks] >= rate / 4000]
        if len(peaks) == 0 or nacf[peaks].max() < 0.6:
            continue
        first = peaks[nacf[peaks] >= 0.93 * nacf[peaks].max()][0]
        lag = lags[first]
        # The last multiple of the period that is still clear measures it most finely.
        multiple = 1
        for m in range(2, int(longest / lag)):
            near = peaks[np.abs(lags[peaks] - m * lag) < 0.2 * lag]
            if len(near) == 0 or nacf[near].max() < 0.9 * nacf[first]:
                break
            lag = lags[near[np.argmax(nacf[near])]] / m
            multiple = m
            if multiple * lag > 0.030 * rate:
                break
        pitches[i] = rate / lag
    return (starts + window / 2) / rate, pitches


def comb_hz(signal, rate, label_hz):
    """One pitch for the file: the comb of harmonics, between half and twice the label, that its spectrum fits best."""
    window = min(len(signal), int(rate * 0.4))
    size = 1 << int(np.ceil(np.log2(window * 4)))
    taper = np.hanning(window)
    total = np.zeros(size // 2 + 1)
    for start in range(0, len(signal) - window + 1, max(1, window // 2)):
        total += np.abs(np.fft.rfft(signal[start : start + window] * taper, size)) ** 2
    magnitude = total**0.25
    candidates = label_hz * 2 ** np.linspace(-1.1, 1.1, 5281)
    score = np.zeros(len(candidates))
    bins = np.arange(len(magnitude)) * rate / size
    for h in range(1, 13):
        usable = candidates * (h + 0.5) < 0.46 * rate
        on = np.interp(candidates * h, bins, magnitude)
        off = np.interp(candidates * (h - 0.5), bins, magnitude)
        score += np.where(usable, (on - off) / np.sqrt(h), 0)
    return candidates[np.argmax(score)]


def fold(pitches_hz, label_hz):
    return pitches_hz * 2.0 ** -np.round(np.log2(pitches_hz / label_hz))


def measure(task):
    folder, row = task
    global DETECTOR
    if DETECTOR is None:
        import swift_f0

        DETECTOR = swift_f0.SwiftF0(threads=1, spin=False)
    signal, rate = soundfile.read(os.path.join(folder, row["file"]), dtype="float32")
    label_hz = 440 * 2 ** ((float(row["midi"]) - 69) / 12)

    times, pitches = autocorrelation_hz(signal, rate, label_hz)
    level = frames_level_db(signal, rate, times)
    keep = np.isfinite(pitches) & (level > level.max() - 30)
    b_hz = np.median(fold(pitches[keep], label_hz)) if keep.any() else np.nan
    octave_b = np.round(np.log2(np.median(pitches[keep]) / label_hz)) if keep.any() else np.nan

    if 50 <= label_hz <= 2000:
        result = DETECTOR.detect(signal, rate)
        times, pitches = np.asarray(result.timestamps), np.asarray(result.pitch_hz)
        level = frames_level_db(signal, rate, times)
        keep = (np.asarray(result.confidence) > 0.5) & (level > level.max() - 30)
        method = "swiftf0"
        a_hz = np.median(fold(pitches[keep], label_hz)) if keep.any() else np.nan
        octave_a = np.round(np.log2(np.median(pitches[keep]) / label_hz)) if keep.any() else np.nan
    else:
        method = "comb"
        found = comb_hz(signal, rate, label_hz)
        a_hz, octave_a = fold(found, label_hz), np.round(np.log2(found / label_hz))

    def cents(x, y):
        return 1200 * np.log2(x / y)

    agreed = abs(cents(a_hz, b_hz)) <= 20 and min(abs(cents(a_hz, label_hz)), abs(cents(b_hz, label_hz))) <= 150
    return [row["file"], row["instrument"], row["midi"], f"{np.sqrt(a_hz * b_hz):.3f}", method, f"{a_hz:.3f}",
            f"{b_hz:.3f}", f"{octave_a:.0f}", f"{octave_b:.0f}", "yes" if agreed else "no"]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("output")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--every", type=int, default=1, help="measure every n-th file only, to try things out")
    options = parser.parse_args()
    with open(os.path.join(options.folder, "index.csv"), newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["midi"] and "phrase" not in row["style"]]
    tasks = [(options.folder, row) for row in rows[:: options.every]]
    with multiprocessing.Pool(options.processes) as pool, open(options.output, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("file,instrument,midi,f0_hz,method_a,a_hz,b_hz,octave_a,octave_b,agreed".split(","))
        for done, row in enumerate(pool.imap(measure, tasks), 1):
            writer.writerow(row)
            print(f"\r{done} of {len(tasks)} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
