#!/usr/bin/python3
"""Compares the engine's split, pool and samplers with FIXMATCH 1.12 and 4.1 to 4.6, stated here anew, on
random sets and jobs: the same lists, or the same field refused; and the laws that must hold of any.

Usage: data_oracle.py PATH/TO/data_oracle [PROBLEMS [SEED]]
"""
import math
import random
import sys

sys.dont_write_bytecode = True
import philox
import program

OLIVER = {0: (4, 5, 6, 7), 0.25: (0, 5, 6, 7), 0.5: (0, 1, 6, 7), 0.75: (0, 1, 7, 8),
          1: (0, 1, 8, 9)}


class Refused(Exception):
    """The field that can't be."""


def half_up(x):
    return math.floor(x + 0.5)


def spread(total, classes, room, pointer):
    """An even share for each class, the rest to the first ones."""
    if total and not classes:
        raise Refused("/data/mismatch/known")
    out = {}
    for rank, c in enumerate(classes):
        out[c] = total // len(classes) + (rank < total % len(classes))
        if out[c] > room[c]:
            raise Refused(pointer)
    return out


def most(classes, room):
    """The largest total that spread allows, found by trying."""
    if not classes:
        return 0
    total = 0
    while True:
        try:
            spread(total + 1, classes, room, "")
        except Refused:
            return total
        total += 1


def largest_remainder(total, room):
    """Shares of the classes in proportion to room."""
    everything = sum(room.values())
    if total > everything:
        raise Refused("/data/unlabeled")
    quotas = {c: divmod(total * n, everything) for c, n in room.items()}
    out = {c: whole for c, (whole, _) in quotas.items()}
    by_rest = sorted(quotas, key=lambda c: (-quotas[c][1], c))
    for c in by_rest[:total - sum(out.values())]:
        out[c] += 1
    return out


def known_classes(p, images):
    if p["mismatch"] == "none":
        return sorted(images)
    if p["known"] is None:
        return [c for c in sorted(images) if c >= (2 if p["set"] == "cifar10" else 0)][:6]
    if len(p["known"]) < 2 or len(set(p["known"])) < len(p["known"]) or set(p["known"]) - set(images):
        raise Refused("/data/mismatch/known")
    return sorted(p["known"])


