// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/advice.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/page.h"
#include "diagnostics/sample_stats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADVICE_NAMED = 5 };                  // parameters that a reason names
static const double ADVICE_RATE_STEP = 0.3; // of a learning rate that is too high
static const double ADVICE_CORRELATED =
    0.95; // mean correlation of two parameters that are hardly told apart
static const double ADVICE_SKEW = 1.5;    // that of a lognormal of sd 0.44
static const double ADVICE_SHARP = 0.995; // contraction that splines of few bins follow badly
static const int64_t ADVICE_PILOT =
    20000; // simulations below which more of them come before a larger network

const char *advice_rule_name(advice_rule_t rule)
{
    static const char *const names[ADVICE_RULES] = {[ADVICE_DIVERGED] = "diverged",
                                                    [ADVICE_DATASETS] = "datasets",
                                                    [ADVICE_LABELS] = "labels",
                                                    [ADVICE_UNDERTRAINED] = "undertrained",
                                                    [ADVICE_OVERFITTING] = "overfitting",
                                                    [ADVICE_RATE] = "rate",
                                                    [ADVICE_IGNORED] = "ignored",
                                                    [ADVICE_SUMMARY] = "summary",
                                                    [ADVICE_MODES] = "modes",
                                                    [ADVICE_NETWORK] = "network",
                                                    [ADVICE_SIMULATIONS] = "simulations",
                                                    [ADVICE_SKEWED] = "skewed",
                                                    [ADVICE_APART] = "apart",
                                                    [ADVICE_UNINFORMED] = "uninformed"};
    return names[rule];
}

/* ---- making one ---- */

/* Takes the texts over. */
static advice_t *advice_add(advice_list_t *list, advice_rule_t rule, char *reason, char *what)
{
    list->at = MEM_GROW(list->at, advice_t, list->n + 1);
    advice_t *a = &list->at[list->n++];
    *a = (advice_t){.rule = rule, .reason = reason, .what = what};
    return a;
}

static void advice_set(advice_t *a, const char *key, char *value)
{
    CHECK(a->n_settings < ADVICE_SETTINGS, "%d settings of one advice", a->n_settings);
    a->setting[a->n_settings].key = key;
    a->setting[a->n_settings++].value = value;
}

static void advice_automatic(advice_t *a, const char *key, char *value)
{
    advice_set(a, key, value);
    a->automatic = true;
}

/* Two digits, upward: 61,234 becomes 62,000. */
static int64_t advice_round(double x)
{
    double unit = pow(10, floor(log10(x)) - 1);
    return (int64_t)(ceil(x / unit - 1e-9) * unit + 0.5);
}

static bool gate_fails(const advice_facts_t *f)
{
    return f->gate != NULL && !f->gate->passed;
}

/* A parameter did not pass: more data sets alone would not do. */
static bool numbers_fail(const advice_facts_t *f)
{
    for (int k = 0; f->gate != NULL && k < f->gate->n_parameters; k++)
        if (!f->gate->parameters[k].passed)
            return true;
    return false;
}

static const char *parameter_name(const advice_facts_t *f, int k)
{
    return f->gate->parameters[k].name;
}

/* The first parameters that did not pass, with their numbers: "mu (calibration error 0.14, ECDF deviation 0.21)". */
static char *failing_words(const advice_facts_t *f)
{
    text_t text = text_create();
    int n = 0;
    for (int k = 0; k < f->gate->n_parameters; k++) {
        const gate_parameter_t *p = &f->gate->parameters[k];
        if (p->passed || ++n > ADVICE_NAMED)
            continue;
        char *item = mem_format("%s (calibration error %s, ECDF deviation %s)", p->name,
                                page_number(p->metrics.calibration_error).text,
                                page_number(p->metrics.ecdf_deviation).text);
        text_add_item(&text, item);
        free(item);
    }
    if (n > ADVICE_NAMED)
        text_add(&text, " and %d more", n - ADVICE_NAMED);
    return text.data;
}

