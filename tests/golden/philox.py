# Words of Philox 4x64-10 by NumPy, for tests/cluster/test_rng.c: python3 philox.py
import numpy as np


def words(seed, stream, index, block):
    counter = np.array([index - 1, stream, block, 0], dtype=np.uint64)  # NumPy steps before it draws
    return np.random.Philox(counter=counter, key=np.array([seed, 0], dtype=np.uint64)).random_raw(4)


for case in [(0, 0, 1, 0), (7, 3, 17, 0), (7, 3, 17, 1), (2**64 - 1, 2**63, 2**64 - 1, 2)]:
    print(case, [hex(int(word)) for word in words(*case)])
