"""tensors.py: reads safetensors files strictly (every rule of the format) and compares bits."""
import json
import struct

SIZES = {"F64": 8, "F32": 4, "I64": 8, "I32": 4, "U64": 8, "U32": 4, "U8": 1, "I8": 1, "BOOL": 1}


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "duplicate key in a safetensors header"
    return dict(pairs)


class Tensors:
    """name -> (dtype, shape, bytes), and the metadata."""

    def __init__(self, data):
        assert len(data) >= 8, "shorter than a safetensors length"
        (length,) = struct.unpack("<Q", data[:8])
        assert 8 + length <= len(data) and length % 8 == 0, f"header length {length}"
        header_bytes = data[8 : 8 + length]
        assert header_bytes[:1] == b"{", "header does not begin with {"
        header = json.loads(header_bytes.decode("utf-8"), object_pairs_hook=no_duplicates)
        self.metadata = header.pop("__metadata__", {})
        for key, value in self.metadata.items():
            assert isinstance(value, str), f"metadata {key} is no string"
        body = data[8 + length :]
        self.tensors = {}
        ranges = []
        for name, entry in header.items():
            assert set(entry) == {"dtype", "shape", "data_offsets"}, f"{name}: {sorted(entry)}"
            begin, end = entry["data_offsets"]
            count = 1
            for extent in entry["shape"]:
                count *= extent
            assert end - begin == count * SIZES[entry["dtype"]], f"{name}: size"
            assert begin % SIZES[entry["dtype"]] == 0, f"{name}: alignment"
            ranges.append((begin, end))
            self.tensors[name] = (entry["dtype"], tuple(entry["shape"]), body[begin:end])
        position = 0
        for begin, end in sorted(ranges):
            assert begin == position, f"hole or overlap at byte {position}"
            position = end
        assert position == len(body), "bytes after the last tensor"

    def floats(self, name):
        dtype, _, data = self.tensors[name]
        assert dtype == "F32", f"{name} is {dtype}"
        return struct.unpack(f"<{len(data) // 4}f", data)


def differences(a, b):
    """Names of tensors that are not the same in every bit (or in one of the two only)."""
    names = sorted(set(a.tensors) | set(b.tensors))
    return [name for name in names if a.tensors.get(name) != b.tensors.get(name)]
