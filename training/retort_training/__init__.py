"""Makes Retort's models.

In: recordings (any rate, mono), their licences, and the frames that `retort features` measures in them.
Out: `models/<instrument>/<variant>.safetensors`, the instrument's room, and the scores in `models/REPORT.md`.

The modules follow the path of the sound: `features` and `sources` read, `split` says what is never trained on,
`gru` decodes frames to controls, `synth` (with `harmonic_kernel`, `noise`, `room`) turns controls into audio,
`loss` compares, `train` repeats, `export` writes. `evaluate` scores what the real `retort` plays of `held_out` recordings (`systems`, `hearing`, `metrics`), between the
`anchor` and the `oracle`; `transfer` plays other instruments; `report` and `listen` show it. `own` does all of it for a person's own folder of recordings.
"""

# What every model of this package shares; each value is also written into the model file.
SAMPLE_RATE_HZ = 32_000
BANDWIDTH_HZ = 15_500.0
FRAME_RATE_HZ = 250
HOP = SAMPLE_RATE_HZ // FRAME_RATE_HZ
LOUDNESS_FLOOR_DB = -80.0
ANALYSIS_VERSION = 1
FORMAT_VERSION = 1