/* ---- the rules, each adds its advice where it applies ---- */

static void advise_diverged(const advice_facts_t *f, advice_list_t *out)
{
    if (f->training == NULL || !f->training->diverged)
        return;
    double rate = f->learning_rate * ADVICE_RATE_STEP;
    advice_t *a = advice_add(
        out, ADVICE_DIVERGED, mem_format("A loss of the training is not finite."),
        mem_format("Lower the learning rate: %.2g instead of %.2g. If that does not help, look for "
                   "extreme values in the simulations.",
                   rate, f->learning_rate));
    advice_automatic(a, "train.learning_rate", mem_format("%.2g", rate));
}

static void advise_datasets(const advice_facts_t *f, advice_list_t *out)
{
    const gate_record_t *g = f->gate;
    if (g == NULL || g->rows >= g->limits.data_sets)
        return;
    advice_t *a =
        advice_add(out, ADVICE_DATASETS,
                   mem_format("Checked on %s data sets; the gate wants %s.",
                              page_count(g->rows).text, page_count(g->limits.data_sets).text),
                   mem_format("Check on %s data sets.", page_count(g->limits.data_sets).text));
    advice_automatic(a, "diagnose.datasets", mem_format("%ld", (long)g->limits.data_sets));
}

static char *labels_reason(const exchange_count_t *c, const char *first, const char *second)
{
    if (exchange_judge(c) == EXCHANGE_SWITCHES)
        return mem_format(
            "Of %ld posteriors %ld stay what they are when %s and %s are exchanged, and "
            "%ld of them have two modes: their labels switch.",
            (long)c->sets, (long)c->symmetric, first, second, (long)c->separated);
    return mem_format(
        "Of %ld posteriors %ld have %s and %s in one order alone, and in %ld of these the "
        "truth has them in the other: one of two modes is kept.",
        (long)c->sets, (long)c->one_sided, first, second, (long)c->against);
}

static void advise_labels(const advice_facts_t *f, advice_list_t *out)
{
    const posterior_shape_t *shape = f->shape;
    for (int p = 0; f->gate != NULL && shape != NULL && shape->exchange != NULL && p < f->d; p++)
        for (int q = p + 1; q < f->d; q++) {
            const exchange_count_t *count = &shape->exchange[exchange_pair(f->d, p, q)];
            if (exchange_judge(count) == EXCHANGE_NONE)
                continue;
            const char *first = parameter_name(f, p), *second = parameter_name(f, q);
            advice_t *a = advice_add(
                out, ADVICE_LABELS, labels_reason(count, first, second),
                mem_format("Order them, so that each names one component: a prior with %s < %s, "
                           "and in the study",
                           first, second));
            advice_set(a, "adapter", mem_format("- ordered: [%s, %s]", first, second));
        }
}

static void advise_undertrained(const advice_facts_t *f, advice_list_t *out)
{
    if (f->training == NULL || !f->training->undertrained || f->patience_used)
        return;
    int64_t epochs = 2 * f->epochs;
    advice_t *a =
        advice_add(out, ADVICE_UNDERTRAINED,
                   mem_format("The validation loss was still falling at the end of %s epochs.",
                              page_count(f->epochs).text),
                   mem_format("Train longer: %s epochs instead of %s.", page_count(epochs).text,
                              page_count(f->epochs).text));
    advice_automatic(a, "train.epochs", mem_format("%ld", (long)epochs));
}

