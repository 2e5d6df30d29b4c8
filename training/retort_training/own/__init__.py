"""A person's own instrument: a folder of recordings becomes a model in that person's model folder.

In: any audio files. Out: `<models>/<instrument>/<variant>.safetensors` with the instrument's room and `report.html`, and a work folder
with everything that is needed to go on.

The modules follow the path of the sound: `sound` finds and decodes, `evidence` tells steady single notes from chords, speech and noise,
`condition` looks for faults of the recording, `survey` says what there is and whether it is enough, `cache` keeps what was measured, `material` holds some of it
out and makes tapes of the rest, `stages` says what is trained for how long, `project` keeps the work folder and `mend` its checkpoints, `publish` proves a model and
puts it into place, `shelf` knows what is in place, `page` writes the report, `progress` draws the bar, `interrupt` hears who wants it to end, `sitting` trains, and
`command` puts them in a row. Training itself is that of the package: `train`, `crops`, `teacher`, `export`.
"""


class OwnError(Exception):
    """What a musician can do something about; the message says what."""
