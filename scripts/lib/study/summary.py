"""summary.py: one number from a curve, mean and deviation over seeds, paired differences with 95 %."""
import math

FALLEN = 0.05  # the default drop of the rule forgetting


def finite(values):
    return [v for v in values if math.isfinite(v)]


def deviation(values):
    """Of a sample (n − 1). 0 values: nan; 1: nan, since one value has no spread to see."""
    if len(values) < 2 or not all(math.isfinite(v) for v in values):
        return math.nan
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def mean(values):
    if not values:
        return math.nan
    return math.fsum(values) / len(values) if all(math.isfinite(v) for v in values) else math.nan


def median(values):
    s = sorted(finite(values))
    return (s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2 if s else math.nan


def best(values, better):
    pick = max if better == "higher" else min
    return pick(finite(values), default=math.nan)


def drop(values, better):
    """How much worse the last value is than the best: what was forgotten, in the metric's unit."""
    return abs(best(values, better) - values[-1]) if values else math.nan


def fallen(values, better):
    """Most values in a row that are worse by more than FALLEN than the best before them: a spike is one or two,
    forgetting is lasting. As the rule `forgetting` counts, without its bound in steps."""
    sign, top, run, longest = (1 if better == "higher" else -1), -math.inf, 0, 0
    for value in (sign * v for v in values):
        run = run + 1 if math.isfinite(top) and not value >= top - FALLEN else 0
        longest = max(longest, run)
        top = max(top, value) if math.isfinite(value) else top
    return float(longest)


# Places of a curve that a measure may name. Rows that are not finite are nan or ±inf: best, max, min,
# median pass over them (so does the server's own best); the others hand them on.
PLACES = {
    "result": None,  # the job's result: restored best weights, not from the curve
    "first": lambda values, better: values[0] if values else math.nan,
    "last": lambda values, better: values[-1] if values else math.nan,
    "best": best,
    "max": lambda values, better: max(finite(values), default=math.nan),
    "min": lambda values, better: min(finite(values), default=math.nan),
    "mean": lambda values, better: mean(values),
    "median": lambda values, better: median(values),
    "deviation": lambda values, better: deviation(values),
    "sum": lambda values, better: math.fsum(values) if all(map(math.isfinite, values)) else math.nan,
    "drop": drop,
    "fallen": fallen,
}


def reduce_curve(values, at, better="higher", rows=None):
    """values: in the order of steps. rows: only so many of the last."""
    return PLACES[at](values[-rows:] if rows else values, better)


def t_probability(t, degrees):
    """P(|T| ≤ t) of Student's t with a whole number of degrees: the finite sums of Abramowitz and
    Stegun 26.7.3 and 26.7.4."""
    theta = math.atan2(t, math.sqrt(degrees))
    cosine, sine = math.cos(theta), math.sin(theta)
    odd = degrees % 2 == 1
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(degrees // 2):
        total += term
        step = (2 * k + 2) / (2 * k + 3) if odd else (2 * k + 1) / (2 * k + 2)
        term *= step * cosine * cosine
    return 2 / math.pi * (theta + sine * total) if odd else sine * total


def t_quantile(probability, degrees):
    """t with P(|T| ≤ t) = probability, by bisection."""
    low, high = 0.0, 1.0
    while t_probability(high, degrees) < probability:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def paired(ours, theirs):
    """ours, theirs: {seed: value}. (n, mean difference, half width of its 95 % interval), over the
    seeds that both have; a difference that is not finite makes the mean nan. n < 2: no interval."""
    differences = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    n = len(differences)
    if n < 2:
        return n, mean(differences), math.nan
    return n, mean(differences), t_quantile(0.95, n - 1) * deviation(differences) / math.sqrt(n)
