// SPDX-License-Identifier: Apache-2.0
#include "storage/costs.h"

#include "cluster/mem.h"
#include "storage/h5.h"
#include "storage/text_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

char *costs_name(int64_t shard)
{
    return mem_format("costs/%07" PRId64 ".h5", shard);
}

/* ---- texts of rows: the distinct ones, and which each row has ---- */

typedef struct {
    text_index_t distinct;
    int32_t *of; // (rows) -1: none
} words_t;

static words_t words_of(int64_t rows, const char *(*text)(const void *texts, int64_t i),
                        const void *texts)
{
    words_t w = {.of = MEM_NEW(int32_t, rows)};
    for (int64_t i = 0; i < rows; i++) {
        const char *mine = text(texts, i);
        w.of[i] = mine != NULL ? (int32_t)text_index_put(&w.distinct, mine) : -1;
    }
    return w;
}

static const char *host_text(const void *hosts, int64_t i)
{
    return (const char *)hosts + i * COSTS_HOST_BYTES;
}

static const char *reason_text(const void *reasons, int64_t i)
{
    return ((char *const *)reasons)[i];
}

static err_t words_write(h5_id_t file, const char *name, int64_t rows, const words_t *w)
{
    h5_shape_t shape = h5_vector(H5_TYPE_I32, rows);
    char *of = mem_format("%s_of", name);
    err_t err = h5_write(file, of, &shape, w->of);
    if (err == OK)
        err = h5_write_texts(file, name, w->distinct.n, (const char *const *)w->distinct.texts);
    free(of);
    return err;
}

static void words_free(words_t *w)
{
    free(w->of);
    text_index_free(&w->distinct);
}

err_t costs_write(const char *path, int64_t n, const double *seconds, const char *hosts,
                  char *const *reasons)
{
    h5_shape_t f64 = h5_vector(H5_TYPE_F64, n);
    words_t host = words_of(n, host_text, hosts), reason = words_of(n, reason_text, reasons);
    h5_id_t file = H5_NONE;
    err_t err;
    TRY_TO(done, h5_create(path, &file));
    TRY_TO(done, h5_write(file, "seconds", &f64, seconds));
    TRY_TO(done, words_write(file, "host", n, &host));
    TRY_TO(done, words_write(file, "reason", n, &reason));
    TRY_TO(done, h5_flush(file));
    TRY_TO(done, h5_close(&file));
done:
    h5_divert(file);
    h5_drop(&file);
    words_free(&host);
    words_free(&reason);
    return err;
}

/* ---- read ---- */

typedef struct {
    int32_t *of;
    int64_t n;
    char **text;
} read_words_t;

static void read_words_free(read_words_t *w)
{
    h5_free_texts(w->n, &w->text);
    free(w->of);
}

static const char *words_at(const read_words_t *w, int64_t i)
{
    return w->of[i] >= 0 && w->of[i] < w->n ? w->text[w->of[i]] : NULL;
}

static err_t words_read(h5_id_t file, const char *name, int64_t begin, int64_t n, read_words_t *w)
{
    h5_id_t dataset = H5_NONE;
    char *of = mem_format("%s_of", name);
    err_t err;
    *w = (read_words_t){.of = MEM_NEW(int32_t, n)};
    TRY_TO(done, h5_dataset_open(file, of, &dataset));
    TRY_TO(done, h5_read_rows(dataset, begin, n, H5_TYPE_I32, w->of));
    TRY_TO(done, h5_read_texts(file, name, &w->n, &w->text));
done:
    h5_drop(&dataset);
    free(of);
    return err;
}

static err_t hosts_read(h5_id_t file, int64_t begin, int64_t n, char *hosts)
{
    read_words_t w;
    err_t err = words_read(file, "host", begin, n, &w);
    for (int64_t i = 0; err == OK && i < n; i++)
        if (words_at(&w, i) != NULL)
            strncpy(hosts + i * COSTS_HOST_BYTES, words_at(&w, i), COSTS_HOST_BYTES - 1);
    read_words_free(&w);
    return err;
}

// Banks of earlier versions kept no reasons.
static err_t reasons_read(h5_id_t file, int64_t begin, int64_t n, char **reasons)
{
    read_words_t w;
    if (!h5_has(file, "reason_of"))
        return OK;
    err_t err = words_read(file, "reason", begin, n, &w);
    for (int64_t i = 0; err == OK && i < n; i++)
        if (words_at(&w, i) != NULL)
            reasons[i] = mem_copy_text(words_at(&w, i));
    read_words_free(&w);
    return err;
}

static err_t read_file(const char *path, int64_t begin, int64_t n, double *seconds, char *hosts,
                       char **reasons)
{
    h5_id_t file = H5_NONE, dataset = H5_NONE;
    err_t err;
    TRY_TO(done, h5_open(path, &file));
    TRY_TO(done, h5_dataset_open(file, "seconds", &dataset));
    TRY_TO(done, h5_read_rows(dataset, begin, n, H5_TYPE_F64, seconds));
    if (hosts != NULL)
        TRY_TO(done, hosts_read(file, begin, n, hosts));
    if (reasons != NULL)
        TRY_TO(done, reasons_read(file, begin, n, reasons));
done:
    h5_drop(&dataset);
    h5_drop(&file);
    return err;
}

err_t costs_read(const char *folder, int64_t shard, int64_t begin, int64_t end, double *seconds,
                 char *hosts, char **reasons)
{
    int64_t n = end - begin;
    char *name = costs_name(shard), *path = mem_format("%s/%s", folder, name);
    memset(seconds, 0, (size_t)n * sizeof *seconds);
    if (hosts != NULL)
        memset(hosts, 0, (size_t)n * COSTS_HOST_BYTES);
    for (int64_t i = 0; reasons != NULL && i < n; i++) {
        free(reasons[i]);
        reasons[i] = NULL;
    }
    err_t err = read_file(path, begin, n, seconds, hosts, reasons);
    free(path);
    free(name);
    if (!err_is(err, ERR_MISSING))
        return err;
    err_clear();
    return OK;
}
