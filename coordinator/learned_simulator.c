// SPDX-License-Identifier: Apache-2.0
#include "coordinator/learned_simulator.h"

#include <stdlib.h>

/* Parameters and design have to be known to simulate from them. */
static err_t check_known(const trained_t *trained, const real_data_t *data)
{
    const schema_t *schema = &trained->schema;
    const int *kept;
    int n = adapter_kept(amortizer_adapter(trained->amortizer), &kept), k = 0;
    for (int p = 0; p < schema->n_parameters; p++) {
        if (k < n && kept[k] == p)
            k++;
        else
            return err_fail(ERR_USAGE, "the adapter drops parameter %s, which the simulator needs",
                            schema->parameters[p].name);
    }
    for (int d = 0; d < schema->n_design; d++)
        if (!data->design_known[d])
            return err_fail(
                ERR_USAGE,
                "design variable %s, which the simulator needs, is not known of the real "
                "data (infer: {design: {%s: COLUMN}})",
                schema->design[d].name, schema->design[d].name);
    return OK;
}

err_t learned_simulator(const study_t *study, const trained_t *trained, const real_data_t *data,
                        simulator_t **out)
{
    *out = NULL;
    TRY(check_known(trained, data));
    TRY(study_simulator(study, out));
    if (simulator_needs_ranks(*out)) {
        simulator_close(out);
        return err_fail(ERR_USAGE, "the simulator works on MPI ranks of its own (create_on_ranks), "
                                   "which inference does not give it");
    }
    char *difference = schema_difference(simulator_schema(*out), &trained->schema);
    err_t err = OK;
    if (difference != NULL)
        err =
            err_fail(ERR_MISMATCH, "the simulator is not the one that was learned: %s", difference);
    free(difference);
    if (err != OK)
        simulator_close(out);
    return err;
}

/* ---- the ladder ---- */

static err_t open_exact(const study_t *study, const trained_t *trained, const real_data_t *data,
                        exact_model_t *m)
{
    if ((m->rungs & LADDER_PSIS) && !amortizer_has_density(trained->amortizer))
        return err_fail(
            ERR_USAGE,
            "psis weighs draws by the density of the inference network, and a %s has "
            "none: leave psis out, or train a coupling_flow",
            inference_table[amortizer_config(trained->amortizer)->inference.type]->word);
    TRY(learned_simulator(study, trained, data, &m->simulator));
    return exact_create(m->simulator, amortizer_adapter(trained->amortizer), &m->exact);
}

err_t exact_model_open(const study_t *study, const trained_t *trained, const real_data_t *data,
                       ladder_rungs_t rungs, exact_model_t *out)
{
    *out = (exact_model_t){.rungs = rungs};
    if (rungs == LADDER_AMORTIZED)
        return OK;
    char *words = ladder_words(rungs);
    err_t err = err_context(open_exact(study, trained, data, out), "ladder (%s)", words);
    free(words);
    return err;
}

void exact_model_close(exact_model_t *m)
{
    exact_destroy(&m->exact);
    simulator_close(&m->simulator);
}

infer_config_t learned_inference(const trained_t *trained, const exact_model_t *exact, int64_t seed,
                                 int64_t draws)
{
    return (infer_config_t){.amortizer = trained->amortizer,
                            .distance = &trained->distance,
                            .reach = &trained->reach,
                            .schema = &trained->inferred,
                            .seed = (uint64_t)seed,
                            .draws = draws,
                            .rungs = exact != NULL ? exact->rungs : LADDER_AMORTIZED,
                            .exact = exact != NULL ? exact->exact : NULL};
}
