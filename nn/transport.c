// SPDX-License-Identifier: Apache-2.0
#include "nn/transport.h"

#include "cluster/err.h"
#include "nn/lanes.h"

static VEC_KERNEL void squared_distances(int64_t n, int64_t d, const float *theta, const float *z,
                                         float *cost)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = 0;
            for (int64_t k = 0; k < d; k++) {
                float apart = theta[i * d + k] - z[j * d + k];
                sum += apart * apart;
            }
            cost[i * n + j] = sum;
        }
}

void transport_cost(int64_t n, int64_t d, const float *theta, const float *z, float *cost)
{
    squared_distances(n, d, theta, z, cost);
}

/* 1 - cos; 0 on the diagonal. */
static VEC_KERNEL void unlikeness(int64_t n, int64_t c, const float *condition, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        const float *a = condition + i * c;
        float length = lanes_dot(c, a, a);
        for (int64_t j = 0; j < n; j++) {
            const float *b = condition + j * c;
            float size = sqrtf(length) * sqrtf(lanes_dot(c, b, b));
            float cosine = size > 0.0f ? lanes_dot(c, a, b) / size : 0.0f;
            float apart = cosine < 1.0f ? 1.0f - cosine : 0.0f;
            out[i * n + j] = i == j ? 0.0f : apart;
        }
    }
}

/* Share of the pairs i != j with w unlike_ij <= cost_ii - cost_ij. */
static double share_of_gains(int64_t n, const float *cost, const float *unlike, double w)
{
    int64_t gains = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            gains += i != j && w * (double)unlike[i * n + j] <=
                                   (double)cost[i * n + i] - (double)cost[i * n + j];
    return n > 1 ? (double)gains / (double)(n * (n - 1)) : 0;
}

#define MOST_WEIGHT 0x1p20
#define BISECTIONS  10

static double weight_for(int64_t n, double ratio, const float *cost, const float *unlike)
{
    double low = 0, high = 1;
    for (; high < MOST_WEIGHT && share_of_gains(n, cost, unlike, high) > ratio; high *= 2)
        low = high;
    for (int k = 0; k < BISECTIONS; k++) {
        double middle = (low + high) / 2;
        *(share_of_gains(n, cost, unlike, middle) > ratio ? &low : &high) = middle;
    }
    return high;
}

double transport_keep_conditions(int64_t n, int64_t c, const float *condition, double ratio,
                                 float *cost, float *work)
{
    unlikeness(n, c, condition, work);
    double w = weight_for(n, ratio, cost, work);
    for (int64_t k = 0; k < n * n; k++)
        cost[k] += (float)w * work[k];
    return w;
}

/* out_j = -reg ln n - reg ln sum_i exp((other_i - cost_ij) / reg): what gives column j the sum 1 / n. Sums run over rows one
 * after another, for all columns at once. top, sum (n). */
static VEC_KERNEL void update(int64_t n, const float *cost, const float *other, float reg,
                              float *restrict top, float *restrict sum, float *restrict out)
{
    float inverse = 1.0f / reg, offset = reg * f_log((float)n);
    for (int64_t j = 0; j < n; j++) {
        top[j] = other[0] - cost[j];
        sum[j] = 0.0f;
    }
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            float x = other[i] - cost[i * n + j];
            top[j] = x > top[j] ? x : top[j];
        }
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            sum[j] += f_exp((other[i] - cost[i * n + j] - top[j]) * inverse);
    for (int64_t j = 0; j < n; j++)
        out[j] = -offset - (top[j] + reg * f_log(sum[j]));
}

static VEC_KERNEL void fill_plan(int64_t n, const float *cost, const float *f, const float *g,
                                 float reg, float *plan)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            plan[i * n + j] = f_exp((f[i] + g[j] - cost[i * n + j]) / reg);
}

static void transpose(int64_t n, const float *from, float *to)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            to[j * n + i] = from[i * n + j];
}

static double largest_move(int64_t n, const float *a, const float *b)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

int64_t transport_plan_work(int64_t n)
{
    return 5 * n;
}

/* The transposed cost lies where the plan will. */
int transport_plan(int64_t n, const float *cost, const transport_config_t *config, float *plan,
                   float *work)
{
    float *f = work, *g = work + n, *old = work + 2 * n, *top = work + 3 * n, *sum = work + 4 * n;
    float reg = (float)config->reg;
    int step = 0;
    CHECK(config->reg > 0 && config->steps > 0, "transport: reg %g, %d steps", config->reg,
          config->steps);
    if (n == 0)
        return 0;
    transpose(n, cost, plan);
    memset(f, 0, (size_t)n * sizeof *f);
    do {
        memcpy(old, f, (size_t)n * sizeof *f);
        update(n, cost, f, reg, top, sum, g);
        update(n, plan, g, reg, top, sum, f);
    } while (++step < config->steps && largest_move(n, f, old) > config->tolerance);
    fill_plan(n, cost, f, g, reg, plan);
    return step;
}

static int64_t choose_in_row(int64_t n, const float *p, double uniform)
{
    double sum = 0, at = 0;
    for (int64_t j = 0; j < n; j++)
        sum += (double)p[j];
    int64_t choice = 0;
    for (int64_t j = 0; j < n; j++) {
        if (p[j] > 0 && at <= uniform * sum)
            choice = j;
        at += (double)p[j];
    }
    return choice;
}

void transport_choose(int64_t n, const float *plan, const float *uniform, int64_t *choice)
{
    for (int64_t i = 0; i < n; i++)
        choice[i] = choose_in_row(n, plan + i * n, (double)uniform[i]);
}
