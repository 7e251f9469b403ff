"""The scorer's exact continuation, against sinusoids whose next value is known."""

import numpy as np
import pytest

from data.simulate import sine_waves
from tools.score import exact_continuation, mape


def test_exact_continuation():
    waves = sine_waves(np.random.default_rng(11))
    np.testing.assert_allclose(
        exact_continuation(waves[:, :-1]), waves[:, -1:], rtol=1e-10, atol=1e-12
    )


def test_what_is_no_sinusoid_is_refused():
    waves = sine_waves(np.random.default_rng(11))[:3, :-1]
    waves[1, 50] += 1e-6
    with pytest.raises(ValueError, match="row 1"):
        exact_continuation(waves)


def test_mape():
    assert mape([[1.1], [-1.8]], [[1.0], [-2.0]]) == pytest.approx(10)
    with pytest.raises(ValueError, match="expected shape"):
        mape([1.0, 2.0], [[1.0], [2.0]])
