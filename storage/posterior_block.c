// SPDX-License-Identifier: Apache-2.0
#include "storage/posterior_block.h"

#include "cluster/mem.h"
#include "storage/named_arrays.h"
#include "storage/posterior_summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const FORMAT = "infermill posterior block";
enum { VERSION = 3, MEASURES = 4 };

char *posterior_block_path(const char *folder, int64_t block)
{
    return mem_format("%s/%07" PRId64 ".h5", folder, block);
}

int64_t posterior_blocks(const posterior_head_t *head)
{
    return (head->datasets + head->block_datasets - 1) / head->block_datasets;
}

int64_t posterior_block_size(const posterior_head_t *head, int64_t block)
{
    int64_t left = head->datasets - block * head->block_datasets;
    CHECK(block >= 0 && left > 0, "block %ld of %ld data sets", (long)block, (long)head->datasets);
    return left < head->block_datasets ? left : head->block_datasets;
}

schema_variable_t *posterior_variables(const posterior_head_t *head, int *n)
{
    schema_variable_t *out = MEM_NEW(schema_variable_t, head->n_parameters);
    *n = 0;
    for (int p = 0; p < head->n_parameters; p += out[*n - 1].n)
        out[(*n)++] = head->schema
                          ? schema_variable_at(head->schema, p)
                          : (schema_variable_t){.name = head->parameters[p], .first = p, .n = 1};
    return out;
}

int *posterior_scalars(const posterior_head_t *head, int *n)
{
    int *which = MEM_NEW(int, head->n_parameters), variables;
    schema_variable_t *all = posterior_variables(head, &variables);
    *n = 0;
    for (int k = 0; k < variables; k++)
        if (all[k].n_dims == 0)
            which[(*n)++] = all[k].first;
    free(all);
    return which;
}

static int64_t correlations(const posterior_head_t *head)
{
    int S;
    free(posterior_scalars(head, &S));
    return (int64_t)S * S;
}

static posterior_block_t block_create(const posterior_head_t *head, int64_t n)
{
    int64_t P = head->n_parameters;
    return (posterior_block_t){.n = n,
                               .draws = MEM_NEW(double, P *n * head->draws),
                               .summary = MEM_NEW(double, P *SUMMARY_COUNT *n),
                               .correlation = MEM_NEW(double, n *correlations(head)),
                               .accepted = MEM_NEW(uint8_t, n),
                               .length = MEM_NEW(int64_t, n),
                               .measures = MEM_NEW(double, MEASURES *n)};
}

void posterior_block_free(posterior_block_t *b)
{
    free(b->draws);
    free(b->summary);
    free(b->correlation);
    free(b->accepted);
    free(b->length);
    free(b->measures);
    free(b->reasons);
    *b = (posterior_block_t){0};
}

static void add_reason(posterior_block_t *b, const char *reason)
{
    int64_t bytes = (int64_t)strlen(reason) + 1;
    b->reasons = MEM_GROW(b->reasons, uint8_t, b->reasons_bytes + bytes);
    memcpy(b->reasons + b->reasons_bytes, reason, (size_t)bytes);
    b->reasons_bytes += bytes;
}

static void put_draws(const posterior_head_t *head, posterior_block_t *b, int64_t i,
                      const double *draws, bool accepted)
{
    int P = head->n_parameters;
    for (int p = 0; p < P; p++)
        for (int64_t k = 0; k < head->draws; k++)
            b->draws[(p * b->n + i) * head->draws + k] = accepted ? draws[k * P + p] : NAN;
    int64_t usable = accepted ? head->draws : 0;
    int S, *which = posterior_scalars(head, &S);
    double *summary = MEM_NEW(double, P *SUMMARY_COUNT);
    posterior_summarize(usable, P, draws, summary);
    posterior_correlate(usable, P, draws, S, which, b->correlation + i * S * S);
    for (int p = 0; p < P; p++)
        for (int s = 0; s < SUMMARY_COUNT; s++)
            b->summary[(p * SUMMARY_COUNT + s) * b->n + i] = summary[p * SUMMARY_COUNT + s];
    free(summary);
    free(which);
}

static void put_verdict(posterior_block_t *b, int64_t i, const posterior_verdict_t *verdict)
{
    b->accepted[i] = verdict->accepted;
    b->length[i] = verdict->n;
    b->measures[i] = verdict->distance;
    b->measures[b->n + i] = verdict->p_value;
    b->measures[2 * b->n + i] = verdict->edge_share;
    b->measures[3 * b->n + i] = verdict->prior_edge_share;
    add_reason(b, verdict->reason ? verdict->reason : "");
}

