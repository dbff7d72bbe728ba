// SPDX-License-Identifier: Apache-2.0
#include "nn/sort.h"

#include <string.h>

enum { BITS = 8, BUCKETS = 1 << BITS, SHORT = 24 };

// Negative floats fall with their bits, others rise: turned so that unsigned order is the order of the numbers.
static uint32_t key_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static void insertion(int64_t n, float *x)
{
    for (int64_t i = 1; i < n; i++) {
        float value = x[i];
        int64_t j = i;
        for (; j > 0 && key_of(x[j - 1]) > key_of(value); j--)
            x[j] = x[j - 1];
        x[j] = value;
    }
}

static void one_pass(int64_t n, int pass, const float *from, float *to)
{
    int32_t start[BUCKETS] = {0};
    for (int64_t i = 0; i < n; i++)
        start[key_of(from[i]) >> (pass * BITS) & (BUCKETS - 1)]++;
    int32_t sum = 0;
    for (int b = 0; b < BUCKETS; b++) {
        int32_t count = start[b];
        start[b] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++)
        to[start[key_of(from[i]) >> (pass * BITS) & (BUCKETS - 1)]++] = from[i];
}

void sort_floats(int64_t n, float *x, float *scratch)
{
    if (n <= SHORT) {
        insertion(n, x);
        return;
    }
    one_pass(n, 0, x, scratch);
    one_pass(n, 1, scratch, x);
    one_pass(n, 2, x, scratch);
    one_pass(n, 3, scratch, x);
}
