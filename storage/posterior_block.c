// SPDX-License-Identifier: Apache-2.0
#include "storage/posterior_block.h"

#include "cluster/mem.h"
#include "storage/named_arrays.h"
#include "storage/posterior_summary.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const FORMAT = "infermill posterior block";
enum { VERSION = 5, MEASURES = POSTERIOR_MEASURES, MOST_SETS = 4096, FEWEST_BLOCKS = 64 };
static const int64_t block_bytes = 32 << 20;

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

static bool keeps_draws(const posterior_head_t *head)
{
    return head->keep != POSTERIOR_KEEP_SUMMARY;
}

int64_t posterior_block_choice(const posterior_head_t *head)
{
    int64_t numbers = head->n_parameters * (SUMMARY_COUNT + (keeps_draws(head) ? head->draws : 0));
    int64_t fit = block_bytes / (numbers * (int64_t)sizeof(double)),
            even = head->datasets / FEWEST_BLOCKS;
    int64_t sets = fit < even ? fit : even;
    return sets < 1 ? 1 : sets < MOST_SETS ? sets : MOST_SETS;
}

static posterior_block_t *block_create(const posterior_head_t *head, int64_t n, bool draws)
{
    int64_t P = head->n_parameters;
    posterior_block_t *b = MEM_NEW(posterior_block_t, 1);
    *b = (posterior_block_t){
        .room = n,
        .draws = draws ? mem_alloc((size_t)(P * n * head->draws), sizeof *b->draws) : NULL,
        .summary = MEM_NEW(double, P *SUMMARY_COUNT *n),
        .correlation = MEM_NEW(double, n *correlations(head)),
        .accepted = MEM_NEW(uint8_t, n),
        .doubts = MEM_NEW(uint8_t, n),
        .rung = MEM_NEW(uint8_t, n),
        .length = MEM_NEW(int64_t, n),
        .measures = MEM_NEW(double, MEASURES *n)};
    return b;
}

posterior_block_t *posterior_block_begin(const posterior_head_t *head, int64_t block)
{
    return block_create(head, posterior_block_size(head, block), keeps_draws(head));
}

void posterior_block_free(posterior_block_t **block)
{
    posterior_block_t *b = *block;
    if (b == NULL)
        return;
    free(b->draws);
    free(b->summary);
    free(b->correlation);
    free(b->accepted);
    free(b->doubts);
    free(b->rung);
    free(b->length);
    free(b->measures);
    free(b->words);
    free(b);
    *block = NULL;
}

static void add_words(posterior_block_t *b, const char *words)
{
    int64_t bytes = words ? (int64_t)strlen(words) + 1 : 1;
    if (b->words_bytes + bytes > b->words_room) {
        b->words_room = 2 * (b->words_bytes + bytes);
        b->words = MEM_GROW(b->words, uint8_t, b->words_room);
    }
    memcpy(b->words + b->words_bytes, words ? words : "", (size_t)bytes);
    b->words_bytes += bytes;
}

void posterior_block_words(const posterior_block_t *b, const char ***reasons, const char ***doubts)
{
    const char *words = (const char *)b->words;
    *reasons = MEM_NEW(const char *, b->n + 1);
    *doubts = MEM_NEW(const char *, b->n + 1);
    for (int64_t i = 0; i < b->n; i++) {
        (*reasons)[i] = words;
        (*doubts)[i] = words + strlen(words) + 1;
        words = (*doubts)[i] + strlen((*doubts)[i]) + 1;
    }
}

static void put_draws(const posterior_head_t *head, posterior_block_t *b, int64_t i,
                      const double *draws, bool accepted)
{
    int P = head->n_parameters;
    for (int p = 0; p < P && b->draws != NULL; p++)
        for (int64_t k = 0; k < head->draws; k++)
            b->draws[(p * b->room + i) * head->draws + k] = accepted ? draws[k * P + p] : NAN;
    int64_t usable = accepted ? head->draws : 0;
    int S, *which = posterior_scalars(head, &S);
    double *summary = MEM_NEW(double, P *SUMMARY_COUNT);
    posterior_summarize(usable, P, draws, summary);
    posterior_correlate(usable, P, draws, S, which, b->correlation + i * S * S);
    for (int p = 0; p < P; p++)
        for (int s = 0; s < SUMMARY_COUNT; s++)
            b->summary[(p * SUMMARY_COUNT + s) * b->room + i] = summary[p * SUMMARY_COUNT + s];
    free(summary);
    free(which);
}

static void put_measures(posterior_block_t *b, int64_t i, const posterior_verdict_t *verdict)
{
    const double values[MEASURES] = {[MEASURE_DISTANCE] = verdict->distance,
                                     [MEASURE_P_VALUE] = verdict->p_value,
                                     [MEASURE_EDGE_SHARE] = verdict->edge_share,
                                     [MEASURE_PRIOR_EDGE_SHARE] = verdict->prior_edge_share,
                                     [MEASURE_KHAT] = verdict->khat,
                                     [MEASURE_ESS] = verdict->ess,
                                     [MEASURE_RHAT] = verdict->rhat};
    for (int m = 0; m < MEASURES; m++)
        b->measures[m * b->room + i] = values[m];
}

void posterior_block_put(const posterior_head_t *head, posterior_block_t *b, const double *draws,
                         const posterior_verdict_t *verdict)
{
    int64_t i = b->n;
    CHECK(i < b->room, "a block of %ld data sets is full", (long)b->room);
    put_draws(head, b, i, draws, verdict->accepted);
    b->accepted[i] = verdict->accepted;
    b->doubts[i] =
        (uint8_t)((verdict->beyond ? BLOCK_BEYOND : 0) | (verdict->leans ? BLOCK_LEANS : 0));
    b->rung[i] = (uint8_t)(verdict->accepted ? verdict->rung : POSTERIOR_REFUSED);
    b->length[i] = verdict->n;
    put_measures(b, i, verdict);
    add_words(b, verdict->reason);
    add_words(b, verdict->doubt);
    b->n++;
}

