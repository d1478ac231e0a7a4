"""program.py: the engine's side of an oracle, a program that reads problems from a file: run, and its answers read."""
import json
import os
import struct
import subprocess
import sys
import tempfile


def output(program, *arguments):
    """What the program writes to standard output; the oracle ends where it fails."""
    run = subprocess.run([program, *arguments], stdout=subprocess.PIPE, check=False)
    if run.returncode:
        sys.exit(f"{os.path.basename(program)}: ended with {run.returncode}")
    return run.stdout


def output_on(program, problems, *arguments):
    """The same for problems in a file of JSON, whose path is the last argument."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "problems.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(problems, file)
        return output(program, *arguments, path)


def answers(program, problems):
    """One answer to each problem."""
    found = json.loads(output_on(program, problems))
    if len(found) != len(problems):
        sys.exit(f"{os.path.basename(program)}: {len(found)} answers to {len(problems)} problems")
    return found


def records(data):
    """(head, numbers) of each record: a line of JSON {"count", …}, then so many doubles."""
    at = 0
    while at < len(data):
        end = data.index(b"\n", at)
        head = json.loads(data[at:end])
        at = end + 1 + 8 * head["count"]
        yield head, struct.unpack(f"{head['count']}d", data[end + 1:at])
