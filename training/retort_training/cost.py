"""What playing a model costs this machine, as `retort bench` measures it. Kept beside the scores, since it takes a quiet machine."""

import hashlib
import json
import os
import platform
import subprocess
from datetime import date
from pathlib import Path

from . import ANALYSIS_VERSION
from .export import read_model


def retort_version(retort: str) -> str:
    """The program's version and that of its analysis: what the sound of its frames depends on."""
    version = subprocess.run([retort, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{version}, analysis {ANALYSIS_VERSION}"


def processor() -> str:
    """The processor's name where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def bench(retort: str, models: Path, model_id: str) -> dict | None:
    """Microseconds per frame of the decoder and times real time of a voice; none, with a warning, if `retort bench` will not."""
    done = subprocess.run(
        [retort, "bench", "--json", "--model", model_id],
        capture_output=True,
        text=True,
        env=os.environ | {"RETORT_MODELS": str(models)},
    )
    if done.returncode != 0:
        print(f"warning: retort bench of {model_id}: {done.stderr.strip() or done.returncode}", flush=True)
        return None
    return read_bench(json.loads(done.stdout), model_id)


def read_bench(table: dict, model_id: str) -> dict | None:
    """One model's lines of `retort bench --json`."""
    decoder = next((d for d in table["decoder"] if d["id"] == model_id), None)
    if decoder is None:
        return None
    voices = {v["source"]: v["x_realtime"] for v in table["voice"] if v["id"] == model_id and v["voices"] == 1}
    return {
        "decoder_us_per_frame": round(decoder["us_per_frame"], 3),
        "decoder_x_realtime": round(decoder["x_realtime"], 1),
        "simd": decoder["simd"],
        "precision": decoder["precision"],
        "voice_x_realtime": {source: round(value, 1) for source, value in voices.items()},
    }


def keep(retort: str, models: Path, instruments: list[str], path: Path, force: bool) -> None:
    """Writes what models cost into `path`: measures each shape that was not measured yet with this build of `retort`."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    # Kernels become faster without the version saying so.
    build = hashlib.sha256(Path(retort).read_bytes()).hexdigest()[:16]
    # Weights of other values cost the same, so one of each shape is measured.
    measured = {} if force else {figures["key"]: figures for figures in kept.values()}
    for name in instruments:
        for file in sorted((models / name).glob("*.safetensors")):
            if file.stem == "room":
                continue
            model_id = f"{name}/{file.stem}"
            m = read_model(file)[1]
            key = f"{build} {json.dumps(m['architecture'], sort_keys=True)} {m['precision']} {m['n_harmonics']} {m['n_noise_bands']}"
            if key not in measured and (found := bench(retort, models, model_id)):
                measured[key] = {"key": key, "of": model_id, "date": date.today().isoformat(), "processor": processor(), **found}
                print(f"{model_id}: {found['decoder_us_per_frame']} us a frame", flush=True)
            if key in measured:
                kept[model_id] = measured[key]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
