"""The notebook's own Model: whole-model gradients, stacks, and what `train` promises."""

import numpy as np
import pytest
from test_layers import numeric_gradient

from lab.checks import check_fits


def build(lab, *layers):
    model = lab.Model()
    for layer in layers:
        model.add(layer)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        for W in getattr(layer, "parameters", {}).values():
            W[:] = rng.normal(0, 0.5, W.shape)
    return model


def true_rnn(lab, D, H, **options):
    return lab.RNN(D, H, input_gradient="true", **options)


STACKS = {
    "one layer": lambda lab: [lab.RNN(2, 5), lab.Dense(5, 3)],
    "course style, 16 then 32": lambda lab: [
        lab.RNN(2, 16),
        true_rnn(lab, 16, 32),
        lab.Dense(32, 3),
    ],
    "sequence stack, 16 then 32": lambda lab: [
        lab.RNN(2, 16, return_sequences=True),
        true_rnn(lab, 16, 32),
        lab.Dense(32, 3),
    ],
    "three deep": lambda lab: [
        lab.RNN(2, 4, return_sequences=True),
        lab.Activation("tanh", None),
        true_rnn(lab, 4, 6, return_sequences=True),
        true_rnn(lab, 6, 3),
    ],
    "flatten": lambda lab: [
        lab.RNN(2, 4, return_sequences=True),
        lab.Flatten(),
        lab.Dense(20, 7),
        lab.Activation("sigmoid", None),
        lab.Dense(7, 3),
    ],
}


@pytest.mark.parametrize("stack", STACKS)
def test_mse_gradient_is_the_derivative_of_the_loss(lab, stack):
    model = build(lab, *STACKS[stack](lab))
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(4, 5, 2)), rng.normal(size=(4, 3))

    def loss():
        return lab.compute_MSE_loss(model.forward(X, training=False), Y)

    model.backward(2 * (model.forward(X) - Y), Y)
    for layer in model.layers:
        for name, W in getattr(layer, "parameters", {}).items():
            numeric = numeric_gradient(loss, W)
            scale = np.abs(numeric).max()
            # A second layer of one step starts from h_0 = 0, so its Wh alone has no gradient.
            assert scale > 1e-6 or (layer is model.layers[1] and name == "Wh")
            np.testing.assert_allclose(layer.gradients[name], numeric, atol=1e-7 * (1 + scale))


def test_cce_gradient_is_softmax_minus_labels(lab):
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 3), lab.Activation("softmax", "cce"))
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(6, 4, 2)), np.eye(3)[[0, 2, 1, 1, 0, 2]]

    def loss():  # without the course's guard against log(0), whose derivative A - Y is not
        return -np.sum(Y * np.log(model.forward(X, training=False))) / 6

    model.backward(model.forward(X), Y)
    for layer in model.layers[:2]:
        for name, W in layer.parameters.items():
            np.testing.assert_allclose(layer.gradients[name], numeric_gradient(loss, W), atol=1e-8)


def test_course_gradient_of_equal_widths_passes_down(lab):
    model = build(lab, lab.RNN(1, 4), lab.RNN(4, 4), lab.Dense(4, 1))
    rng = np.random.default_rng(3)
    model.forward(rng.normal(size=(3, 6, 1)))
    assert model.backward(rng.normal(size=(3, 1))).shape == (3, 4)


@pytest.mark.parametrize(
    ("below", "above", "words"),
    [
        (("RNN", 1, 16), ("RNN", 16, 32), "the course's dL_dX has shape"),
        (("sequences", 1, 16), ("RNN", 16, 16), 'input_gradient="true"'),
        (("RNN", 1, 16), ("Dense", 8, 1), "build it with 16"),
        (("RNN", 1, 16), ("RNN", 8, 8), "build it with 16"),
        (("sequences", 1, 16), ("Dense", 16, 1), "add Flatten"),
    ],
)
def test_what_cannot_be_stacked_says_so_when_built(lab, below, above, words):
    make = {
        "RNN": lab.RNN,
        "Dense": lab.Dense,
        "sequences": lambda D, H: lab.RNN(D, H, return_sequences=True),
    }
    model = lab.Model()
    model.add(make[below[0]](*below[1:]))
    with pytest.raises(ValueError, match=words):
        model.add(make[above[0]](*above[1:]))
    assert len(model.layers) == 1


def test_course_gradient_is_fine_at_the_bottom(lab):
    check_fits([], lab.RNN(1, 16))
    check_fits([lab.RNN(1, 16)], lab.RNN(16, 16))
    check_fits([lab.RNN(1, 16)], lab.RNN(16, 32, input_gradient="true"))


def small_task(lab, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(21, 4, 2))
    return X, X.sum(axis=1)


