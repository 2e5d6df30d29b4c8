"""A model file becomes a run again: what ships goes on learning where its checkpoints are gone, or teaches students.

A file holds less than a checkpoint. Weights come back as they were rounded (f16; `full` 8 bits), and without what the export added in level; the normalisation of convolutional decoders, merged into
their weights, stays the constant that it was; the optimiser begins anew. Of the rooms there is the reference source's. It stays as it is, since every model of the instrument plays in it; other
sources begin with the levels that the file names and learn their rooms again.
"""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from . import cnn, systems
from .export import SCALE, louder, read_model, room_source
from .instruments import INSTRUMENTS
from .room import Rooms
from .train import PLANS, Run, plan_for

# Of a folder of models.
SUFFIX = ".safetensors"


def load(path: Path, instrument: str, device: str = "cpu") -> Run:
    """The run of a checkpoint, or the one that a model file of the instrument begins. Raises `ValueError` for what is neither."""
    return from_model(path, instrument, device=device) if path.suffix == SUFFIX else Run.load(path, device=device)


def rooms_of(path: Path, instrument: str, device: str = "cpu", sources: list[str] | None = None) -> dict[str, torch.Tensor]:
    """The rooms of a checkpoint, or of a model file, to be taken over as they are.

    A file knows the reference's room alone: raises `ValueError` where other `sources` (all of the instrument's if `None`) are to be heard, too.
    """
    run = load(path, instrument, device)
    others = [s for s in sources or run.rooms.sources if s != run.rooms.sources[0]]
    if path.suffix == SUFFIX and others:
        raise ValueError(f"{path} knows the room of {run.rooms.sources[0]}, and not that of {', '.join(others)}: train on {run.rooms.sources[0]} alone, with --sources")
    return run.averaged_rooms()


def from_model(path: Path, instrument: str, variant: str | None = None, changes: dict | None = None, device: str = "cpu") -> Run:
    """A run at step 0 with the weights of the model file `path` of an instrument, and the room beside it.

    `variant`: what it becomes, where that is not what it was (a `reduced` becomes a `reduced-ad`); `changes` replace fields of its plan.
    Raises `ValueError` where the file is no model of this instrument, or one that cannot become what is asked for.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not there, or not a file: it should be a model file")
    try:
        tensors, metadata = read_model(path)
        kind, training = (metadata["instrument"], metadata["variant"]), metadata["training"]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a model file, or a damaged one ({error})") from error
    if kind[0] != instrument:
        raise ValueError(f"{path} is a model of the {kind[0]}, and not of the {instrument}")
    if kind[1] not in PLANS:
        raise ValueError(f"{path} is a {kind[1]}: of a model in 8 bits, name the one that it was made from; those that can learn are {', '.join(PLANS)}")
    plan = replace(plan_for(variant or kind[1], INSTRUMENTS[instrument]), **(changes or {}))
    rooms = Rooms(INSTRUMENTS[instrument].source_names())
    set_rooms(rooms, path.parent / f"{systems.ROOM}{SUFFIX}", training.get("level_offsets_db", {}))
    # With the reference alone there is nothing left to learn of rooms.
    alone = len(rooms.sources) == 1
    run = Run(plan, rooms.sources, rooms.state_dict() if alone else None, device, keep_reference=not alone)
    run.rooms.load_state_dict(rooms.state_dict())
    try:
        set_weights(run.decoder, louder(tensors, -training.get("trim_db", 0.0)))
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{path} is a {kind[1]} of another shape than {instrument}/{plan.variant}") from error
    run.average = {k: v.clone() for k, v in run.weights().items()}
    run.earlier = (training["steps"], training["minutes"])
    return run


def set_weights(decoder: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """The weights of a model file into a decoder of its shape. Raises `KeyError` or `RuntimeError` where they do not fit."""
    wide = {k: v.float() for k, v in tensors.items() if not k.endswith(SCALE)}
    for name in wide:
        if name + SCALE in tensors:
            wide[name] = wide[name] * tensors[name + SCALE].float().reshape(-1, *[1] * (wide[name].dim() - 1))
    if isinstance(decoder, cnn.Decoder):
        decoder.unfold(wide)
    else:
        decoder.load_state_dict(wide)


def set_rooms(rooms: Rooms, path: Path, levels_db: dict[str, float]) -> None:
    """The room file `path` becomes the reference's room, and the other sources' levels are set. Raises `ValueError` for another reference's room."""
    if not path.exists():
        raise ValueError(f"{path} is not there: a model goes on learning in its own room")
    try:
        source, response = room_source(path), torch.from_numpy(systems.room_response(path))
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a room file, or a damaged one ({error})") from error
    if source != rooms.sources[0]:
        raise ValueError(f"{path} is the room of {source}, where the reference is {rooms.sources[0]}")
    if response.shape != rooms.taps[0].shape:
        raise ValueError(f"{path} holds {tuple(response.shape)} samples, where a room has {rooms.taps.shape[1]}")
    with torch.no_grad():
        rooms.taps[0].copy_(response)
        # An envelope that is 1 to the last bit throughout: what is in the file is the response itself.
        rooms.log_decay[0] = 30.0
        for i, name in enumerate(rooms.sources):
            rooms.offset_db[i] = levels_db.get(name, 0.0)