static err_t write_arrays(arrays_writer_t *w, const posterior_head_t *head,
                          const posterior_block_t *b)
{
    int64_t P = head->n_parameters, n = b->n, per_set = correlations(head);
    TRY(arrays_put_text(w, "stamp", head->stamp));
    TRY(arrays_put_f64(w, "draws", 3, (const int64_t[]){P, n, head->draws}, b->draws));
    TRY(arrays_put_f64(w, "summary", 3, (const int64_t[]){P, SUMMARY_COUNT, n}, b->summary));
    TRY(arrays_put_f64(w, "correlation", 2, (const int64_t[]){n, per_set}, b->correlation));
    TRY(arrays_put_u8(w, "accepted", 1, &n, b->accepted));
    TRY(arrays_put_i64(w, "length", 1, &n, b->length));
    TRY(arrays_put_f64(w, "measures", 2, (const int64_t[]){MEASURES, n}, b->measures));
    return arrays_put_u8(w, "reasons", 1, &b->reasons_bytes, b->reasons);
}

err_t posterior_block_write(const char *folder, const posterior_head_t *head, int64_t block,
                            const double *draws, const posterior_verdict_t *verdicts)
{
    posterior_block_t b = block_create(head, posterior_block_size(head, block));
    for (int64_t i = 0; i < b.n; i++) {
        put_draws(head, &b, i, draws + i * head->draws * head->n_parameters, verdicts[i].accepted);
        put_verdict(&b, i, &verdicts[i]);
    }
    char *path = posterior_block_path(folder, block);
    arrays_writer_t *w = NULL;
    err_t err;
    TRY_TO(done, arrays_writer_open(path, FORMAT, VERSION, &w));
    TRY_TO(done, write_arrays(w, head, &b));
    TRY_TO(done, arrays_finish(&w));
done:
    arrays_abandon(&w);
    free(path);
    posterior_block_free(&b);
    return err;
}

static err_t check_stamp(const arrays_t *a, const posterior_head_t *head, const char *path)
{
    char *stamp;
    TRY(arrays_get_text(a, "stamp", &stamp));
    err_t err = OK;
    if (strcmp(stamp, head->stamp) != 0)
        err = err_fail(ERR_MISMATCH, "%s: a block of another inference (%s, expected %s)", path,
                       stamp, head->stamp);
    free(stamp);
    return err;
}

static err_t read_reasons(const arrays_t *a, const char *path, posterior_block_t *b)
{
    int n_dims;
    int64_t dims[ARRAYS_MAX_DIMS], texts = 0;
    TRY(arrays_shape(a, "reasons", &n_dims, dims));
    b->reasons_bytes = dims[0];
    b->reasons = MEM_NEW(uint8_t, b->reasons_bytes + 1);
    TRY(arrays_get_u8(a, "reasons", 1, &b->reasons_bytes, b->reasons));
    for (int64_t i = 0; i < b->reasons_bytes; i++)
        texts += b->reasons[i] == 0;
    if (texts != b->n || b->reasons[b->reasons_bytes - 1] != 0)
        return err_fail(ERR_FORMAT, "%s: %ld reasons for %ld data sets", path, (long)texts,
                        (long)b->n);
    return OK;
}

static err_t read_arrays(const arrays_t *a, const posterior_head_t *head, const char *path,
                         posterior_block_t *b)
{
    int64_t P = head->n_parameters, n = b->n, per_set = correlations(head);
    TRY(check_stamp(a, head, path));
    TRY(arrays_get_f64(a, "draws", 3, (const int64_t[]){P, n, head->draws}, b->draws));
    TRY(arrays_get_f64(a, "summary", 3, (const int64_t[]){P, SUMMARY_COUNT, n}, b->summary));
    TRY(arrays_get_f64(a, "correlation", 2, (const int64_t[]){n, per_set}, b->correlation));
    TRY(arrays_get_u8(a, "accepted", 1, &n, b->accepted));
    TRY(arrays_get_i64(a, "length", 1, &n, b->length));
    TRY(arrays_get_f64(a, "measures", 2, (const int64_t[]){MEASURES, n}, b->measures));
    return read_reasons(a, path, b);
}

err_t posterior_block_read(const char *folder, const posterior_head_t *head, int64_t block,
                           posterior_block_t *out)
{
    char *path = posterior_block_path(folder, block);
    arrays_t *a = NULL;
    err_t err;
    *out = block_create(head, posterior_block_size(head, block));
    TRY_TO(done, arrays_open(path, FORMAT, VERSION, &a));
    TRY_TO(done, read_arrays(a, head, path, out));
done:
    arrays_close(&a);
    free(path);
    if (err != OK)
        posterior_block_free(out);
    return err;
}

bool posterior_block_done(const char *folder, const posterior_head_t *head, int64_t block)
{
    posterior_block_t b;
    bool done = posterior_block_read(folder, head, block, &b) == OK;
    if (done)
        posterior_block_free(&b);
    else
        err_clear();
    return done;
}

void posterior_blocks_remove(const char *folder, const posterior_head_t *head)
{
    for (int64_t block = 0; block < posterior_blocks(head); block++) {
        char *path = posterior_block_path(folder, block);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}
