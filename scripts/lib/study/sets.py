"""sets.py: the image sets of IMLD_TEST_DATA as one more data root of a daemon of our own."""
import lzma
import os
import shutil

DEFAULT_ROOT = "/usr/share/datasets"


def is_part(name):
    return "ubyte" in name or ".bin" in name


def unpack(source, target):
    """Copies the files of idx and CIFAR binary sets, .xz ones unpacked (a data root's links may not leave it);
    what is there stays. A name appears only once its file is whole."""
    for folder, _, names in os.walk(source):
        for name in filter(is_part, names):
            place = os.path.join(target, os.path.relpath(folder, source))
            path = os.path.join(place, name.removesuffix(".xz"))
            if os.path.exists(path):
                continue
            os.makedirs(place, exist_ok=True)
            reader = lzma.open if name.endswith(".xz") else open
            with reader(os.path.join(folder, name), "rb") as data, open(path + ".tmp", "wb") as file:
                shutil.copyfileobj(data, file)
            os.replace(path + ".tmp", path)


def data_roots(environment, target):
    """The value of IMLD_DATA_ROOT for the daemon, or None where nothing is to be added."""
    source = environment.get("IMLD_TEST_DATA")
    if not source:
        return None
    unpack(source, target)
    return f"{environment.get('IMLD_DATA_ROOT') or DEFAULT_ROOT},{os.path.abspath(target)}"
