// SPDX-License-Identifier: Apache-2.0
#include "workers/ladder.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "diagnostics/convergence.h"
#include "diagnostics/psis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 160 };

struct ladder {
    ladder_rungs_t rungs;
    exact_t *exact;
    int P;
    ladder_costs_t costs;
    char psis[WHY], mcmc[WHY], why[2 * WHY + 2]; // why a rung gave no answer; why none did
};

/* ---- which rungs ---- */

err_t ladder_read(int n, const char *const *words, ladder_rungs_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        int rung = POSTERIOR_AMORTIZED;
        while (rung <= POSTERIOR_MCMC && strcmp(words[i], posterior_rung_names[rung]) != 0)
            rung++;
        if (rung > POSTERIOR_MCMC)
            return err_fail(ERR_USAGE, "ladder: got \"%.60s\", expected amortized, psis or mcmc",
                            words[i]);
        if (*out >> rung != 0)
            return err_fail(ERR_USAGE,
                            "ladder: %s comes after itself or a higher rung, expected an order "
                            "such as [amortized, psis, mcmc]",
                            words[i]);
        *out |= 1U << rung;
    }
    if (*out == 0)
        return err_fail(ERR_USAGE,
                        "ladder: no rung, expected one or more of amortized, psis, mcmc");
    return OK;
}

char *ladder_words(ladder_rungs_t rungs)
{
    bool amortized = rungs & LADDER_AMORTIZED, psis = rungs & LADDER_PSIS,
         mcmc = rungs & LADDER_MCMC;
    return mem_format("%s%s%s%s%s", amortized ? "amortized" : "", amortized && psis ? " " : "",
                      psis ? "psis" : "", (amortized || psis) && mcmc ? " " : "",
                      mcmc ? "mcmc" : "");
}

ladder_t *ladder_create(ladder_rungs_t rungs, exact_t *exact)
{
    ladder_t *l = MEM_NEW(ladder_t, 1);
    *l = (ladder_t){.rungs = rungs, .exact = exact, .P = exact_parameters(exact)};
    return l;
}

void ladder_destroy(ladder_t **ladder)
{
    free(*ladder);
    *ladder = NULL;
}

ladder_costs_t ladder_costs(const ladder_t *ladder)
{
    return ladder->costs;
}

/* ---- importance sampling ---- */

static void log_ratios(const ladder_t *l, const ladder_climb_t *c, double *ratio)
{
    for (int64_t k = 0; k < c->draws; k++)
        ratio[k] = exact_log_density(l->exact, c->values + k * l->P) - c->log_q[k];
}

/* Draws by their weights, in the place of all. */
static void resample(const ladder_t *l, const ladder_climb_t *c, const double *weight)
{
    size_t bytes = (size_t)l->P * sizeof(double);
    rng_t rng = rng_at(c->seed, RNG_PSIS, (uint64_t)c->rows->index[c->i]);
    int64_t *index = MEM_NEW(int64_t, c->draws);
    double *taken = MEM_NEW(double, c->draws * l->P);
    psis_resample(c->draws, weight, rng_uniform(&rng), c->draws, index);
    for (int64_t k = 0; k < c->draws; k++)
        memcpy(taken + k * l->P, c->values + index[k] * l->P, bytes);
    memcpy(c->values, taken, (size_t)c->draws * bytes);
    free(taken);
    free(index);
}

static bool try_psis(ladder_t *l, const ladder_climb_t *c, posterior_verdict_t *verdict)
{
    double fewest = fmin(LADDER_FEWEST, (double)c->draws / 10.0), limit = psis_threshold(c->draws);
    double *weight = MEM_NEW(double, c->draws);
    log_ratios(l, c, weight);
    psis_t found = psis_smooth(c->draws, weight);
    bool trusted = found.khat <= limit, answers = trusted && found.effective >= fewest;
    verdict->khat = found.khat;
    verdict->ess = found.effective;
    if (answers || (trusted && (l->rungs & LADDER_MCMC) == 0))
        resample(l, c, weight);
    if (!answers)
        snprintf(l->psis, WHY,
                 "psis: k-hat %.2f (limit %.2f), %.0f effective draws (of %.0f needed)", found.khat,
                 limit, found.effective, fewest);
    free(weight);
    return answers;
}

/* ---- chains ---- */

typedef struct {
    double key;
    int64_t at;
} pick_t;