/* The gap between validation and training falls about as 1 / simulations; half of what is allowed is aimed at. */
static void advise_overfitting(const advice_facts_t *f, advice_list_t *out)
{
    if (f->training == NULL || !f->training->overfitting || f->rows <= 0)
        return;
    double limit = f->gate ? f->gate->ratings.overfitting : ratings_default().overfitting;
    double times = (f->training->ratio - 1) / (0.5 * (limit - 1));
    int64_t rows = advice_round((double)f->rows * fmin(8, fmax(2, times)));
    advice_t *a = advice_add(
        out, ADVICE_OVERFITTING,
        mem_format("At the end the validation loss lies %.0f %% above the training loss: the "
                   "network learns its %s simulations by heart.",
                   100 * (f->training->ratio - 1), page_count(f->rows).text),
        mem_format("Simulate more: %s instead of %s (the gap falls about as one over their "
                   "number).",
                   page_count(rows).text, page_count(f->rows).text));
    advice_automatic(a, "bank.rows", mem_format("%ld", (long)rows));
}

static void advise_rate(const advice_facts_t *f, advice_list_t *out)
{
    const history_verdict_t *t = f->training;
    if (!numbers_fail(f) || t == NULL || t->diverged || t->overfitting || t->undertrained ||
        f->epochs < 10 || t->best < 0 || 2 * (t->best + 1) > f->epochs)
        return;
    double rate = f->learning_rate * ADVICE_RATE_STEP;
    advice_t *a = advice_add(
        out, ADVICE_RATE,
        mem_format("The best epoch was %ld of %ld, and the network does not overfit: training goes "
                   "up and down.",
                   (long)t->best + 1, (long)f->epochs),
        mem_format("Lower the learning rate: %.2g instead of %.2g.", rate, f->learning_rate));
    advice_automatic(a, "train.learning_rate", mem_format("%.2g", rate));
}

/* The worst R2 of ranks on data that is no chance; its parameter in *which. */
static double ignored_worst(const advice_facts_t *f, int *which)
{
    double worst = 0;
    for (int k = 0; f->gate != NULL && k < f->gate->n_parameters; k++) {
        const dependence_t *d = &f->gate->parameters[k].metrics.dependence;
        double r2 = fmax(d->location_p <= GATE_CHANCE ? d->location : 0,
                         d->spread_p <= GATE_CHANCE ? d->spread : 0);
        if (r2 > worst) {
            worst = r2;
            *which = k;
        }
    }
    return worst;
}

static void advise_ignored(const advice_facts_t *f, advice_list_t *out)
{
    int k = 0;
    double worst = ignored_worst(f, &k);
    if (!numbers_fail(f) || !(worst > f->gate->limits.rank_r2))
        return;
    const parameter_metrics_t *m = &f->gate->parameters[k].metrics;
    char *reason = mem_format(
        "The ranks of %s can be told from the data (R² %s, at most %g allowed): the posterior does "
        "not use what the data say about it (they tell at least %.0f %% of its variance, its "
        "contraction is %.0f %%).",
        parameter_name(f, k), page_number(worst).text, f->gate->limits.rank_r2,
        100 * m->dependence.attainable, 100 * m->contraction);
    if (f->summary_dim > 0) {
        advice_t *a =
            advice_add(out, ADVICE_IGNORED, reason,
                       mem_format("Let the summary network learn more numbers: %d instead "
                                  "of %d.",
                                  2 * f->summary_dim, f->summary_dim));
        advice_automatic(a, "network.summary.summary_dim", mem_format("%d", 2 * f->summary_dim));
    } else {
        advice_t *a = advice_add(out, ADVICE_IGNORED, reason,
                                 mem_copy_text("Put a network before the inference network that "
                                               "learns summaries of the observables."));
        advice_automatic(a, "network.summary.type", mem_copy_text("mlp"));
    }
}

static void advise_summary(const advice_facts_t *f, advice_list_t *out)
{
    int dim = 2 * f->d;
    if (!numbers_fail(f) || f->summary_dim <= 0 || f->summary_dim >= dim)
        return;
    advice_t *a =
        advice_add(out, ADVICE_SUMMARY,
                   mem_format("%d learned summaries for %d parameters: fewer than two a parameter.",
                              f->summary_dim, f->d),
                   mem_format("Let the summary network learn %d numbers.", dim));
    advice_automatic(a, "network.summary.summary_dim", mem_format("%d", dim));
}

