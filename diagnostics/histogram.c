// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/histogram.h"

#include "cluster/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BINS = 65536,
    FINEST = 49
}; // the first bins are 2^FINEST times narrower than the first value
static const double most_bins = 1e15;        // from 0, so that their numbers are exact
static const double least_width = 0x1p-1000; // smaller values are all alike

histogram_t histogram_create(void)
{
    return (histogram_t){.count = MEM_NEW(int64_t, BINS)};
}

void histogram_free(histogram_t *h)
{
    free(h->count);
    *h = (histogram_t){0};
}

static int64_t half(int64_t k)
{
    return k >= 0 ? k / 2 : -((1 - k) / 2); // rounded down
}

/* Bins twice as wide. */
static void widen(histogram_t *h)
{
    int64_t base = half(h->base);
    for (int64_t k = h->low; k <= h->high; k++) {
        int64_t count = h->count[k - h->base];
        h->count[k - h->base] = 0;
        h->count[half(k) - base] += count;
    }
    h->base = base;
    h->low = half(h->low);
    h->high = half(h->high);
    h->width *= 2.0;
}

/* So that bins from `low` to `high` lie inside. */
static void move(histogram_t *h, int64_t low, int64_t high)
{
    if (low >= h->base && high < h->base + BINS)
        return;
    int64_t base = low - (BINS - (high - low + 1)) / 2, used = h->high - h->low + 1;
    int64_t *from = h->count + (h->low - h->base), *to = h->count + (h->low - base);
    memmove(to, from, (size_t)used * sizeof *to);
    for (int64_t i = 0; i < BINS; i++)
        if (h->count + i < to || h->count + i >= to + used)
            h->count[i] = 0;
    h->base = base;
}

static void begin(histogram_t *h, double x)
{
    int power;
    frexp(x, &power);
    h->width = fmax(ldexp(1.0, (x == 0.0 ? 0 : power) - FINEST), least_width);
    h->low = h->high = (int64_t)floor(x / h->width);
    h->base = h->low - BINS / 2;
}

void histogram_add(histogram_t *h, double x)
{
    if (!isfinite(x))
        return;
    if (h->n == 0)
        begin(h, x);
    while (fabs(x) / h->width > most_bins)
        widen(h);
    int64_t k = (int64_t)floor(x / h->width);
    while ((k > h->high ? k : h->high) - (k < h->low ? k : h->low) >= BINS) {
        widen(h);
        k = half(k);
    }
    int64_t low = k < h->low ? k : h->low, high = k > h->high ? k : h->high;
    move(h, low, high);
    h->low = low;
    h->high = high;
    h->count[k - h->base]++;
    h->n++;
}

double histogram_quantile(const histogram_t *h, double p)
{
    double below = 0.0, wanted = p * (double)h->n;
    for (int64_t k = h->low; k <= h->high && h->n > 0; k++) {
        double here = (double)h->count[k - h->base];
        if (here > 0.0 && below + here >= wanted)
            return ((double)k + (wanted - below) / here) * h->width;
        below += here;
    }
    return NAN;
}

/* The bin of x, or the first or last one with a value where that is nearer. */
static int64_t used_bin(const histogram_t *h, double x)
{
    return (int64_t)fmin(fmax(floor(x / h->width), (double)h->low), (double)h->high);
}

double histogram_between(const histogram_t *h, double from, double to)
{
    double sum = 0.0;
    int64_t last = used_bin(h, to);
    for (int64_t k = used_bin(h, from); k <= last && h->n > 0; k++) {
        double left = (double)k * h->width, right = left + h->width;
        double inside = fmin(right, to) - fmax(left, from);
        if (inside > 0.0)
            sum += (double)h->count[k - h->base] * inside / h->width;
    }
    return sum;
}
