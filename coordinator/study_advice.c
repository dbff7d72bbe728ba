// SPDX-License-Identifier: Apache-2.0
#include "coordinator/study_advice.h"

#include "cluster/mem.h"
#include "cluster/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* network.size as the study has it; its table has read it without fault. */
static void network_size(const study_t *study, size_t cap, char *out)
{
    yaml_doc_t *doc = NULL;
    snprintf(out, cap, "base");
    if (yaml_read_text(study->text, study->path, &doc) != OK) {
        err_clear();
        return;
    }
    yaml_node_ref_t network = yaml_node_get(yaml_root(doc), "network");
    const char *size = yaml_node_text(yaml_node_get(network, "size"));
    if (size != NULL && size[0] != '\0')
        snprintf(out, cap, "%s", size);
    yaml_close(&doc);
}

/* Learned summaries of all observables together; 0 where each is read as it is. */
static int summaries(const amortizer_config_t *c)
{
    int dim = 0;
    for (int o = 0; o < c->n_observables; o++)
        if (c->observables[o].summary.type != SUMMARY_IDENTITY && !c->observables[o].direct)
            dim += c->observables[o].summary.summary_dim;
    return dim;
}

typedef struct {
    double *lower, *upper, *low, *skewness; // (D)
} truths_t;

static truths_t truths_of(const schema_t *inferred, const digest_t *digest)
{
    int d = inferred->n_parameters;
    truths_t t = {MEM_NEW(double, d + 1), MEM_NEW(double, d + 1), NULL, NULL};
    for (int k = 0; k < d; k++) {
        t.lower[k] = inferred->parameters[k].lower;
        t.upper[k] = inferred->parameters[k].upper;
    }
    if (digest == NULL || digest->d != d)
        return t;
    double *truth = MEM_NEW(double, digest->n + 1);
    t.low = MEM_NEW(double, d + 1);
    t.skewness = MEM_NEW(double, d + 1);
    for (int k = 0; k < d; k++) {
        marginal_t m = digest_marginal(digest, k);
        marginal_truths(&m, truth);
        t.skewness[k] = advice_skewness(digest->n, truth);
        t.low[k] = INFINITY;
        for (int64_t i = 0; i < digest->n; i++)
            t.low[k] = fmin(t.low[k], truth[i]);
    }
    free(truth);
    return t;
}

static advice_facts_t facts_of_study(const study_t *study)
{
    return (advice_facts_t){.rows = study->bank.rows,
                            .epochs = study->train.epochs,
                            .datasets = study->diagnose.datasets,
                            .learning_rate = study->train.learning_rate};
}

advice_list_t study_advice(const study_t *study, const trained_t *trained,
                           const gate_record_t *gate, const digest_t *digest,
                           const posterior_shape_t *shape)
{
    char size[16];
    network_size(study, sizeof size, size);
    const amortizer_config_t *c = amortizer_config(trained->amortizer);
    history_verdict_t training =
        history_inspect(trained->epochs, trained->training_loss, trained->validation_losses,
                        study->diagnose.ratings.overfitting);
    truths_t truths = truths_of(&trained->inferred, digest);
    advice_facts_t f = facts_of_study(study);
    f.size = size;
    f.inference = inference_table[c->inference.type]->word;
    f.transform = c->inference.flow.transform == TRANSFORM_SPLINE ? "spline" : "affine";
    f.summary_dim = summaries(c);
    f.patience_used = trained->epochs < study->train.epochs;
    f.d = trained->inferred.n_parameters;
    f.lower = truths.lower;
    f.upper = truths.upper;
    f.truth_low = truths.low;
    f.truth_skewness = truths.skewness;
    f.training = trained->epochs > 0 ? &training : NULL;
    f.gate = gate;
    f.shape = shape;
    advice_list_t list = advise(&f);
    free(truths.lower);
    free(truths.upper);
    free(truths.low);
    free(truths.skewness);
    return list;
}

advice_list_t study_advice_diverged(const study_t *study)
{
    history_verdict_t training = {.diverged = true, .best = -1};
    advice_facts_t f = facts_of_study(study);
    f.training = &training;
    return advise(&f);
}