/* Parameters that did not pass and whose posteriors have two modes, or are sharp. */
static char *modes_words(const advice_facts_t *f)
{
    text_t text = text_create();
    int n = 0;
    for (int k = 0; k < f->gate->n_parameters; k++) {
        const gate_parameter_t *p = &f->gate->parameters[k];
        double modes = f->shape && f->shape->bimodal && k < f->shape->d ? f->shape->bimodal[k] : 0;
        if (p->passed || !(modes >= 0.5 || p->metrics.contraction > ADVICE_SHARP) ||
            ++n > ADVICE_NAMED)
            continue;
        char *item = modes >= 0.5
                         ? mem_format("%s has two modes in %.0f %% of the posteriors looked at",
                                      p->name, 100 * modes)
                         : mem_format("%s has sharp posteriors (contraction %s)", p->name,
                                      page_number(p->metrics.contraction).text);
        text_add_item(&text, item);
        free(item);
    }
    if (n > ADVICE_NAMED)
        text_add(&text, " and %d more are so", n - ADVICE_NAMED);
    return text.data;
}

static void advise_modes(const advice_facts_t *f, advice_list_t *out)
{
    if (!numbers_fail(f) || f->inference == NULL || strcmp(f->inference, "coupling_flow") != 0)
        return;
    char *words = modes_words(f);
    bool affine = f->transform != NULL && strcmp(f->transform, "spline") != 0;
    if (words[0] != '\0') {
        advice_t *a = advice_add(
            out, ADVICE_MODES, mem_format("Not calibrated, and %s.", words),
            mem_format("Take an inference network for such posteriors: %s instead of %s.",
                       affine ? "splines" : "flow matching",
                       affine ? "affine coupling" : "a coupling flow"));
        if (affine)
            advice_automatic(a, "network.inference.transform", mem_copy_text("spline"));
        else
            advice_automatic(a, "network.inference.type", mem_copy_text("flow_matching"));
    }
    free(words);
}

static void advise_network(const advice_facts_t *f, advice_list_t *out)
{
    if (!numbers_fail(f) || f->size == NULL || strcmp(f->size, "large") == 0 ||
        (f->training != NULL && f->training->overfitting))
        return;
    const char *next = strcmp(f->size, "small") == 0 ? "base" : "large";
    char *failing = failing_words(f);
    advice_t *a =
        advice_add(out, ADVICE_NETWORK,
                   mem_format("Not calibrated: %s, while the network does not overfit.", failing),
                   mem_format("Take a larger network: %s instead of %s.", next, f->size));
    advice_automatic(a, "network.size", mem_copy_text(next));
    free(failing);
}

static void advise_simulations(const advice_facts_t *f, advice_list_t *out)
{
    if (!numbers_fail(f) || f->rows <= 0 || (f->training != NULL && f->training->overfitting))
        return;
    int64_t rows = advice_round(4.0 * (double)f->rows);
    char *failing = failing_words(f);
    advice_t *a = advice_add(
        out, ADVICE_SIMULATIONS,
        mem_format("Not calibrated: %s, after %s simulations.", failing, page_count(f->rows).text),
        mem_format("Simulate more: %s instead of %s.", page_count(rows).text,
                   page_count(f->rows).text));
    advice_automatic(a, "bank.rows", mem_format("%ld", (long)rows));
    free(failing);
}

static void advise_skewed(const advice_facts_t *f, advice_list_t *out)
{
    for (int k = 0; k < f->d && f->gate != NULL && f->truth_low != NULL; k++) {
        bool open = isinf(f->lower[k]) && isinf(f->upper[k]);
        if (f->gate->parameters[k].passed || !open || !(f->truth_low[k] > 0) ||
            !(f->truth_skewness[k] > ADVICE_SKEW))
            continue;
        const char *name = parameter_name(f, k);
        advice_t *a = advice_add(
            out, ADVICE_SKEWED,
            mem_format("%s is not calibrated, is always positive and skewed (skewness %s), and its "
                       "model declares no bounds.",
                       name, page_number(f->truth_skewness[k]).text),
            mem_format("Learn its logarithm: declare the lower bound 0, or in the study"));
        advice_set(a, "adapter", mem_format("- log: [%s]", name));
    }
}

