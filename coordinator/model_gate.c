// SPDX-License-Identifier: Apache-2.0
#include "coordinator/model_gate.h"

#include "cluster/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *gate_path(const char *model)
{
    const char *slash = strrchr(model, '/');
    return slash ? mem_format("%.*s/gate.json", (int)(slash - model), model)
                 : mem_copy_text("gate.json");
}

/* A gate that was passed by asking for less: what was asked, and what is asked by default. */
static char *loosened(const gate_limits_t *asked)
{
    gate_limits_t usual = gate_limits_default();
    if (asked->calibration_error <= usual.calibration_error &&
        asked->ecdf_deviation <= usual.ecdf_deviation && asked->rank_r2 <= usual.rank_r2 &&
        asked->data_sets >= usual.data_sets)
        return mem_copy_text("");
    return mem_format(", under limits of the study's own (calibration error %.3g, ECDF deviation "
                      "%.3g, rank R2 %.3g, %" PRId64
                      " data sets), looser than the default ones (%.3g, %.3g, %.3g, %" PRId64 ")",
                      asked->calibration_error, asked->ecdf_deviation, asked->rank_r2,
                      asked->data_sets, usual.calibration_error, usual.ecdf_deviation,
                      usual.rank_r2, usual.data_sets);
}

err_t model_gate_ask(const char *model, const char *hash, const char *unverified, model_gate_t *out)
{
    char *path = gate_path(model);
    *out = (model_gate_t){0};
    err_t err = gate_require(path, hash);
    if (err == OK)
        err = gate_read(path, &out->record);
    free(path);
    if (err == OK) {
        out->loosened = loosened(&out->record.limits);
        out->words = mem_format("passed on %" PRId64 " simulated data sets%s, %s", out->record.rows,
                                out->loosened, out->record.software);
    } else if (unverified != NULL) {
        out->loosened = mem_copy_text("");
        out->words = mem_copy_text("none passed");
        out->despite = mem_copy_text(err_text());
        err_clear();
        err = OK;
    }
    return err;
}

void model_gate_free(model_gate_t *g)
{
    gate_free(&g->record);
    free(g->words);
    free(g->loosened);
    free(g->despite);
    *g = (model_gate_t){0};
}
