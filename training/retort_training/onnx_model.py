"""Decoders as ONNX graphs, node by node, so that other runtimes play the very weights of a model file.

Streaming graphs take `[p, l]` of one step and the state, and give the heads' pre-activations and the next state, in the same
order. Whole-clip graphs take all steps at once. The recurrent step is written in matrix products, which runtimes can quantise.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .cnn import DILATIONS, KERNEL

OPSET = 18
HEADS = ("amplitude", "harmonics", "noise")


class Graph:
    """Nodes and constants under construction."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], {}, 0

    def constant(self, values, name: str | None = None) -> str:
        values = np.ascontiguousarray(values)
        name = name or f"c{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(values, name)
        return name

    def __call__(self, op: str, *inputs: str, outputs: int = 1, name: str | None = None, **attributes):
        self.count += 1
        names = [name or f"t{self.count}"] if outputs == 1 else [f"t{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def model(self, inputs: dict[str, tuple], outputs: dict[str, tuple]) -> onnx.ModelProto:
        info = lambda named: [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in named.items()]  # noqa: E731
        graph = helper.make_graph(self.nodes, "decoder", info(inputs), info(outputs), list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model)
        return model


def _heads(weights: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    join = lambda part: np.concatenate([weights[f"head.{head}.{part}"] for head in HEADS])  # noqa: E731
    return join("weight"), join("bias")


def _product(g: Graph, x: str, weight: np.ndarray, bias: np.ndarray, name: str | None = None) -> str:
    return g("Add", g("MatMul", x, g.constant(weight.T)), g.constant(bias), name=name)


def _mlp(g: Graph, weights: dict, mlp: str, x: str) -> str:
    for layer in range(3):
        part = lambda name: weights[f"{mlp}.{layer}.{name}"]  # noqa: B023, E731
        y = _product(g, x, part("linear.weight"), part("linear.bias"))
        y = g("LayerNormalization", y, g.constant(part("norm.weight")), g.constant(part("norm.bias")), axis=-1, epsilon=1e-5)
        x = g("LeakyRelu", y, alpha=0.01)
    return x


def _branches(g: Graph, weights: dict, x: str) -> str:
    p, l = g("Split", x, outputs=2, axis=-1, num_outputs=2)
    return g("Concat", _mlp(g, weights, "f0_mlp", p), _mlp(g, weights, "loudness_mlp", l), axis=-1)


def recurrent(weights: dict[str, np.ndarray], steps: int) -> onnx.ModelProto:
    """Streaming for one step (`x [1, 2]`, `h [1, H]`), else a whole clip (`x [steps, 2]`) with the GRU as one node."""
    g = Graph()
    hidden = weights["gru.weight_hh"].shape[1]
    head_weight, head_bias = _heads(weights)
    width = len(head_bias)
    uv = _branches(g, weights, "x")
    if steps == 1:
        a = _product(g, uv, weights["gru.weight_ih"], weights["gru.bias_ih"])
        b = _product(g, "h", weights["gru.weight_hh"], weights["gru.bias_hh"])
        ar, az, an = g("Split", a, outputs=3, axis=-1, num_outputs=3)
        br, bz, bn = g("Split", b, outputs=3, axis=-1, num_outputs=3)
        r, z = g("Sigmoid", g("Add", ar, br)), g("Sigmoid", g("Add", az, bz))
        n = g("Tanh", g("Add", an, g("Mul", r, bn)))
        h = g("Add", n, g("Mul", z, g("Sub", "h", n)), name="h_next")
    else:
        # ONNX has the gates in the order z, r, n.
        order = lambda m: np.concatenate([m[hidden : 2 * hidden], m[:hidden], m[2 * hidden :]])[None]  # noqa: E731
        bias = np.concatenate([order(weights["gru.bias_ih"]), order(weights["gru.bias_hh"])], 1)
        three = g("Reshape", uv, g.constant(np.array([steps, 1, 2 * hidden])))
        y = g("GRU", three, g.constant(order(weights["gru.weight_ih"])), g.constant(order(weights["gru.weight_hh"])), g.constant(bias), hidden_size=hidden, linear_before_reset=1)
        h = g("Reshape", y, g.constant(np.array([steps, hidden])))
    y = _mlp(g, weights, "out_mlp", g("Concat", h, "x", axis=-1))
    _product(g, y, head_weight, head_bias, name="y")
    if steps == 1:
        return g.model({"x": (1, 2), "h": (1, hidden)}, {"y": (1, width), "h_next": (1, hidden)})
    return g.model({"x": (steps, 2)}, {"y": (steps, width)})


def convolutional(weights: dict[str, np.ndarray], steps: int) -> onnx.ModelProto:
    """Streaming for one step (`x [1, 2, 1]` and each layer's past), else a whole clip (`x [1, 2, steps]`)."""
    g = Graph()
    head_weight, head_bias = _heads(weights)
    width, channels = len(head_bias), weights["conv.input.weight"].shape[0]
    inputs, outputs = {"x": (1, 2, steps)}, {"y": (1, width, steps)}

    def convolution(x: str, name: str, dilation: int, n_in: int) -> str:
        reach = (KERNEL - 1) * dilation
        if steps == 1:
            inputs[f"past_{name}"] = outputs[f"next_{name}"] = (1, n_in, reach)
            x = g("Concat", f"past_{name}", x, axis=2)
            ends = [g.constant(np.array([i])) for i in (1, reach + 1, 2)]
            g("Slice", x, *ends, name=f"next_{name}")
        else:
            x = g("Pad", x, g.constant(np.array([0, 0, reach, 0, 0, 0])))
        weight, bias = (g.constant(weights[f"conv.{name}.{part}"]) for part in ("weight", "bias"))
        return g("Conv", x, weight, bias, dilations=[dilation], kernel_shape=[KERNEL])

    x = convolution("x", "input", 1, 2)
    low, high = g.constant(np.float32(0)), g.constant(np.float32(6))
    for layer, dilation in enumerate(DILATIONS):
        x = g("Add", x, convolution(g("Clip", x, low, high), str(layer), dilation, channels))
    g("Conv", x, g.constant(head_weight[:, :, None]), g.constant(head_bias), kernel_shape=[1], name="y")
    return g.model(inputs, outputs)


def empty(streaming: bytes) -> bytes:
    """A model with the inputs and outputs of a streaming one that only copies what comes in: what a call costs by itself."""
    graph = onnx.load_from_string(streaming).graph
    shapes = lambda infos: {i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim) for i in infos}  # noqa: E731
    inputs, outputs = shapes(graph.input), shapes(graph.output)
    g = Graph()
    (x, *past), (y, *following) = inputs, outputs
    for before, after in zip(past, following):
        g("Identity", before, name=after)
    g("Identity", x, name=y)
    return g.model(inputs, outputs | {y: inputs[x]}).SerializeToString()
