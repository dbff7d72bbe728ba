// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/misfit.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/binomial.h"

#include <math.h>
#include <stdlib.h>

enum { MISFIT_REFERENCES = MMD_TEST_ROWS - MISFIT_ROWS };

/* How many references lie beyond the least unusual of unusual data sets: (k + 1) / (n + 1) < MISFIT_UNUSUAL; -1: with so
 * few references nothing is unusual. */
static int64_t beyond_most(int64_t references)
{
    int64_t k = (int64_t)ceil(MISFIT_UNUSUAL * (double)(references + 1)) - 2;
    return k < -1 ? -1 : k;
}

/* Keeps the farthest ones, farthest first. */
static void name_it(misfit_t *m, const double *distance, int64_t i, double p)
{
    int64_t at = m->named < MISFIT_NAMED ? m->named++ : MISFIT_NAMED;
    for (; at > 0 && distance[m->name[at - 1]] < distance[i]; at--)
        if (at < MISFIT_NAMED) {
            m->name[at] = m->name[at - 1];
            m->name_p[at] = m->name_p[at - 1];
        }
    if (at < MISFIT_NAMED) {
        m->name[at] = i;
        m->name_p[at] = p;
    }
}

misfit_t misfit_judge(const distance_t *f, int64_t n, const double *distance)
{
    int64_t j = beyond_most(f->n);
    misfit_t m = {.references = f->n, .threshold = j < 0 ? INFINITY : f->reference[f->n - 1 - j]};
    for (int64_t i = 0; i < n; i++) {
        double p = distance_p_value(f, distance[i]);
        if (isnan(distance[i]))
            continue;
        m.n++;
        m.beyond += distance[i] > f->reference[f->n - 1];
        if (p < MISFIT_UNUSUAL) {
            m.unusual++;
            name_it(&m, distance, i, p);
        }
    }
    m.expected = (double)m.n * (double)(j + 1) / (double)(f->n + 1);
    m.p_value = j < 0 ? 1 : beta_binomial_tail(m.n, (double)(j + 1), (double)(f->n - j), m.unusual);
    return m;
}

int64_t misfit_pick(int64_t n, const double *distance, int64_t *out)
{
    int64_t all = 0, seen = 0, taken = 0;
    for (int64_t i = 0; i < n; i++)
        all += !isnan(distance[i]);
    int64_t most = all < MISFIT_ROWS ? all : MISFIT_ROWS;
    for (int64_t i = 0; i < n && taken < most; i++)
        if (!isnan(distance[i]) && seen++ == taken * all / most)
            out[taken++] = i;
    return taken;
}

static double *turned(const distance_t *f, int64_t n, const float *summaries)
{
    double *out = MEM_NEW(double, n * f->d);
    for (int64_t i = 0; i < n; i++)
        distance_whiten(f, summaries + i * f->d, out + i * f->d);
    return out;
}

void misfit_compare(misfit_t *m, const distance_t *f, int64_t rows, const float *summaries,
                    int64_t draws)
{
    int64_t references = f->kept < MISFIT_REFERENCES ? f->kept : MISFIT_REFERENCES;
    if (rows < 2 || references < 2)
        return;
    mmd_config_t config = {.draws = draws};
    double *observed = turned(f, rows, summaries), *reference = turned(f, references, f->summaries);
    m->rows = rows;
    m->mmd = mmd_test(&config, rows, observed, references, reference, f->d);
    free(reference);
    free(observed);
}

static bool too_many(const misfit_t *m)
{
    return m->unusual > 0 && m->p_value <= MISFIT_LEVEL;
}

static bool spread_otherwise(const misfit_t *m)
{
    return m->rows > 0 && m->mmd.p_value <= MISFIT_LEVEL;
}

bool misfit_found(const misfit_t *m)
{
    return too_many(m) || spread_otherwise(m) || (m->n == 1 && m->unusual == 1);
}

/* ---- words ---- */

static const char FOREIGN[] =
    "Its posterior is that of a model that hardly fits: look for outliers in the data, and for "
    "what the simulator leaves out.";

static char *words_of_one(const misfit_t *m)
{
    if (m->unusual == 0)
        return mem_format("The observed data set looks like a simulated one.");
    if (m->beyond > 0)
        return mem_format(
            "The observed data set does not look like a simulated one: its summaries "
            "lie farther out than those of all %ld simulated data sets (p = %.2g). %s",
            (long)m->references, m->name_p[0], FOREIGN);
    return mem_format("The observed data set does not look like a simulated one: its summaries lie "
                      "unusually far out (p = %.2g). %s",
                      m->name_p[0], FOREIGN);
}

static void add_names(const misfit_t *m, const char *const *ids, text_t *out)
{
    text_add(out, " %s: ", m->unusual > 1 ? "Farthest first" : "It is");
    for (int64_t k = 0; k < m->named; k++)
        text_add(out, "%s%s (p = %.2g)", k > 0 ? ", " : "", ids[m->name[k]], m->name_p[k]);
    text_add(out, m->unusual > m->named ? ", and others." : ".");
    if (m->beyond > 0)
        text_add(out, " %ld %s farther out than all %ld simulated data sets.", (long)m->beyond,
                 m->beyond > 1 ? "lie" : "lies", (long)m->references);
}

static void add_count(const misfit_t *m, text_t *out)
{
    text_add(out, "%ld of %ld observed data sets %s unusual for this model (p below %.2g), ",
             (long)m->unusual, (long)m->n, m->unusual == 1 ? "is" : "are", MISFIT_UNUSUAL);
    text_add(out, "%.*f would be by chance", m->expected < 10 ? 1 : 0, m->expected);
    if (too_many(m))
        text_add(out, ": more than chance explains (p = %.2g).", m->p_value);
    else
        text_add(out, ": no more than chance explains.");
}

static void add_spread(const misfit_t *m, text_t *out)
{
    text_add(out, " As a whole they ");
    text_add(out, spread_otherwise(m) ? "do not look like" : "look like");
    text_add(out, " simulated data sets (MMD test of the summaries");
    if (m->rows < m->n)
        text_add(out, " of %ld of them", (long)m->rows);
    text_add(out, ", p = %.2g).", m->mmd.p_value);
    if (spread_otherwise(m) && !too_many(m))
        text_add(out, " Since few lie far out, the usual reason is no misfit: real data sets that "
                      "are more alike than the prior makes them, or of one design.");
}

char *misfit_words(const misfit_t *m, const char *const *ids)
{
    text_t out = text_create();
    if (m->n == 0)
        return out.data;
    if (m->n == 1) {
        text_free(&out);
        return words_of_one(m);
    }
    add_count(m, &out);
    if (m->unusual > 0)
        add_names(m, ids, &out);
    if (m->rows > 0)
        add_spread(m, &out);
    if (too_many(m))
        text_add(&out, " Posteriors of unusual data sets are those of a model that hardly fits "
                       "them: look for outliers in the data, and for what the simulator leaves "
                       "out.");
    return out.data;
}
