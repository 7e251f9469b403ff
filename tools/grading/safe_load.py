"""Read a dictionary that `np.save` wrote, without running anything that is in the file.

Such a file holds a pickle, and a pickle may call any function of this computer: a stranger's file
is never given to `np.load(..., allow_pickle=True)`. Here three fences stand in the way:

1. size, number of opcodes and places in the memo are counted before anything is loaded;
2. the names that plain NumPy pickles use lead to stand-ins, which only note their arguments; every
   other name is refused, so nothing of NumPy or Python is ever called, whatever the opcode;
3. what the stand-ins noted is checked, type by type, before arrays are made from plain bytes.
"""

import io
import pickle
import pickletools
import re

import numpy as np

MAX_BYTES, MAX_OPCODES, MAX_VALUES = 100_000, 10_000, 100_000
NAMES = re.compile(
    r"numpy\.(ndarray|dtype|_?core\.(multiarray\.(_reconstruct|scalar)|numeric\._frombuffer))"
    r"|_codecs\.encode|__builtin__\.bytes|collections\.OrderedDict"
)


class UnsafeError(ValueError):
    """The file is not a plain dictionary of arrays, tuples, lists, numbers and strings."""


def load_dictionary(raw):
    """Return the dictionary in the .npy file whose bytes are `raw`.

    Values are NumPy arrays of booleans, integers or floats, and dict, tuple, list, str, int,
    float, bool and None; NumPy's scalars come as 0-d arrays.

    Raises:
        UnsafeError: too large, damaged, or anything else than that.
    """
    if len(raw) > MAX_BYTES:
        raise UnsafeError(f"expected at most {MAX_BYTES} bytes, got {len(raw)}")
    value = None
    try:
        file = io.BytesIO(raw)
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if (shape, dtype) != ((), object):
            raise UnsafeError("expected np.save of one dictionary, got an array")
        _scan(raw[file.tell() :])
        match _Reader(file).load():
            case _Call(name="_reconstruct", state=(_, (), _Call(args=("O8", *_)), _, [value])):
                value = _plain(value, iter(range(MAX_VALUES)))
        if type(value) is dict:
            return value
    except UnsafeError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        value = error
    raise UnsafeError(f"expected np.save of one dictionary, got {type(value).__name__}")


def _scan(body):
    for count, (opcode, argument, _) in enumerate(pickletools.genops(body)):
        if max(count, argument if opcode.name in ("PUT", "LONG_BINPUT") else 0) > MAX_OPCODES:
            raise UnsafeError(f"expected at most {MAX_OPCODES} pickle opcodes, got more")


class _Call:
    """What a pickle says of an object: the name that makes it, arguments, and a state to set."""

    def __init__(self, name, args):
        self.name, self.args, self.state = name, args, None

    def __setstate__(self, state):
        self.state = state


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if not NAMES.fullmatch(f"{module}.{name}"):
            raise UnsafeError(f"expected plain data, got a call of {module[:40]!a}, {name[:40]!a}")
        return lambda *args: {} if name == "OrderedDict" else _Call(name, args)


def _plain(value, left):
    """Return what was read as plain values, at most as many as `left` yields: they may repeat."""
    if next(left, None) is None:
        raise UnsafeError("expected a small dictionary of dictionaries, got far more")
    kind = type(value)
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise UnsafeError("expected names (str) as keys, got something else")
        return {key: _plain(item, left) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(_plain(item, left) for item in value)
    if kind is _Call:
        return _array(value)
    if kind is int and abs(value) >= 2**63:
        return float("inf")  # no number of the lab's
    if kind in (str, int, float, bool, type(None)):
        return value
    raise UnsafeError("expected arrays, numbers and strings, got something else")


def _array(call):
    """Return the array that a call describes, a view of the bytes in the file."""
    match call.name, call.args, call.state:
        case "_reconstruct", _, (_, tuple(shape), dtype, fortran, content):
            order = "F" if fortran else "C"
        case "_frombuffer", (content, dtype, tuple(shape), order), None:
            pass
        case "scalar", (dtype, content), None:
            shape, order = (), "C"
        case _:
            raise UnsafeError("expected arrays of numbers, got something else")
    match content:  # by protocol 2, bytes are a text in latin1
        case _Call(name="encode", args=(str(text), "latin1")):
            content = text.encode("latin1")
        case _Call(name="bytes", args=()):
            content = b""
    match dtype:
        case _Call(name="dtype", args=(str(code), *_), state=(_, "<" | ">" | "|" as end, *_)):
            if type(content) in (bytes, bytearray) and re.fullmatch("b1|[iu][1248]|f[248]", code):
                return np.frombuffer(bytes(content), end + code).reshape(shape, order=order)
    raise UnsafeError("expected an array's bytes and a dtype of numbers, got something else")