static int by_key(const void *a, const void *b)
{
    const pick_t *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Draws of the amortizer that the exact posterior holds possible, as many as are returned: by exact density / that of the
 * amortizer without replacement, which are the largest of log ratio + Gumbel noise (Kool, van Hoof and Welling 2019, "Stochastic
 * beams and where to find them"). */
static int64_t pick_draws(const ladder_t *l, const ladder_climb_t *c, rng_t *rng, pick_t *picks)
{
    int64_t n = 0;
    for (int64_t k = 0; k < c->draws; k++) {
        double log_p = exact_log_density(l->exact, c->values + k * l->P),
               noise = -log(-log(rng_uniform(rng)));
        if (isfinite(log_p))
            picks[n++] = (pick_t){log_p - (c->log_q != NULL ? c->log_q[k] : 0.0) + noise, k};
    }
    qsort(picks, (size_t)n, sizeof *picks, by_key);
    return n;
}

/* (chains, Q); false where the amortizer's draws are no place to start from. */
static bool find_starts(ladder_t *l, const ladder_climb_t *c, const chains_config_t *config,
                        rng_t *rng, double *start)
{
    int Q = exact_dims(l->exact);
    pick_t *picks = MEM_NEW(pick_t, c->draws);
    int64_t n = pick_draws(l, c, rng, picks), fewest = 2 * Q + 2;
    for (int k = 0; k < config->chains && n >= fewest; k++)
        exact_to_free(l->exact, c->values + picks[k % n].at * l->P, start + k * Q);
    free(picks);
    if (n < fewest)
        snprintf(l->mcmc, WHY,
                 "mcmc: the exact posterior holds %ld of %ld amortized draws possible, %ld needed",
                 (long)n, (long)c->draws, (long)fewest);
    return n >= fewest;
}

/* From free numbers to values (chains, draws, P). */
static double *chain_values(const ladder_t *l, int64_t n, const double *u)
{
    int Q = exact_dims(l->exact);
    double *values = MEM_NEW(double, n * l->P);
    for (int64_t k = 0; k < n; k++)
        exact_from_free(l->exact, u + k * Q, values + k * l->P);
    return values;
}

/* The worst of all parameters. */
static convergence_t judge(const ladder_t *l, const chains_config_t *config, const double *values)
{
    int64_t n = config->chains * config->draws;
    convergence_t worst = {.rhat = 0.0, .bulk = INFINITY, .tail = INFINITY};
    double *one = MEM_NEW(double, n);
    for (int p = 0; p < l->P; p++) {
        for (int64_t k = 0; k < n; k++)
            one[k] = values[k * l->P + p];
        convergence_t found = convergence(config->chains, config->draws, one);
        worst.rhat = found.rhat <= worst.rhat ? worst.rhat : found.rhat; // NaN is the worst
        worst.bulk = fmin(worst.bulk, found.bulk);
        worst.tail = fmin(worst.tail, found.tail);
    }
    free(one);
    return worst;
}

/* Draws evenly spread over all chains, in the place of the amortizer's. */
static void take(const ladder_t *l, const ladder_climb_t *c, int64_t n, const double *values)
{
    for (int64_t k = 0; k < c->draws; k++) {
        int64_t from = (2 * k + 1) * n / (2 * c->draws);
        memcpy(c->values + k * l->P, values + from * l->P, (size_t)l->P * sizeof *values);
    }
}

static convergence_t run_chains(ladder_t *l, const chains_config_t *config, const double *start,
                                rng_t *rng, double **values)
{
    chains_target_t target = exact_target(l->exact);
    int64_t n = config->chains * config->draws;
    double *u = MEM_NEW(double, n *target.d);
    chains_run(&target, config, start, rng, u);
    *values = chain_values(l, n, u);
    free(u);
    return judge(l, config, *values);
}

static bool settled(const convergence_t *found)
{
    return found->rhat < LADDER_RHAT && found->bulk >= LADDER_FEWEST_CHAINS &&
           found->tail >= LADDER_FEWEST_CHAINS;
}

static chains_config_t chains_config(const ladder_t *l, int64_t draws)
{
    chains_config_t config =
        chains_config_default(exact_dims(l->exact), exact_target(l->exact).has_gradient);
    int64_t each = (draws + config.chains - 1) / config.chains;
    config.draws = config.draws > each ? config.draws : each;
    return config;
}

static bool try_mcmc(ladder_t *l, const ladder_climb_t *c, posterior_verdict_t *verdict)
{
    chains_config_t config = chains_config(l, c->draws);
    rng_t rng = rng_at(c->seed, RNG_CHAINS, (uint64_t)c->rows->index[c->i]);
    double *start = MEM_NEW(double, config.chains *exact_dims(l->exact)), *values = NULL;
    convergence_t found = {0};
    bool starts = find_starts(l, c, &config, &rng, start), answers = false;
    for (int round = 0; starts && !answers && round < 2; round++) {
        free(values);
        found = run_chains(l, &config, start, &rng, &values);
        answers = settled(&found);
        if (round == 0 && !answers) {
            config.warmup *= LADDER_LONGER;
            config.thin *= LADDER_LONGER;
        }
    }
    if (starts) {
        verdict->rhat = found.rhat;
        take(l, c, config.chains * config.draws, values);
    }
    if (starts && !answers)
        snprintf(l->mcmc, WHY, "mcmc: R-hat %.3f (limit %g), %.0f effective draws (%d needed)",
                 found.rhat, LADDER_RHAT, fmin(found.bulk, found.tail), LADDER_FEWEST_CHAINS);
    free(values);
    free(start);
    return answers;
}

/* ---- the climb ---- */

typedef bool try_t(ladder_t *l, const ladder_climb_t *c, posterior_verdict_t *verdict);

static bool climb_to(ladder_t *l, posterior_rung_t rung, try_t *try, const ladder_climb_t *c,
                     posterior_verdict_t *verdict)
{
    if ((l->rungs >> rung & 1U) == 0)
        return false;
    double start = log_clock();
    bool answers = try(l, c, verdict);
    l->costs.tried[rung]++;
    l->costs.seconds[rung] += log_clock() - start;
    if (answers)
        verdict->rung = rung;
    return answers;
}

const char *ladder_climb(ladder_t *l, const ladder_climb_t *c, posterior_verdict_t *verdict)
{
    l->psis[0] = l->mcmc[0] = '\0';
    exact_set(l->exact, c->rows, c->i);
    if (climb_to(l, POSTERIOR_PSIS, try_psis, c, verdict) ||
        climb_to(l, POSTERIOR_MCMC, try_mcmc, c, verdict))
        return NULL;
    verdict->rung = POSTERIOR_UNANSWERED;
    bool both = l->psis[0] != '\0' && l->mcmc[0] != '\0';
    snprintf(l->why, sizeof l->why, "%s%s%s", l->psis, both ? "; " : "", l->mcmc);
    return l->why;
}
