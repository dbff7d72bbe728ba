// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/ecdf.h"

#include "cluster/err.h"
#include "cluster/mem.h"
#include "cluster/rng.h"
#include "diagnostics/binomial.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdlib.h>

enum {
    MOST_POINTS = 1000,
    FEWEST_SIMULATIONS = 1000,
    MOST_SIMULATIONS = 50000,
    TAIL_SIMULATIONS = 50
};

typedef struct {
    double first, last;
} points_t;

/* Bin(N, z_k).cdf for low <= count <= high stands in cdf[at + count - low]; below it is 0 and above 1 to rounding. */
typedef struct {
    double z;
    int64_t low, high, at;
} ecdf_row_t;

struct ecdf_null {
    int64_t n, points, simulations;
    ecdf_row_t *row; // (points)
    double *cdf;
    double *gamma; // (simulations), sorted
};

static ecdf_row_t ecdf_row(int64_t n, double z, int64_t at)
{
    double mean = (double)n * z, reach = 9 * sqrt(mean * (1 - z)) + 10;
    ecdf_row_t row = {.z = z, .at = at};
    row.low = (int64_t)fmax(0, floor(mean - reach));
    row.high = (int64_t)fmin((double)n, ceil(mean + reach));
    return row;
}

static void ecdf_fill_row(int64_t n, const ecdf_row_t *row, double *cdf)
{
    double z = row->z, sum = binomial_cdf(n, z, row->low - 1), pmf = binomial_pmf(n, z, row->low);
    for (int64_t k = row->low; k <= row->high; k++) {
        sum = fmin(1, sum + pmf);
        cdf[k - row->low] = k == n ? 1 : sum;
        if (z < 1)
            pmf *= (double)(n - k) / (double)(k + 1) * z / (1 - z);
        else
            pmf = k + 1 == n;
    }
}

static double ecdf_cdf(const ecdf_null_t *null, int64_t k, int64_t count)
{
    const ecdf_row_t *row = &null->row[k];
    if (count < row->low)
        return 0;
    return count > row->high ? 1 : null->cdf[row->at + count - row->low];
}

double ecdf_null_gamma(const ecdf_null_t *null, const int64_t *count)
{
    double least = 1;
    for (int64_t k = 0; k < null->points; k++) {
        double below = ecdf_cdf(null, k, count[k]);
        double above = 1 - ecdf_cdf(null, k, count[k] - 1);
        least = fmin(least, fmin(below, above));
    }
    return 2 * least;
}

/* How many of N uniforms lie at or below each point, one by one. */
static void ecdf_simulate_uniforms(const ecdf_null_t *null, rng_t *r, int64_t *count)
{
    double first = null->row[0].z, last = null->row[null->points - 1].z;
    double scale = null->points > 1 ? (double)(null->points - 1) / (last - first) : 0;
    for (int64_t k = 0; k < null->points; k++)
        count[k] = 0;
    for (int64_t i = 0; i < null->n; i++) {
        double u = rng_uniform(r);
        int64_t k = u <= first ? 0 : (int64_t)ceil((u - first) * scale);
        if (u <= last && k < null->points)
            count[k]++;
    }
    for (int64_t k = 1; k < null->points; k++)
        count[k] += count[k - 1];
}

/* The same distribution for large N: each cell's count given those before it is binomial. */
static void ecdf_simulate_binomials(const ecdf_null_t *null, rng_t *r, int64_t *count)
{
    double z = 0;
    int64_t used = 0;
    for (int64_t k = 0; k < null->points; k++) {
        double share = fmin(1, (null->row[k].z - z) / (1 - z));
        if (used < null->n)
            used += rng_binomial(r, null->n - used, share);
        count[k] = used;
        z = null->row[k].z;
    }
}

static void ecdf_simulate(ecdf_null_t *null, uint64_t seed)
{
    enum { BINOMIAL_COST = 20 }; // of one draw, in uniforms
    int64_t *count = MEM_NEW(int64_t, null->points);
    for (int64_t m = 0; m < null->simulations; m++) {
        rng_t r = rng_at(seed, RNG_DIAGNOSE, (uint64_t)m);
        if (null->n > BINOMIAL_COST * null->points)
            ecdf_simulate_binomials(null, &r, count);
        else
            ecdf_simulate_uniforms(null, &r, count);
        null->gamma[m] = ecdf_null_gamma(null, count);
    }
    stats_sort(null->simulations, null->gamma);
    free(count);
}

ecdf_null_t *ecdf_null_create(int64_t n, int64_t points, double first, double last,
                              int64_t simulations, uint64_t seed)
{
    CHECK(n > 0 && points > 0 && simulations > 0, "null of %ld values, %ld points", (long)n,
          (long)points);
    ecdf_null_t *null = MEM_NEW(ecdf_null_t, 1);
    *null = (ecdf_null_t){.n = n, .points = points, .simulations = simulations};
    null->row = MEM_NEW(ecdf_row_t, points);
    int64_t cells = 0;
    double step = points > 1 ? (last - first) / (double)(points - 1) : 0;
    for (int64_t k = 0; k < points; k++) {
        double z = k > 0 && k == points - 1 ? last : first + (double)k * step;
        null->row[k] = ecdf_row(n, z, cells);
        cells += null->row[k].high - null->row[k].low + 1;
    }
    null->cdf = mem_alloc((size_t)cells, sizeof(double));
    for (int64_t k = 0; k < points; k++)
        ecdf_fill_row(n, &null->row[k], null->cdf + null->row[k].at);
    null->gamma = MEM_NEW(double, simulations);
    ecdf_simulate(null, seed);
    return null;
}

