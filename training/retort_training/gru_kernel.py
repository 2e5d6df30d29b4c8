"""The recurrence of the GRU over time, forward and backward, without a graph node per operation.

Gate order and formulas are PyTorch's. The products of the input (`gates_x`) come from outside as one large matrix
product; a step does only what depends on the state before: one product and a few calls into buffers that exist already.
In the backward pass everything that does not depend on the gradient is made for all steps at once.
"""

import torch


class _GruScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, gates_x, weight, bias, first):
        steps, voices, triple = gates_x.shape
        size = triple // 3
        states = gates_x.new_empty(steps, voices, size)
        reset_update = gates_x.new_empty(steps, voices, 2 * size)
        candidate = torch.empty_like(states)
        hidden = torch.empty_like(states)
        gates_h = gates_x.new_empty(voices, triple)
        weight_t = weight.t().contiguous()
        before = first
        for t in range(steps):
            torch.addmm(bias, before, weight_t, out=gates_h)
            torch.add(gates_x[t, :, : 2 * size], gates_h[:, : 2 * size], out=reset_update[t]).sigmoid_()
            hidden[t] = gates_h[:, 2 * size :]
            torch.addcmul(gates_x[t, :, 2 * size :], reset_update[t, :, :size], hidden[t], out=candidate[t]).tanh_()
            before = torch.lerp(candidate[t], before, reset_update[t, :, size:], out=states[t])
        ctx.save_for_backward(weight, first, states, reset_update, candidate, hidden)
        return states

    @staticmethod
    def backward(ctx, grad_states):
        weight, first, states, reset_update, candidate, hidden = ctx.saved_tensors
        steps, voices, size = states.shape
        reset, update = reset_update.split(size, dim=-1)
        before = torch.cat([first[None], states[:-1]])
        to_candidate = (1.0 - update) * (1.0 - candidate * candidate)
        to_update = (before - candidate) * update * (1.0 - update)
        to_reset = to_candidate * hidden * reset * (1.0 - reset)
        # What a gradient of a state is multiplied by on its way to the three recurrent gates.
        factors = torch.stack([to_reset, to_update, to_candidate * reset], dim=2)
        grads = torch.empty_like(states)
        grad_h = torch.empty_like(factors)
        carried = torch.zeros_like(first)
        straight = torch.empty_like(first)
        for t in range(steps - 1, -1, -1):
            grad = torch.add(grad_states[t], carried, out=grads[t])
            torch.mul(factors[t], grad[:, None], out=grad_h[t])
            torch.mul(grad, update[t], out=straight)
            torch.addmm(straight, grad_h[t].view(voices, -1), weight, out=carried)
        grad_h = grad_h.view(steps, voices, -1)
        grad_x = torch.cat([grad_h[..., : 2 * size], grads * to_candidate], -1)
        flat = grad_h.view(steps * voices, -1)
        return grad_x, flat.t() @ before.view(-1, size), flat.sum(0), None


def gru_scan(gates_x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """States `[steps, voices, H]` from `gates_x` `[steps, voices, 3H]` (input products with their bias), the recurrent
    `weight` `[3H, H]` and `bias` `[3H]`, and the state before the first step `[voices, H]` (no gradient)."""
    return _GruScan.apply(gates_x, weight, bias, first)
