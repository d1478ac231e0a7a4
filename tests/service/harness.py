"""harness.py: what a test of the real daemon imports. Standard library only.

    from harness import Case, main, specs
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from support import sets, specs  # noqa: E402,F401
from support.case import Case, main, require_root  # noqa: E402,F401
from support.client import ENDED, Client, parse  # noqa: E402,F401
from support.daemon import Daemon, binary, clean_environment, integrity  # noqa: E402,F401
from support.limits import FACTOR, SANITIZER, Deadline, limit  # noqa: E402,F401
from support.tensors import Tensors, differences  # noqa: E402,F401

SOURCE = os.environ.get("IMLD_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)
