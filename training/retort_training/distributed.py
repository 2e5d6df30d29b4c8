"""Several graphics processors: one process each, started by PyTorch's own launcher (`torchrun`), which says who is who in the environment.

Every process draws crops of its own; gradients are averaged, so that all hold the same weights at every step. The first one looks at the
held-out passages, writes and speaks.
"""

import os

import torch
from torch import distributed


def join(device: str) -> str:
    """Joins the others if there are any; returns the device of this process."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return device
    own = device
    if device.startswith("cuda"):
        own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return own


def leave() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank() -> int:
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this process writes and speaks."""
    return rank() == 0


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """The mean over all processes takes the place of each gradient."""
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients])):
        gradient.copy_(mean.view_as(gradient))


def agreed(value: float, device: str) -> float:
    """What the first process says."""
    if not distributed.is_initialized():
        return value
    said = torch.tensor([value], dtype=torch.float64, device=device)
    distributed.broadcast(said, 0)
    return float(said)


def wait() -> None:
    """Until all have come so far."""
    if distributed.is_initialized():
        distributed.barrier()
