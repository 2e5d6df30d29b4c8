"""The recurrence of the GRU over time, forward and backward, without a graph node per step.

Gate order and formulas are PyTorch's. The products of the input (`gates_x`) come from outside as one large matrix
product; only what depends on the previous state is done step by step. `gates` keeps what the backward pass needs.
"""

import math

import numba
import numpy as np
import torch

_FAST = {"contract", "reassoc", "nsz", "arcp"}


@numba.njit(cache=True, fastmath=_FAST)
def _step(gates_x, gates_h, before, r, z, n, after):
    """One step for one voice: `gates_x`, `gates_h` `[3H]`, the rest `[H]`."""
    size = before.shape[0]
    one = np.float32(1.0)
    for i in range(size):
        r[i] = one / (one + math.exp(-(gates_x[i] + gates_h[i])))
        z[i] = one / (one + math.exp(-(gates_x[size + i] + gates_h[size + i])))
    for i in range(size):
        n[i] = math.tanh(gates_x[2 * size + i] + r[i] * gates_h[2 * size + i])
        after[i] = (one - z[i]) * n[i] + z[i] * before[i]


@numba.njit(cache=True)
def _forward(gates_x, weight_t, bias, first, states, r, z, n, hidden_n):
    steps, voices, _ = gates_x.shape
    size = first.shape[1]
    before = first.copy()
    for t in range(steps):
        gates_h = np.dot(before, weight_t) + bias
        for b in range(voices):
            hidden_n[t, b] = gates_h[b, 2 * size :]
            _step(gates_x[t, b], gates_h[b], before[b], r[t, b], z[t, b], n[t, b], states[t, b])
        before[:] = states[t]


@numba.njit(cache=True, fastmath=_FAST)
def _step_back(grad, before, r, z, n, hidden_n, grad_x, grad_h, passed):
    """Gradients of one step for one voice; `passed` is what goes straight to the state before."""
    size = before.shape[0]
    one = np.float32(1.0)
    for i in range(size):
        to_n = grad[i] * (one - z[i]) * (one - n[i] * n[i])
        to_z = grad[i] * (before[i] - n[i]) * z[i] * (one - z[i])
        to_r = to_n * hidden_n[i] * r[i] * (one - r[i])
        grad_x[i], grad_x[size + i], grad_x[2 * size + i] = to_r, to_z, to_n
        grad_h[i], grad_h[size + i], grad_h[2 * size + i] = to_r, to_z, to_n * r[i]
        passed[i] = grad[i] * z[i]


@numba.njit(cache=True)
def _backward(grad_states, weight, first, states, r, z, n, hidden_n, grad_x, grad_h):
    steps, voices, size = states.shape
    carried = np.zeros((voices, size), np.float32)
    for t in range(steps - 1, -1, -1):
        before = states[t - 1] if t > 0 else first
        grad = grad_states[t] + carried
        for b in range(voices):
            _step_back(grad[b], before[b], r[t, b], z[t, b], n[t, b], hidden_n[t, b], grad_x[t, b], grad_h[t, b], carried[b])
        carried += np.dot(grad_h[t], weight)


class _GruScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates_x, weight, bias, first):
        steps, voices, triple = gates_x.shape
        arrays = [np.empty((steps, voices, triple // 3), np.float32) for _ in range(5)]
        plain = np.ascontiguousarray(weight.detach().numpy())
        start = np.ascontiguousarray(first.detach().numpy())
        _forward(gates_x.detach().contiguous().numpy(), np.ascontiguousarray(plain.T), bias.detach().numpy(), start, *arrays)
        ctx.saved = (plain, start, arrays)
        return torch.from_numpy(arrays[0])

    @staticmethod
    def backward(ctx, grad_states):
        weight, first, (states, r, z, n, hidden_n) = ctx.saved
        steps, voices, size = states.shape
        grad_x = np.empty((steps, voices, 3 * size), np.float32)
        grad_h = np.empty_like(grad_x)
        _backward(np.ascontiguousarray(grad_states.numpy()), weight, first, states, r, z, n, hidden_n, grad_x, grad_h)
        before = np.concatenate([first[None], states[:-1]]).reshape(-1, size)
        flat = torch.from_numpy(grad_h.reshape(-1, 3 * size))
        return torch.from_numpy(grad_x), flat.T @ torch.from_numpy(before), flat.sum(0), None


def gru_scan(gates_x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """States `[steps, voices, H]` from `gates_x` `[steps, voices, 3H]` (input products with their bias), the recurrent
    `weight` `[3H, H]` and `bias` `[3H]`, and the state before the first step `[voices, H]` (no gradient)."""
    return _GruScan.apply(gates_x, weight, bias, first)
