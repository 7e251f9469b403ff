"""One training step of an Elman layer in each engine, behind one interface.

`build(engine, N, T, D, H, dtype)` returns a function without arguments that does forward, backward
from a gradient at h_T, and a gradient-descent update. All engines get the same weights and data.
"""

import numpy as np

from RNN import RNN

LEARNING_RATE = 1e-4


def build(engine, N, T, D, H, dtype):
    """Return the step of `engine`, one of ENGINES, for these sizes and "float32" or "float64"."""
    return ENGINES[engine](*task(N, T, D, H, dtype))


def task(N, T, D, H, dtype):
    """Return the layer, the sequences X (N, T, D) and the gradient dH (N, H), all of one dtype."""
    layer = RNN(D, H, init="orthogonal")
    for name in ("Wx", "Wh", "bh"):
        setattr(layer, name, getattr(layer, name).astype(dtype))
    rng = np.random.default_rng(1)
    X = rng.standard_normal((N, T, D)).astype(dtype)
    dH = rng.standard_normal((N, H)).astype(dtype)
    return layer, X, dH


def ours(layer, X, dH):
    def step():
        layer.forward(X)
        layer.backward(dH)
        layer.update(LEARNING_RATE)

    return step


def floor(layer, X, dH):
    """Only what no NumPy layer can leave out: the matrix products and the tanh, arrays at hand."""
    N, T, D = X.shape
    H = layer.rnn_units
    rng = np.random.default_rng(2)
    Z = rng.standard_normal((T, N, H + D + 1)).astype(X.dtype)
    W = rng.standard_normal((H + D + 1, H)).astype(X.dtype)
    delta = rng.standard_normal((T, N, H)).astype(X.dtype)
    a, h, Wh = np.empty_like(dH), np.empty_like(dH), np.ascontiguousarray(W[:H])
    inputs, deltas = list(Z), list(delta)
    rows, columns = delta.reshape(T * N, H), Z.reshape(T * N, H + D + 1)

    def step():
        for z in inputs:
            z.dot(W, a)
            np.tanh(a, h)
        for d in deltas:
            d.dot(Wh, a)
        rows.T @ columns

    return step


def torch(layer, X, dH):
    import torch

    N = len(X)
    module = torch.nn.RNN(layer.input_size, layer.rnn_units, batch_first=True)
    module = module.to(getattr(torch, X.dtype.name))
    with torch.no_grad():
        module.weight_ih_l0.copy_(torch.from_numpy(layer.Wx))
        module.weight_hh_l0.copy_(torch.from_numpy(layer.Wh))
        module.bias_ih_l0.zero_()
        module.bias_hh_l0.zero_()
    optimizer = torch.optim.SGD(module.parameters(), LEARNING_RATE)
    X, gradient = torch.from_numpy(X), torch.from_numpy(dH / N)

    def step():
        optimizer.zero_grad()
        _, h = module(X)
        h[0].backward(gradient)
        optimizer.step()

    return step


def jax(layer, X, dH):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    N = len(X)
    weights = tuple(map(jnp.asarray, (layer.Wx, layer.Wh, layer.bh)))

    def last_state(weights, X):
        Wx, Wh, bh = weights
        inputs = jnp.einsum("ntd,hd->tnh", X, Wx) + bh.T
        h0 = jnp.zeros((N, Wh.shape[0]), X.dtype)
        return jax.lax.scan(lambda h, x: (jnp.tanh(x + h @ Wh.T), None), h0, inputs)[0]

    @jax.jit
    def train(weights, X, gradient):
        _, pull = jax.vjp(lambda weights: last_state(weights, X), weights)
        return [W - LEARNING_RATE * g for W, g in zip(weights, pull(gradient)[0], strict=True)]

    X, gradient = jnp.asarray(X), jnp.asarray(dH / N)

    def step():
        nonlocal weights
        weights = jax.block_until_ready(tuple(train(weights, X, gradient)))

    return step


ENGINES = {"ours": ours, "floor": floor, "torch": torch, "jax": jax}
