// SPDX-License-Identifier: Apache-2.0
#include "storage/posterior_summary.h"

#include "cluster/err.h"
#include "cluster/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

const char *summary_name(posterior_summary_t which)
{
    static const char *const names[SUMMARY_COUNT] = {[SUMMARY_MEAN] = "mean",
                                                     [SUMMARY_SD] = "sd",
                                                     [SUMMARY_MEDIAN] = "median",
                                                     [SUMMARY_Q025] = "q025",
                                                     [SUMMARY_Q975] = "q975"};
    return names[which];
}

double posterior_quantile(int64_t n, const double *sorted, double p)
{
    CHECK(n > 0 && p >= 0 && p <= 1, "quantile %g of %ld values", p, (long)n);
    double at = p * (double)(n - 1);
    int64_t below = (int64_t)floor(at);
    if (below >= n - 1)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

static double middle_of(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* Moves those of x[low ... high] that are below the pivot (or equal to it, where `equal`) before the others; returns where the
 * others begin. Without a branch on the values, which nobody could predict (Lomuto's scheme). */
static int64_t part(double *x, int64_t low, int64_t high, double pivot, bool equal)
{
    int64_t next = low;
    for (int64_t i = low; i <= high; i++) {
        double value = x[i];
        x[i] = x[next];
        x[next] = value;
        next += equal ? value <= pivot : value < pivot;
    }
    return next;
}

/* Puts the k-th smallest of x[low ... high] to x[k], smaller ones before it and larger ones behind (Hoare 1961, "Algorithm
 * 65: Find"; the middle of three as pivot). No x is NaN. */
static void select_place(double *x, int64_t low, int64_t high, int64_t k)
{
    while (low < high) {
        double pivot = middle_of(x[low], x[low + (high - low) / 2], x[high]);
        int64_t first = part(x, low, high, pivot, false);
        if (k < first) {
            high = first - 1;
            continue;
        }
        low = part(x, first, high, pivot, true);
        if (k < low)
            return;
    }
}

/* Likewise the smallest. */
static void select_first(double *x, int64_t low, int64_t high)
{
    int64_t least = low;
    for (int64_t i = low + 1; i <= high; i++)
        least = x[i] < x[least] ? i : least;
    swap(&x[low], &x[least]);
}

/* The two places that quantile p lies between, in a list whose places before `from` are settled. Returns the next to settle. */
static int64_t settle(int64_t n, double *x, int64_t from, double p)
{
    int64_t below = (int64_t)floor(p * (double)(n - 1));
    if (below < from)
        below = from;
    if (below < n)
        select_place(x, from, n - 1, below);
    if (below + 1 < n)
        select_first(x, below + 1, n - 1);
    return below + 2;
}

/* `room` is scratch of n. */
static void one_parameter(int64_t n, int P, int p, const double *draws, double *room, double *out)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        room[i] = draws[i * P + p];
        sum += room[i];
    }
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (room[i] - mean) * (room[i] - mean);
    out[SUMMARY_MEAN] = mean;
    out[SUMMARY_SD] = sqrt(squares / (double)(n - 1));
    settle(n, room, settle(n, room, settle(n, room, 0, 0.025), 0.5), 0.975);
    out[SUMMARY_MEDIAN] = posterior_quantile(n, room, 0.5);
    out[SUMMARY_Q025] = posterior_quantile(n, room, 0.025);
    out[SUMMARY_Q975] = posterior_quantile(n, room, 0.975);
}

/* The draws less their mean. */
static void deviations(int64_t n, int P, int p, const double *draws, double *out)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += draws[i * P + p];
    for (int64_t i = 0; i < n; i++)
        out[i] = draws[i * P + p] - sum / (double)n;
}

static double dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static bool all_numbers(int64_t n, const double *x)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i]))
            return false;
    return true;
}

static void fill(int64_t n, double value, double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
}

void posterior_summarize(int64_t n, int P, const double *draws, double *summary)
{
    fill((int64_t)P * SUMMARY_COUNT, NAN, summary);
    if (n < 2 || !all_numbers(n * P, draws))
        return;
    double *room = mem_alloc((size_t)n, sizeof *room);
    for (int p = 0; p < P; p++)
        one_parameter(n, P, p, draws, room, summary + (int64_t)p * SUMMARY_COUNT);
    free(room);
}

void posterior_correlate(int64_t n, int P, const double *draws, int S, const int *which,
                         double *correlation)
{
    fill((int64_t)S * S, NAN, correlation);
    if (n < 2 || !all_numbers(n * P, draws))
        return;
    double *deviation = MEM_NEW(double, n *S);
    for (int a = 0; a < S; a++)
        deviations(n, P, which[a], draws, deviation + a * n);
    double *length = MEM_NEW(double, S);
    for (int a = 0; a < S; a++)
        length[a] = sqrt(dot(n, deviation + a * n, deviation + a * n));
    for (int a = 0; a < S; a++)
        for (int b = 0; b <= a; b++) {
            bool varies = length[a] > 0 && length[b] > 0;
            double product = dot(n, deviation + a * n, deviation + b * n);
            correlation[a * S + b] = correlation[b * S + a] =
                a == b   ? 1
                : varies ? product / (length[a] * length[b])
                         : 0;
        }
    free(length);
    free(deviation);
}
