"""Philox4x32-10 (Salmon et al. 2011) and what FIXMATCH 1.12 and 3.4 draw from it, stated anew."""
MASK = 0xFFFFFFFF
PURPOSES = ("split order_labeled order_pool weak_labeled weak_pool strong_pool initialization dropout "
            "curvature_order curvature_weak_labeled curvature_weak_pool curvature_strong_pool "
            "validation_order evaluation probe coordinates permuted").split()


def block(key, counter):
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        p, q = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (q >> 32) ^ c1 ^ k0, q & MASK, (p >> 32) ^ c3 ^ k1, p & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def words(count, seed, purpose, index, number):
    """Words 0 … count − 1 of a stream; number: the pass, the step, or the class."""
    key = (seed, PURPOSES.index(purpose))
    out = []
    for i in range((count + 3) // 4):
        out.extend(block(key, (i, index, number, 0)))
    return out[:count]


def below(word, n):
    return (word * n) >> 32


def permutation(n, seed, purpose, number):
    drawn = words(n, seed, purpose, 0, number)
    out = list(range(n))
    for i in range(n - 1, 0, -1):
        j = below(drawn[i], i + 1)
        out[i], out[j] = out[j], out[i]
    return out