static err_t write_arrays(arrays_writer_t *w, const posterior_head_t *head,
                          const posterior_block_t *b)
{
    int64_t P = head->n_parameters, n = b->n, per_set = correlations(head);
    TRY(arrays_put_text(w, "stamp", head->stamp));
    if (b->draws != NULL)
        TRY(arrays_put_f64(w, "draws", 3, (const int64_t[]){P, n, head->draws}, b->draws));
    TRY(arrays_put_f64(w, "summary", 3, (const int64_t[]){P, SUMMARY_COUNT, n}, b->summary));
    TRY(arrays_put_f64(w, "correlation", 2, (const int64_t[]){n, per_set}, b->correlation));
    TRY(arrays_put_u8(w, "accepted", 1, &n, b->accepted));
    TRY(arrays_put_u8(w, "doubts", 1, &n, b->doubts));
    TRY(arrays_put_u8(w, "rung", 1, &n, b->rung));
    TRY(arrays_put_i64(w, "length", 1, &n, b->length));
    TRY(arrays_put_f64(w, "measures", 2, (const int64_t[]){MEASURES, n}, b->measures));
    return arrays_put_u8(w, "words", 1, &b->words_bytes, b->words);
}

err_t posterior_block_seal(const char *folder, const posterior_head_t *head, int64_t block,
                           const posterior_block_t *b)
{
    CHECK(b->n == b->room, "a block of %ld data sets has %ld", (long)b->room, (long)b->n);
    char *path = posterior_block_path(folder, block);
    arrays_writer_t *w = NULL;
    err_t err;
    TRY_TO(done, arrays_writer_open(path, FORMAT, VERSION, &w));
    TRY_TO(done, write_arrays(w, head, b));
    TRY_TO(done, arrays_finish(&w));
done:
    arrays_abandon(&w);
    free(path);
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

static err_t read_words(const arrays_t *a, const char *path, posterior_block_t *b)
{
    int n_dims;
    int64_t dims[ARRAYS_MAX_DIMS], texts = 0;
    TRY(arrays_shape(a, "words", &n_dims, dims));
    b->words_bytes = dims[0];
    b->words = MEM_NEW(uint8_t, b->words_bytes + 1);
    TRY(arrays_get_u8(a, "words", 1, &b->words_bytes, b->words));
    for (int64_t i = 0; i < b->words_bytes; i++)
        texts += b->words[i] == 0;
    if (texts != 2 * b->n || b->words[b->words_bytes - 1] != 0)
        return err_fail(ERR_FORMAT, "%s: %ld texts for %ld data sets", path, (long)texts,
                        (long)b->n);
    return OK;
}

static err_t check_rungs(const posterior_block_t *b, const char *path)
{
    for (int64_t i = 0; i < b->n; i++)
        if (b->rung[i] >= POSTERIOR_RUNGS)
            return err_fail(ERR_FORMAT, "%s: rung %d, expected 0 to %d", path, b->rung[i],
                            POSTERIOR_RUNGS - 1);
    return OK;
}

static err_t read_arrays(const arrays_t *a, const posterior_head_t *head, const char *path,
                         posterior_block_t *b)
{
    int64_t P = head->n_parameters, n = b->n, per_set = correlations(head);
    TRY(check_stamp(a, head, path));
    if (b->draws != NULL)
        TRY(arrays_get_f64(a, "draws", 3, (const int64_t[]){P, n, head->draws}, b->draws));
    TRY(arrays_get_f64(a, "summary", 3, (const int64_t[]){P, SUMMARY_COUNT, n}, b->summary));
    TRY(arrays_get_f64(a, "correlation", 2, (const int64_t[]){n, per_set}, b->correlation));
    TRY(arrays_get_u8(a, "accepted", 1, &n, b->accepted));
    TRY(arrays_get_u8(a, "doubts", 1, &n, b->doubts));
    TRY(arrays_get_u8(a, "rung", 1, &n, b->rung));
    TRY(check_rungs(b, path));
    TRY(arrays_get_i64(a, "length", 1, &n, b->length));
    TRY(arrays_get_f64(a, "measures", 2, (const int64_t[]){MEASURES, n}, b->measures));
    return read_words(a, path, b);
}

err_t posterior_block_read(const char *folder, const posterior_head_t *head, int64_t block,
                           bool draws, posterior_block_t **out)
{
    char *path = posterior_block_path(folder, block);
    arrays_t *a = NULL;
    err_t err;
    posterior_block_t *b =
        block_create(head, posterior_block_size(head, block), draws && keeps_draws(head));
    b->n = b->room;
    TRY_TO(done, arrays_open(path, FORMAT, VERSION, &a));
    TRY_TO(done, read_arrays(a, head, path, b));
done:
    arrays_close(&a);
    free(path);
    if (err != OK)
        posterior_block_free(&b);
    *out = b;
    return err;
}

bool posterior_block_done(const char *folder, const posterior_head_t *head, int64_t block)
{
    posterior_block_t *b;
    bool done = posterior_block_read(folder, head, block, true, &b) == OK;
    if (done)
        posterior_block_free(&b);
    else
        err_clear();
    return done;
}

/* "0000017.h5", or what a killed process left of it: "0000017.h5.part". */
static bool is_block(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits >= 7 && strncmp(name + digits, ".h5", 3) == 0 &&
           (name[digits + 3] == '\0' || name[digits + 3] == '.');
}

void posterior_blocks_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (is_block(entry->d_name))
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(folder);
}
