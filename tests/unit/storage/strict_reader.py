"""strict_reader.py: reads a safetensors file with struct and json alone, by every rule of the format, and
compares it with what test_safetensors.c wrote: strict_reader.py FILE SHA256."""

import hashlib
import json
import struct
import sys

SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "U32": 4, "U8": 1}


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), "a name twice"
    return dict(pairs)


def read(content):
    """{name: (dtype, shape, bytes)}, metadata."""
    (length,) = struct.unpack("<Q", content[:8])
    assert (8 + length) % 8 == 0 and 8 + length <= len(content)
    text = content[8:8 + length].decode("utf-8")
    assert text[0] == "{" and text.rstrip(" ")[-1] == "}"
    header = json.loads(text, object_pairs_hook=unique)
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(v, str) for v in metadata.values())
    buffer, at, tensors = content[8 + length:], 0, {}
    order = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    for name, entry in order:
        assert set(entry) == {"dtype", "shape", "data_offsets"}
        begin, end = entry["data_offsets"]
        count = SIZES[entry["dtype"]]
        for size in entry["shape"]:
            count *= size
        assert begin == at and end - begin == count, (name, entry)
        assert begin % SIZES[entry["dtype"]] == 0, "not aligned"
        tensors[name] = (entry["dtype"], entry["shape"], buffer[begin:end])
        at = end
    assert at == len(buffer)
    return tensors, metadata


def main(path, sha256):
    with open(path, "rb") as file:
        content = file.read()
    assert hashlib.sha256(content).hexdigest() == sha256
    tensors, metadata = read(content)
    assert metadata == {"job": "j0000001", "text": '"quoted" \n ü'}
    assert tensors == {
        "parameters/0.weight": ("F32", [2, 3], struct.pack("<6f", 1, -2, 0.5, 3, 4, 5)),
        "optimizer/moments": ("F64", [2], struct.pack("<2d", 0.1, 0.2)),
        "state/step": ("U64", [], struct.pack("<Q", 1200)),
        "state/flags": ("U8", [3], bytes([1, 0, 1])),
        "empty": ("F32", [0, 3], b""),
    }


main(*sys.argv[1:])
