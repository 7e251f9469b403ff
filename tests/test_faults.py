"""Every deliberate fault of faults.py still finds the code it is to spoil."""

import shutil

import pytest
from conftest import ROOT
from faults import GROUPS, put_in

CASES = [pytest.param(*f[1:], id=f[0]) for faults, _ in GROUPS.values() for f in faults]


@pytest.mark.parametrize(("file", "old", "new"), CASES)
def test_fault_can_be_put_in(tmp_path, file, old, new):
    copy = tmp_path / (ROOT / file).name
    shutil.copy(ROOT / file, copy)
    put_in(copy, old, new)
    assert copy.read_bytes() != (ROOT / file).read_bytes()