void ecdf_null_destroy(ecdf_null_t **null)
{
    if (*null == NULL)
        return;
    free((*null)->row);
    free((*null)->cdf);
    free((*null)->gamma);
    free(*null);
    *null = NULL;
}

double ecdf_null_critical(const ecdf_null_t *null, double alpha)
{
    return stats_quantile(null->simulations, null->gamma, alpha);
}

/* Smallest count with cdf >= q. */
static int64_t ecdf_row_quantile(const ecdf_null_t *null, int64_t k, double q)
{
    int64_t low = null->row[k].low - 1, high = null->row[k].high;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (ecdf_cdf(null, k, middle) < q)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static ecdf_band_t ecdf_band_between(int64_t n, int64_t points, points_t z, double level,
                                     int parameters, uint64_t seed)
{
    CHECK(level > 0 && level < 1 && parameters > 0, "level %g for %d parameters", level,
          parameters);
    ecdf_band_t band = {.n = n, .points = points, .level = level};
    band.alpha = 1 - pow(level, 1.0 / parameters);
    double wanted = fmin(fmax(TAIL_SIMULATIONS / band.alpha, FEWEST_SIMULATIONS), MOST_SIMULATIONS);
    ecdf_null_t *null = ecdf_null_create(n, points, z.first, z.last, (int64_t)wanted, seed);
    band.gamma = ecdf_null_critical(null, band.alpha);
    band.z = MEM_NEW(double, band.points);
    band.low = MEM_NEW(double, band.points);
    band.high = MEM_NEW(double, band.points);
    for (int64_t k = 0; k < band.points; k++) {
        band.z[k] = null->row[k].z;
        band.low[k] = (double)ecdf_row_quantile(null, k, band.gamma / 2) / (double)n;
        band.high[k] = (double)ecdf_row_quantile(null, k, 1 - band.gamma / 2) / (double)n;
    }
    ecdf_null_destroy(&null);
    return band;
}

ecdf_band_t ecdf_band_create(int64_t n, double level, int parameters, uint64_t seed)
{
    int64_t points = n < MOST_POINTS ? n : MOST_POINTS;
    return ecdf_band_between(n, points, (points_t){1e-5, 1 - 1e-5}, level, parameters, seed);
}

ecdf_band_t ecdf_rank_band_create(int64_t n, int64_t s, double level, int parameters, uint64_t seed)
{
    CHECK(s > 0, "ranks among %ld draws", (long)s);
    int64_t most = n < MOST_POINTS ? n : MOST_POINTS, stride = (s + most - 1) / most,
            points = s / stride;
    points_t z = {(double)stride / (double)(s + 1), (double)(points * stride) / (double)(s + 1)};
    ecdf_band_t band = ecdf_band_between(n, points, z, level, parameters, seed);
    band.stride = stride;
    return band;
}

void ecdf_band_free(ecdf_band_t *band)
{
    free(band->z);
    free(band->low);
    free(band->high);
    *band = (ecdf_band_t){0};
}

void ecdf_at(const ecdf_band_t *band, const double *values, double *out)
{
    double *sorted = MEM_NEW(double, band->n);
    for (int64_t i = 0; i < band->n; i++)
        sorted[i] = values[i];
    stats_sort(band->n, sorted);
    int64_t count = 0;
    for (int64_t k = 0; k < band->points; k++) {
        while (count < band->n && sorted[count] <= band->z[k])
            count++;
        out[k] = (double)count / (double)band->n;
    }
    free(sorted);
}

void ecdf_at_ranks(const ecdf_band_t *band, const int64_t *ranks, double *out)
{
    CHECK(band->stride > 0, "this band is none for ranks");
    int64_t *below = MEM_NEW(int64_t, band->points);
    for (int64_t i = 0; i < band->n; i++) {
        int64_t k = ranks[i] / band->stride; // the first point (k + 1) * stride above the rank
        if (k < band->points)
            below[k]++;
    }
    for (int64_t k = 0, sum = 0; k < band->points; k++) {
        sum += below[k];
        out[k] = (double)sum / (double)band->n;
    }
    free(below);
}

int ecdf_inside(const ecdf_band_t *band, const double *ecdf)
{
    for (int64_t k = 0; k < band->points; k++) {
        if (ecdf[k] < band->low[k] || ecdf[k] > band->high[k])
            return 0;
    }
    return 1;
}

ecdf_null_t *log_gamma_null(int64_t n, int64_t s, uint64_t seed)
{
    return ecdf_null_create(n, s + 1, 1.0 / (double)(s + 1), 1, FEWEST_SIMULATIONS, seed);
}

double log_gamma(const ecdf_null_t *null, int64_t s, const int64_t *ranks)
{
    CHECK(null->points == s + 1, "the null has %ld points, %ld expected", (long)null->points,
          (long)s + 1);
    int64_t *below = MEM_NEW(int64_t, s + 1); // below[i - 1] = #{ranks < i}
    for (int64_t i = 0; i < null->n; i++)
        below[ranks[i]]++;
    for (int64_t i = 1; i <= s; i++)
        below[i] += below[i - 1];
    double gamma = ecdf_null_gamma(null, below);
    free(below);
    return log(gamma / ecdf_null_critical(null, 0.05));
}