def pool_counts(p, known, others, room, labeled):
    """Images of each class in the pool (FIXMATCH 4.3, 4.5)."""
    s, n = p["share"], p["unlabeled"]
    if p["mismatch"] == "none":
        return largest_remainder(n, room) if n else room
    if p["mismatch"] == "oliver2018":
        if s not in OLIVER:
            raise Refused("/data/mismatch/share")
        if known != [2, 3, 4, 5, 6, 7] or max([*known, *others]) != 9:
            raise Refused("/data/mismatch/protocol")
        own = {} if p["leaves_out_labeled"] or s == 1 else dict(labeled)
        own.update({c: room.get(c, 0) for c in OLIVER[s]})
        return largest_remainder(n, own) if n else own
    if not n and not others:  # the default size must do for every share, and there is nothing to share
        raise Refused("/data/mismatch/known")
    if p["mismatch"] == "fixed_pool":
        n = n or min(most(known, room), most(others, room))
        out = half_up(s * n)
        inside = n - out
    else:
        n = n or min(most(known, room), most(others, room) // 3)
        out = half_up(n * (s if s < 1 else 0.75) / (1 - (s if s < 1 else 0.75)))
        inside = n if s < 1 else 0
    own = spread(out, others, room, "/data/unlabeled")
    own.update(spread(inside, known, room, "/data/unlabeled"))
    return own


def split(p):
    members = {}
    for index, c in enumerate(p["labels_of_images"]):
        members.setdefault(c, []).append(index)
    known = known_classes(p, members)
    others = [c for c in sorted(members) if c not in known]
    if p["labels"] == 0 or p["labels"] % len(known):
        raise Refused("/data/labels")
    room = {c: len(images) for c, images in members.items()}
    validation = spread(p["validation"], known, room, "/data/validation")
    for c in known:
        room[c] -= validation[c]
    labeled = spread(p["labels"], known, room, "/data/labels")
    if p["leaves_out_labeled"]:
        for c in known:
            room[c] -= labeled[c]
    own = pool_counts(p, known, others, room, labeled)
    out = {"validation": [], "labeled": [], "pool": [], "extra": []}
    for c, images in members.items():
        order = philox.permutation(len(images), p["seed"], "split", c)
        keyed = [images[i] for i in order]
        rest = keyed[validation.get(c, 0):]
        out["validation"] += keyed[:validation.get(c, 0)]
        out["labeled"] += rest[:labeled.get(c, 0)]
        first = labeled.get(c, 0) if p["leaves_out_labeled"] else 0
        out["pool"] += rest[first:first + own.get(c, 0)]
    if p["extra_images"]:
        wanted = p["extra_count"] or half_up(len(out["pool"]) * p["extra_share"] / (1 - p["extra_share"]))
        if wanted > p["extra_images"]:
            raise Refused("/data/unlabeled_extra/" + ("count" if p["extra_count"] else "share"))
        out["extra"] = philox.permutation(p["extra_images"], p["seed"], "split", 256)[:wanted]
    if not out["pool"] + out["extra"]:
        raise Refused("/data/labels")
    out = {name: sorted(indices) for name, indices in out.items()}
    out["origins"] = [[p["labels_of_images"][i], p["labels_of_images"][i] in known]
                      for i in out["pool"]]
    return out


def check_laws(p, lists):
    validation, labeled, pool = (set(lists[name]) for name in ("validation", "labeled", "pool"))
    assert len(lists["validation"]) == len(validation) == p["validation"]
    assert len(lists["labeled"]) == len(labeled) == p["labels"]
    assert len(lists["pool"]) == len(pool)
    assert not validation & labeled and not validation & pool
    if p["leaves_out_labeled"]:
        assert not labeled & pool
    inside = sum(is_in for _, is_in in lists["origins"])
    if p["mismatch"] == "fixed_pool":
        assert len(pool) - inside == half_up(p["share"] * len(pool))
        assert not p["unlabeled"] or len(pool) == p["unlabeled"]
    if p["mismatch"] != "none" and p["share"] == 1:
        assert inside == 0
    if p["mismatch"] == "none" and not p["unlabeled"] and not p["leaves_out_labeled"]:
        assert len(pool) + len(validation) == len(p["labels_of_images"])
        assert labeled <= pool


def sampler(p):
    """Batches of the joined passes: the k-th image of all is at k mod n of pass k div n."""
    out = []
    for step in range(p["from"], p["from"] + p["steps"]):
        rows = range(step * p["size"], (step + 1) * p["size"])
        passes = [k // p["count"] for k in rows]
        orders = {e: philox.permutation(p["count"], p["seed"], philox.PURPOSES[p["purpose"]], e)
                  for e in set(passes)}
        out.append([[orders[e][k % p["count"]] for k, e in zip(rows, passes)], passes])
    return out


def make_split(r):
    """A random set, balanced or not, and a job on it; about a third can't be."""
    is_cifar = r.random() < 0.6
    classes = range(10) if is_cifar else sorted(r.sample(range(r.choice([3, 9, 30])), 3)) \
        if r.random() < 0.3 else range(r.randint(2, 12))
    sizes = [r.randint(20, 60)] * len(classes) if r.random() < 0.5 else \
        [r.randint(1, 60) for _ in classes]
    labels = [c for c, n in zip(classes, sizes) for _ in range(n)]
    r.shuffle(labels)
    mismatch = r.choice(["none", "fixed_pool", "fixed_in_distribution", "oliver2018"])
    known = None if r.random() < 0.7 else r.sample(range(max(classes) + 1), r.randint(1, len(classes)))
    tasks = len(classes) if mismatch == "none" else min(6, len(classes)) if known is None else len(known)
    return {
        "seed": r.randrange(2**32), "set": "cifar10" if is_cifar else "other",
        "labels_of_images": labels, "mismatch": mismatch, "known": known,
        "validation": r.choice([0, r.randint(0, 40)]),
        "labels": tasks * r.choice([0, 1, 1, 1, 2, 2, 3, 4]) + (r.random() < 0.1),
        "leaves_out_labeled": r.random() < 0.3,
        "unlabeled": r.choice([0, 0, r.randint(1, 200)]),
        "share": r.choice([0, 0.25, 0.5, 0.75, 1] + [r.randint(0, 64) / 64] * (mismatch != "oliver2018")),
        "extra_images": r.choice([0, r.randint(1, 300)]),
        "extra_count": r.choice([0, r.randint(1, 100)]), "extra_share": r.randint(0, 63) / 64,
    }


def make_sampler(r):
    return {"seed": r.randrange(2**32), "purpose": r.choice([1, 2]), "count": r.randint(1, 60),
            "size": r.randint(1, 90), "from": r.choice([0, r.randint(0, 1000)]), "steps": 3}


def expected(p):
    if "size" in p:
        return sampler(p)
    try:
        return split(p)
    except Refused as refused:
        return {"refused": str(refused)}


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    r = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    given = [make_sampler(r) if i % 5 == 4 else make_split(r) for i in range(count)]
    answers = program.answers(sys.argv[1], given)
    wrong, refused, drawn = 0, {}, {}
    for p, answer in zip(given, answers):
        right, what = expected(p), ""
        if isinstance(answer, dict) and "refused" in answer:
            what = answer.pop("what")
            refused[answer["refused"]] = refused.get(answer["refused"], 0) + 1
        elif "size" not in p:
            check_laws(p, answer)
            drawn[p["mismatch"]] = drawn.get(p["mismatch"], 0) + 1
        if answer != right:
            wrong += 1
            if wrong <= 5:
                print(f"{p}\n  engine {answer} {what}\n  right  {right}")
    print(f"{count} problems, {wrong} differ; drawn: "
          + ", ".join(f"{name} {n}" for name, n in sorted(drawn.items())) + "; refused: "
          + ", ".join(f"{name} {n}" for name, n in sorted(refused.items())))
    sys.exit(1 if wrong or len(drawn) < 4 or not refused else 0)


if __name__ == "__main__":
    main()