def test_train_is_batch_by_batch_gradient_descent(lab):
    """One epoch done by hand, the smaller last batch included, gives the same weights."""
    X, y = small_task(lab)
    models = [build(lab, lab.RNN(2, 5), lab.Dense(5, 2)) for _ in range(2)]
    models[0].train(X, y, X, y, epochs=1, learning_rate=0.1, batch_size=8)
    total = 0
    for rows in (slice(0, 8), slice(8, 16), slice(16, 21)):
        AL = models[1].forward(X[rows])
        total += np.sum((AL - y[rows]) ** 2)
        models[1].backward(2 * (AL - y[rows]))
        models[1].update(0.1)
    for a, b in zip(models[0].layers, models[1].layers, strict=True):
        for name in a.parameters:
            np.testing.assert_array_equal(a.parameters[name], b.parameters[name])
    assert models[0].train_losses == pytest.approx([total / 21], rel=1e-12)
    assert models[0].val_losses == [lab.compute_MSE_loss(models[0].predict(X), y)]


def test_clipping_shortens_the_step_and_keeps_its_direction(lab):
    X, y = small_task(lab)
    steps = []
    for clip in (None, 1e-3):
        model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))
        before = model._copy_weights()
        model.train(X, y, None, None, epochs=1, learning_rate=0.1, batch_size=21, clip_norm=clip)
        steps.append(
            np.concatenate(
                [(a - b).ravel() for a, b in zip(model._copy_weights(), before, strict=True)]
            )
        )
    assert np.linalg.norm(steps[1]) == pytest.approx(0.1 * 1e-3, rel=1e-6)
    cosine = steps[0] @ steps[1] / np.linalg.norm(steps[0]) / np.linalg.norm(steps[1])
    assert cosine == pytest.approx(1, abs=1e-9)


def test_schedule_and_epoch_data_and_seed(lab):
    X, y = small_task(lab)
    seen, draws = [], []

    def schedule(progress):
        seen.append(progress)
        return 1 - progress

    def data(rng):
        draws.append(rng.normal())
        return X + 0.1 * draws[-1], y

    runs = []
    for _ in range(2):
        model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))
        model.train(
            None, None, X, y, epochs=3, learning_rate=0.01, batch_size=7, shuffle=True,
            schedule=schedule, seed=5, epoch_data=data,
        )  # fmt: skip
        runs.append(model._copy_weights())
    assert seen[:9] == pytest.approx([i / 9 for i in range(9)])
    assert len(set(draws[:3])) == 3
    assert draws[:3] == draws[3:]
    assert model.learning_rates == pytest.approx([0.01 * (1 - i / 9) for i in (2, 5, 8)])
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_keep_best_and_patience(lab):
    X, y = small_task(lab)
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))
    # Trained towards y and validated on -y: the first epochs are the best ones.
    model.train(
        X, y, X, -y, epochs=50, learning_rate=0.05, batch_size=7, keep_best=True, patience=3
    )
    best = int(np.argmin(model.val_losses))
    assert len(model.val_losses) == best + 4 < 50
    assert lab.compute_MSE_loss(model.predict(X), -y) == min(model.val_losses)


def test_diverging_training_stops_and_keeps_the_last_whole_epoch(lab):
    X, y = small_task(lab)
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))

    def data(rng):
        if len(model.train_losses) == 2:
            return X * 1e150, y * 1e200
        return X, y

    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="diverged"):
        model.train(None, None, X, y, epochs=5, epoch_data=data)
    assert len(model.train_losses) == 2
    assert model.val_losses[-1] == lab.compute_MSE_loss(model.predict(X), y)


def test_interrupting_keeps_the_last_whole_epoch(lab):
    X, y = small_task(lab)
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))

    def schedule(progress):
        if progress > 0.5:
            raise KeyboardInterrupt
        return 1

    with pytest.raises(KeyboardInterrupt):
        model.train(X, y, X, y, epochs=4, batch_size=5, schedule=schedule)
    assert len(model.train_losses) == len(model.val_losses) == 2
    assert model.val_losses[-1] == lab.compute_MSE_loss(model.predict(X), y)


def test_prediction_does_not_depend_on_blocks(lab):
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))
    X, _ = small_task(lab)
    np.testing.assert_allclose(model.predict(X, block=4), model.forward(X), atol=1e-14)


def test_initial_cross_entropy_is_log_of_the_classes(lab):
    model = lab.Model()
    for layer in (lab.RNN(6, 16), lab.Dense(16, 3), lab.Activation("softmax", "cce")):
        model.add(layer)
    X = np.random.default_rng(4).normal(size=(30, 8, 6))
    loss = lab.compute_CCE_loss(model.predict(X), np.eye(3)[np.arange(30) % 3])
    assert loss == pytest.approx(np.log(3), abs=0.02)


