"""Read a dictionary that `np.save` wrote, without running anything that is in the file.

Such a file holds a pickle, and a pickle may call any function of this computer: a stranger's file
is never given to `np.load(..., allow_pickle=True)`. Here three fences stand in the way:

1. size, number of opcodes and the opcodes themselves, scanned before anything is loaded;
2. the eight names that plain NumPy pickles use lead to stand-ins of this module, which only note
   their arguments; every other name is refused, so no function of NumPy or Python is ever called;
3. what the stand-ins noted is checked, type by type, before arrays are made from plain bytes.
"""

import ast
import io
import pickle
import pickletools
import re

import numpy as np

MAX_BYTES, MAX_OPCODES, MAX_VALUES, MAX_DEPTH = 100_000, 10_000, 100_000, 8
HEADER = {"descr": "|O", "fortran_order": False, "shape": ()}  # what np.save(file, dict) writes
OPCODES = """
    PROTO FRAME STOP MARK MEMOIZE BINPUT LONG_BINPUT BINGET LONG_BINGET NONE NEWTRUE NEWFALSE
    BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINUNICODE BINUNICODE SHORT_BINBYTES BINBYTES
    BINBYTES8 BYTEARRAY8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS
    EMPTY_DICT SETITEM SETITEMS GLOBAL STACK_GLOBAL REDUCE BUILD
"""


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
    try:
        body = _after_header(raw)
        _scan(body)
        held = _Reader(io.BytesIO(body)).load()
        if type(held) is not _Array:
            raise UnsafeError("expected np.save of one dictionary, got something else")
        value = _Values().of(held.only_item())
    except UnsafeError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise UnsafeError(
            f"expected np.save of one dictionary, got {type(error).__name__}"
        ) from None
    if type(value) is not dict:
        raise UnsafeError(f"expected np.save of one dictionary, got a {type(value).__name__}")
    return value


def _after_header(raw):
    """Return the bytes behind the .npy header, once that is the header of a saved dictionary."""
    if raw[:6] != b"\x93NUMPY" or raw[6:7] not in (b"\1", b"\2", b"\3"):
        raise UnsafeError("expected a .npy file made by np.save, got another format")
    start = 10 if raw[6] == 1 else 12
    end = start + int.from_bytes(raw[8:start], "little")
    if end - start > 1000 or ast.literal_eval(raw[start:end].decode("latin1").strip()) != HEADER:
        raise UnsafeError("expected np.save of one dictionary, got an array")
    return raw[end:]


def _scan(body):
    allowed = set(OPCODES.split())
    for count, (opcode, argument, _) in enumerate(pickletools.genops(body)):
        if opcode.name not in allowed:
            raise UnsafeError(f"expected plain data, got the pickle opcode {opcode.name}")
        if count > MAX_OPCODES or (opcode.name == "LONG_BINPUT" and argument > MAX_OPCODES):
            raise UnsafeError(f"expected at most {MAX_OPCODES} pickle opcodes, got more")


class _Name:
    """Stands in for a function or a class that a pickle may name; cannot be altered by it."""

    __slots__ = ("_make",)

    def __init__(self, make):
        self._make = make

    def __call__(self, *arguments):
        return self._make(*arguments)

    def __setstate__(self, state):
        raise UnsafeError("expected plain data, got a pickle that alters a name")


class _Dtype:
    """Notes the arguments of numpy.dtype and the byte order that its state holds."""

    def __init__(self, code, *flags):
        if type(code) is not str or not re.fullmatch(r"O8|b1|[iu][1248]|f[248]", code):
            raise UnsafeError("expected arrays of numbers, got another dtype")
        self.code, self.order = code, "|"

    def __setstate__(self, state):
        if state[1] not in ("<", ">", "|"):
            raise UnsafeError("expected a byte order, got something else")
        self.order = state[1]


class _Array:
    """Notes what makes an array: shape, _Dtype, whether in Fortran's order, and its content."""

    def __init__(self, *state):
        self._state = state

    def __setstate__(self, state):
        self._state = state[1:]

    def only_item(self):
        """Return what the 0-d object array holds, which np.save wraps around a dictionary."""
        shape, dtype, _, content = self._state
        if type(dtype) is not _Dtype or dtype.code != "O8" or shape != () or len(content) != 1:
            raise UnsafeError("expected np.save of one dictionary, got an array")
        return content[0]

    def to_numpy(self):
        shape, dtype, fortran, content = self._state
        if type(dtype) is not _Dtype or dtype.code == "O8":
            raise UnsafeError("expected arrays of numbers, got an array of objects")
        if type(content) not in (bytes, bytearray) or type(shape) is not tuple:
            raise UnsafeError("expected an array's bytes and shape, got something else")
        if len(shape) > 8 or not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
            raise UnsafeError("expected an array's shape, got something else")
        dtype = np.dtype(dtype.order + dtype.code)
        flat = np.frombuffer(bytes(content), dtype)  # reshape fails if these are too few or many
        return flat.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="))


def _from_buffer(content, dtype, shape, order):
    return _Array(shape, dtype, order == "F", content)


def _scalar(dtype, content):
    return _Array((), dtype, False, content)


def _encode(text, encoding):
    """The bytes that a pickle of protocol 2 or less, as of old NumPy, holds as text."""
    if type(text) is not str or encoding != "latin1":
        raise UnsafeError("expected bytes as latin1, got another call of encode")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    def find_class(self, module, name):
        module = re.sub(r"^numpy\._core\.", "numpy.core.", module)  # NumPy 2 renamed it
        makers = {
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _Dtype,
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
            ("numpy.core.multiarray", "scalar"): _scalar,
            ("numpy.core.numeric", "_frombuffer"): _from_buffer,
            ("_codecs", "encode"): _encode,
            ("__builtin__", "bytes"): lambda: b"",
            ("collections", "OrderedDict"): lambda: {},
        }
        if (module, name) not in makers:
            raise UnsafeError(f"expected plain data, got a call of {module[:40]!a}, {name[:40]!a}")
        return _Name(makers[module, name])


class _Values:
    """Turns what was read into plain values; counts them, for a pickle can repeat itself."""

    def __init__(self):
        self.count = 0

    def of(self, value, depth=0):
        self.count += 1
        if self.count > MAX_VALUES or depth > MAX_DEPTH:
            raise UnsafeError("expected a small dictionary of dictionaries, got far more")
        kind = type(value)
        if kind is dict:
            if not all(type(key) is str for key in value):
                raise UnsafeError("expected names (str) as keys, got something else")
            return {key: self.of(item, depth + 1) for key, item in value.items()}
        if kind in (list, tuple):
            return kind(self.of(item, depth + 1) for item in value)
        if kind is _Array:
            array = value.to_numpy()
            self.count += array.size
            return array
        if kind in (str, int, float, bool, type(None)):
            return value
        raise UnsafeError("expected arrays, numbers and strings, got something else")
