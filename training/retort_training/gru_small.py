"""The recurrence of a narrow GRU, compiled: below a width of some 64 the calls of `gru_kernel` cost more than their work."""

import math

import numba
import numpy as np
import torch


@numba.njit(cache=True, fastmath=True)
def _forward(gates_x, weight_t, bias, first, states, reset, update, candidate, hidden):
    steps, voices, size = states.shape
    product = np.empty(3 * size, np.float32)
    for v in range(voices):
        before = first[v].copy()
        for t in range(steps):
            product[:] = bias
            for j in range(size):
                for i in range(3 * size):
                    product[i] += weight_t[j, i] * before[j]
            for i in range(size):
                r = np.float32(1.0) / (np.float32(1.0) + math.exp(-(gates_x[t, v, i] + product[i])))
                z = np.float32(1.0) / (np.float32(1.0) + math.exp(-(gates_x[t, v, size + i] + product[size + i])))
                n = math.tanh(gates_x[t, v, 2 * size + i] + r * product[2 * size + i])
                reset[t, v, i], update[t, v, i], candidate[t, v, i] = r, z, n
                hidden[t, v, i] = product[2 * size + i]
                before[i] = n + z * (before[i] - n)
                states[t, v, i] = before[i]


@numba.njit(cache=True, fastmath=True)
def _backward(grad_states, weight, to_reset, to_update, to_hidden, update, grads, grad_h):
    steps, voices, size = grads.shape
    carried = np.empty(size, np.float32)
    for v in range(voices):
        carried[:] = 0.0
        for t in range(steps - 1, -1, -1):
            for i in range(size):
                grad = grad_states[t, v, i] + carried[i]
                grads[t, v, i] = grad
                grad_h[t, v, i] = to_reset[t, v, i] * grad
                grad_h[t, v, size + i] = to_update[t, v, i] * grad
                grad_h[t, v, 2 * size + i] = to_hidden[t, v, i] * grad
                carried[i] = grad * update[t, v, i]
            for j in range(3 * size):
                pull = grad_h[t, v, j]
                for i in range(size):
                    carried[i] += pull * weight[j, i]


class _SmallGruScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates_x, weight, bias, first):
        steps, voices, triple = gates_x.shape
        size = triple // 3
        states, reset, update, candidate, hidden = (gates_x.new_empty(steps, voices, size) for _ in range(5))
        arrays = (gates_x.contiguous(), weight.t().contiguous(), bias, first, states, reset, update, candidate, hidden)
        _forward(*(a.detach().numpy() for a in arrays))
        ctx.save_for_backward(weight, first, states, reset, update, candidate, hidden)
        return states

    @staticmethod
    def backward(ctx, grad_states):
        weight, first, states, reset, update, candidate, hidden = ctx.saved_tensors
        size = states.shape[-1]
        before = torch.cat([first[None], states[:-1]])
        to_candidate = (1.0 - update) * (1.0 - candidate * candidate)
        to_update = (before - candidate) * update * (1.0 - update)
        to_reset = to_candidate * hidden * reset * (1.0 - reset)
        grads, grad_h = torch.empty_like(states), states.new_empty(*states.shape[:2], 3 * size)
        arrays = (grad_states.contiguous(), weight, to_reset, to_update, to_candidate * reset, update, grads, grad_h)
        _backward(*(a.detach().contiguous().numpy() if a is not grads and a is not grad_h else a.numpy() for a in arrays))
        grad_x = torch.cat([grad_h[..., : 2 * size], grads * to_candidate], -1)
        flat = grad_h.reshape(-1, 3 * size)
        return grad_x, flat.t() @ before.reshape(-1, size), flat.sum(0), None


def small_gru_scan(gates_x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """As `gru_kernel.gru_scan`, in float32."""
    return _SmallGruScan.apply(gates_x, weight, bias, first)
