// SPDX-License-Identifier: Apache-2.0
//
// The rows of a simulator_t, whatever stands behind it.
#include "cluster/stop.h"
#include "workers/row.h"
#include "workers/simulator_inside.h"

#include <string.h>

// Work of one request: long enough that handing it over costs nothing, short enough that a request to stop is seen.
static const double request_seconds = 0.05;

static int64_t rows_of_request(const simulator_t *s, int64_t left)
{
    double fit = s->row_seconds > 0 ? request_seconds / s->row_seconds : 1;
    int64_t n = !s->engine.groups || fit < 1 ? 1 : REQUEST_MOST_ROWS;
    if (n > 1 && fit < (double)n)
        n = (int64_t)fit;
    return n < left ? n : left;
}

static void learn_cost(simulator_t *s, const request_t *r, int64_t done)
{
    double seconds = 1e-9;
    for (int64_t i = 0; i < done; i++)
        seconds += r->rows->seconds[r->at + i] / (double)done;
    if (done > 0)
        s->row_seconds = s->row_seconds > 0 ? 0.5 * (s->row_seconds + seconds) : seconds;
}

// The first row that failed by itself ends the campaign, where the study wants it.
static err_t look_for_failures(const simulator_t *s, const request_t *r, int64_t *done)
{
    for (int64_t i = 0; i < *done && s->stop_on_failure; i++) {
        row_status_t status = r->rows->status[r->at + i];
        const char *reason = r->rows->reason[r->at + i];
        if (status != ROW_ERROR && status != ROW_TIMEOUT && status != ROW_CRASHED)
            continue;
        *done = i;
        return err_fail(ERR_SIMULATOR, "%s: row %ld: %s: %s; the study says `on_failure: stop`",
                        s->schema.name, (long)(r->first + i), row_status_name(status),
                        reason ? reason : "");
    }
    return OK;
}

static err_t run(simulator_t *s, const request_t *r, int64_t *done)
{
    CHECK(r->at >= 0 && r->at + r->n <= r->rows->capacity, "rows %ld to %ld of a block of %ld",
          (long)r->at, (long)(r->at + r->n), (long)r->rows->capacity);
    *done = 0;
    s->started = true;
    err_t err = s->engine.run(s->self, r, done);
    learn_cost(s, r, *done);
    return err == OK ? look_for_failures(s, r, done) : err;
}

err_t simulator_has_prior(const simulator_t *s)
{
    if (s->prior == NULL && s->engine.needs_prior)
        return err_fail(ERR_USAGE,
                        "%s: simulator %s has no prior: give one for each parameter in the study "
                        "(parameters: {%s: ...})",
                        s->where, s->schema.name, s->schema.parameters[0].name);
    return OK;
}

err_t simulator_rows(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t first, int64_t n,
                     rows_t *rows, int64_t at, int64_t *done)
{
    *done = 0;
    TRY(simulator_has_prior(s));
    while (*done < n && !stop_requested()) {
        request_t request = {.seed = seed,
                             .stream = stream,
                             .first = first + *done,
                             .n = rows_of_request(s, n - *done),
                             .prior = s->prior,
                             .rows = rows,
                             .at = at + *done};
        int64_t finished = 0;
        err_t err = run(s, &request, &finished);
        *done += finished;
        TRY(err);
    }
    return OK;
}

err_t simulator_row(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index, rows_t *rows,
                    int64_t at)
{
    int64_t done;
    TRY(simulator_has_prior(s));
    request_t request = {.seed = seed,
                         .stream = stream,
                         .first = index,
                         .n = 1,
                         .prior = s->prior,
                         .rows = rows,
                         .at = at};
    return run(s, &request, &done);
}

err_t simulator_row_given(simulator_t *s, uint64_t seed, rng_stream_t stream, int64_t index,
                          const double *parameters, const double *design, rows_t *rows, int64_t at)
{
    const schema_t *schema = &s->schema;
    int64_t done;
    CHECK(at >= 0 && at < rows->capacity, "row %ld of a block of %ld", (long)at,
          (long)rows->capacity);
    memcpy(&rows->parameters[at * schema->n_parameters], parameters,
           (size_t)schema->n_parameters * sizeof *parameters);
    if (schema->n_design > 0)
        memcpy(&rows->design[at * schema->n_design], design,
               (size_t)schema->n_design * sizeof *design);
    request_t request = {.seed = seed,
                         .stream = stream,
                         .first = index,
                         .n = 1,
                         .given = true,
                         .rows = rows,
                         .at = at};
    return run(s, &request, &done);
}