def test_twenty_windows_are_learnt_by_heart(lab):
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(20, 8, 6)), np.eye(3)[rng.integers(0, 3, 20)]
    model = lab.Model()
    model.add(lab.RNN(6, 32, init="orthogonal"))
    model.add(lab.Dense(32, 3))
    model.add(lab.Activation("softmax", "cce"))
    model.train(X, Y, None, None, epochs=150, learning_rate=0.2, batch_size=5, loss_function="cce")
    assert (model.predict(X).argmax(axis=1) == Y.argmax(axis=1)).all()
    assert model.train_losses[-1] < 0.05


def test_linear_model_reaches_least_squares(lab):
    rng = np.random.default_rng(6)
    A, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    model = lab.Model()
    model.add(lab.Dense(3, 1))
    model.add(lab.Activation("linear", None))
    model.train(A, y, None, None, epochs=400, learning_rate=0.1, batch_size=40)
    design = np.hstack([A, np.ones((40, 1))])
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    found = np.vstack([model.layers[0].parameters["W"], model.layers[0].parameters["b"]])
    np.testing.assert_allclose(found, solution, atol=1e-8)


def test_a_stopped_training_goes_on_as_if_it_never_stopped(lab, tmp_path):
    X, y = small_task(lab)
    options = {"learning_rate": 0.05, "batch_size": 5, "shuffle": True, "clip_norm": 1.0}
    options |= {"schedule": lambda progress: 1 - progress, "keep_best": True, "seed": 3}
    whole, stopped, later = (build(lab, lab.RNN(2, 5), lab.Dense(5, 2)) for _ in range(3))
    whole.train(X, y, X, y, epochs=6, **options)
    calls = []

    def interrupting(progress):
        calls.append(progress)
        if progress > 0.5:
            raise KeyboardInterrupt
        return 1 - progress

    with pytest.raises(KeyboardInterrupt):
        stopped.train(X, y, X, y, epochs=6, **options | {"schedule": interrupting})
    stopped.save(tmp_path / "state.npz")
    later.load(tmp_path / "state.npz")
    assert len(later.train_losses) == 3
    later.train(X, y, X, y, epochs=6, resume=True, **options)
    assert later.train_losses == whole.train_losses
    assert later.val_losses == whole.val_losses
    for a, b in zip(whole._copy_weights(), later._copy_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_of_other_layers_is_refused(lab, tmp_path):
    build(lab, lab.RNN(2, 5), lab.Dense(5, 2)).save(tmp_path / "state.npz")
    other = build(lab, lab.RNN(2, 4), lab.Dense(4, 2))
    with pytest.raises(ValueError, match="add the same layers"):
        other.load(tmp_path / "state.npz")


def test_a_divergence_seen_in_validation_undoes_the_epoch(lab):
    X, y = small_task(lab)
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))
    before = model._copy_weights()
    with pytest.raises(FloatingPointError, match="diverged in epoch 1"):
        model.train(X, y, X, y, batch_size=21, learning_rate=1e155)
    assert model.train_losses == model.val_losses == []
    for a, b in zip(model.weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_interrupt_in_validation_undoes_the_epoch(lab):
    X, y = small_task(lab)
    whole, stopped = (build(lab, lab.RNN(2, 5), lab.Dense(5, 2)) for _ in range(2))
    options = {"epochs": 5, "learning_rate": 0.05, "batch_size": 5, "keep_best": True}
    whole.train(X, y, X, y, **options)
    predict = stopped.predict

    def interrupted(X):
        if len(stopped.train_losses) == 2:
            raise KeyboardInterrupt
        return predict(X)

    stopped.predict = interrupted
    with pytest.raises(KeyboardInterrupt):
        stopped.train(X, y, X, y, **options)
    assert len(stopped.train_losses) == len(stopped.val_losses) == 2
    stopped.predict = predict
    stopped.train(X, y, X, y, resume=True, **options)
    assert stopped.val_losses == whole.val_losses


def test_validation_may_begin_with_a_resumed_training(lab):
    X, y = small_task(lab)
    model = build(lab, lab.RNN(2, 5), lab.Dense(5, 2))
    model.train(X, y, None, None, epochs=3, learning_rate=0.05)
    model.train(X, y, X, -y, epochs=30, learning_rate=0.05, resume=True, keep_best=True, patience=3)
    best = int(np.argmin(model.val_losses))
    assert len(model.val_losses) == best + 4 < 27
    assert lab.compute_MSE_loss(model.predict(X), -y) == min(model.val_losses)


def test_a_layer_of_ones_own_fits_anywhere(lab):
    class Last:
        def forward(self, A, training=True):
            return A[:, -1]

        def backward(self, dA):
            return dA

    below = [lab.RNN(2, 4, return_sequences=True), Last()]
    check_fits(below, lab.Dense(4, 1))