static void advise_apart(const advice_facts_t *f, advice_list_t *out)
{
    const posterior_shape_t *shape = f->shape;
    for (int p = 0; f->gate != NULL && shape != NULL && shape->correlation != NULL && p < f->d; p++)
        for (int q = p + 1; q < f->d; q++) {
            double r = shape->correlation[p * f->d + q];
            if (!(fabs(r) >= ADVICE_CORRELATED))
                continue;
            const char *a = parameter_name(f, p), *b = parameter_name(f, q);
            advice_add(
                out, ADVICE_APART,
                mem_format("In the posterior %s and %s are tied (mean correlation %s): the data "
                           "tell %s, but not both.",
                           a, b, page_number(r).text, r < 0 ? "their sum" : "their difference"),
                mem_format("Parametrise the model by what is told (%s %s %s, or their %s), or fix "
                           "one of the two, or collect data that tell them apart.",
                           a, r < 0 ? "+" : "−", b, r < 0 ? "product" : "ratio"));
        }
}

/* "a (contraction 0.12), b (0.05)" */
static char *uninformed_list(const gate_record_t *gate, int *n)
{
    text_t list = text_create();
    *n = 0;
    for (int k = 0; k < gate->n_parameters; k++) {
        const gate_parameter_t *p = &gate->parameters[k];
        if (!(p->metrics.contraction < 0.2))
            continue;
        text_add(&list, *n > 0 ? ", %s (%s)" : "%s (contraction %s)", p->name,
                 page_number(p->metrics.contraction).text);
        *n += 1;
    }
    return list.data;
}

static void advise_uninformed(const advice_facts_t *f, advice_list_t *out)
{
    if (f->gate == NULL || !f->gate->passed)
        return;
    int n;
    char *list = uninformed_list(f->gate, &n);
    if (n > 0)
        advice_add(
            out, ADVICE_UNINFORMED,
            mem_format("Calibrated, but with posteriors that are nearly the prior: %s.", list),
            mem_format("Such data say little about %s: more observations a data set, other "
                       "observables, or fix %s. If an expert could tell %s from the data, "
                       "the summary network does not see what it should: a larger "
                       "network.summary.summary_dim, or another network.",
                       n > 1 ? "these parameters" : "this parameter", n > 1 ? "them" : "it",
                       n > 1 ? "them" : "it"));
    free(list);
}

advice_list_t advise(const advice_facts_t *facts)
{
    static void (*const rules[])(const advice_facts_t *, advice_list_t *) = {
        advise_diverged, advise_datasets, advise_labels,  advise_undertrained, advise_overfitting,
        advise_rate,     advise_ignored,  advise_summary, advise_modes};
    advice_list_t list = {0};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        rules[i](facts, &list);
    bool few = facts->rows < ADVICE_PILOT && gate_fails(facts);
    (few ? advise_simulations : advise_network)(facts, &list);
    (few ? advise_network : advise_simulations)(facts, &list);
    advise_skewed(facts, &list);
    advise_apart(facts, &list);
    advise_uninformed(facts, &list);
    return list;
}

void advice_free(advice_list_t *list)
{
    for (int i = 0; i < list->n; i++) {
        free(list->at[i].reason);
        free(list->at[i].what);
        for (int k = 0; k < list->at[i].n_settings; k++)
            free(list->at[i].setting[k].value);
    }
    free(list->at);
    *list = (advice_list_t){0};
}

double advice_skewness(int64_t n, const double *x)
{
    double mean = stats_mean(n, x), sd = sqrt(stats_variance(n, x, 0)), sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += pow((x[i] - mean) / sd, 3);
    return sd > 0 ? sum / (double)n : NAN;
}
