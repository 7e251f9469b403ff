"""Every deliberate fault of faults.py still finds the code it is to spoil."""

import shutil

import pytest
from conftest import ROOT
from faults import FAULTS, put_in


@pytest.mark.parametrize(("name", "file", "old", "new"), FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_can_be_put_in(tmp_path, name, file, old, new):
    copy = tmp_path / ROOT.joinpath(file).name
    shutil.copy(ROOT / file, copy)
    put_in(copy, old, new)
    assert copy.read_bytes() != (ROOT / file).read_bytes(), name
