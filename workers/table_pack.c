// SPDX-License-Identifier: Apache-2.0
//
// The file: header; (O) features; (n) records of RECORD words; texts of problems; values. All words have 8 bytes.
#include "workers/table_pack.h"

#include "cluster/mem.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char MARK[8] = "IMPACK1";
enum { RUN_ELEMENTS = 4096, WORD = 8 };

typedef struct {
    char mark[8];
    int64_t n, n_observables, n_design, text_bytes;
} header_t;

// Elements of one observable of one data set that follow each other and are not written yet.
typedef struct {
    int64_t set, first, n;
    float *values; // (RUN_ELEMENTS, features)
} run_t;

struct table_pack {
    char *path;
    int fd;
    header_t head;
    int64_t *features; // [O]
    const table_t *table;
    int64_t *place; // (n) of each data set among the values; both NULL where the file is only read
    run_t *run;     // [O]
};

/* ---- where things are ---- */

/* Of a record: place, (O) counts, (D) design, place and bytes of the problem. */
static int64_t record_words(const table_pack_t *p)
{
    return 3 + p->head.n_observables + p->head.n_design;
}

static int64_t records_at(const table_pack_t *p)
{
    return (int64_t)sizeof p->head + p->head.n_observables * WORD;
}

static int64_t texts_at(const table_pack_t *p)
{
    return records_at(p) + p->head.n * record_words(p) * WORD;
}

static int64_t values_at(const table_pack_t *p)
{
    return texts_at(p) + (p->head.text_bytes + WORD - 1) / WORD * WORD;
}

static int64_t values_of(const table_pack_t *p, const int64_t *counts, int observables)
{
    int64_t values = 0;
    for (int o = 0; o < observables; o++)
        values += counts[o] * p->features[o];
    return values;
}

/* ---- writing ---- */

/* All records are one piece of memory: some 60 bytes a data set. */
static err_t write_records(const table_pack_t *p)
{
    const table_t *t = p->table;
    int64_t words = record_words(p), text = 0, values = 0;
    int O = t->n_observables;
    int64_t *all = MEM_NEW(int64_t, t->n * words);
    for (int64_t i = 0; i < t->n; i++) {
        const table_set_t *s = &t->sets[i];
        int64_t *record = all + i * words, bytes = s->problem ? (int64_t)strlen(s->problem) : 0;
        record[0] = p->place[i] = values;
        memcpy(record + 1, s->n, (size_t)O * WORD);
        memcpy(record + 1 + O, s->design, (size_t)t->n_design * WORD);
        record[words - 2] = text;
        record[words - 1] = bytes;
        values += values_of(p, s->n, O);
        text += bytes;
    }
    err_t err = sync_write_at(p->fd, p->path, records_at(p), (size_t)(t->n * words) * WORD, all);
    free(all);
    return err;
}

static err_t write_texts(const table_pack_t *p)
{
    int64_t at = texts_at(p);
    for (int64_t i = 0; i < p->table->n; i++) {
        const char *problem = p->table->sets[i].problem;
        size_t bytes = problem ? strlen(problem) : 0;
        if (bytes > 0)
            TRY(sync_write_at(p->fd, p->path, at, bytes, problem));
        at += (int64_t)bytes;
    }
    return OK;
}

static err_t write_head(const table_pack_t *p)
{
    TRY(sync_write_at(p->fd, p->path, 0, sizeof p->head, &p->head));
    TRY(sync_write_at(p->fd, p->path, sizeof p->head, (size_t)p->head.n_observables * WORD,
                      p->features));
    TRY(write_records(p));
    return write_texts(p);
}

static table_pack_t *pack_for(const char *path, const table_t *t)
{
    table_pack_t *p = MEM_NEW(table_pack_t, 1);
    p->path = mem_copy_text(path);
    p->fd = -1;
    p->table = t;
    memcpy(p->head.mark, MARK, sizeof p->head.mark);
    p->head.n = t->n;
    p->head.n_observables = t->n_observables;
    p->head.n_design = t->n_design;
    for (int64_t i = 0; i < t->n; i++)
        p->head.text_bytes += t->sets[i].problem ? (int64_t)strlen(t->sets[i].problem) : 0;
    p->features = MEM_NEW(int64_t, t->n_observables + 1);
    memcpy(p->features, t->features, (size_t)t->n_observables * WORD);
    p->place = MEM_NEW(int64_t, t->n + 1);
    p->run = MEM_NEW(run_t, t->n_observables + 1);
    for (int o = 0; o < t->n_observables; o++)
        p->run[o].values = MEM_NEW(float, RUN_ELEMENTS * t->features[o]);
    return p;
}

err_t table_pack_create(const char *path, const table_t *table, table_pack_t **out)
{
    table_pack_t *p = pack_for(path, table);
    p->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    err_t err = p->fd < 0 ? err_fail(ERR_IO, "%s: %s", path, strerror(errno)) : write_head(p);
    if (err != OK)
        table_pack_close(&p);
    *out = p;
    return err;
}

static err_t flush(const table_pack_t *p, int o)
{
    run_t *run = &p->run[o];
    if (run->n == 0)
        return OK;
    const int64_t *counts = p->table->sets[run->set].n;
    int64_t at = p->place[run->set] + values_of(p, counts, o) + run->first * p->features[o];
    int64_t n = run->n * p->features[o];
    run->n = 0;
    return sync_write_at(p->fd, p->path, values_at(p) + at * (int64_t)sizeof(float),
                         (size_t)n * sizeof(float), run->values);
}

static err_t take(void *to, int64_t i, int o, int64_t first, int64_t n, const float *values)
{
    const table_pack_t *p = to;
    run_t *run = &p->run[o];
    CHECK(first + n <= p->table->sets[i].n[o], "more elements than were counted");
    for (int64_t k = 0; k < n;) {
        bool follows = run->set == i && run->first + run->n == first + k;
        if (!follows || run->n == RUN_ELEMENTS)
            TRY(flush(p, o));
        if (run->n == 0)
            *run = (run_t){i, first + k, 0, run->values};
        int64_t room = RUN_ELEMENTS - run->n, m = n - k < room ? n - k : room;
        memcpy(run->values + run->n * p->features[o], values + k * p->features[o],
               (size_t)(m * p->features[o]) * sizeof *values);
        run->n += m;
        k += m;
    }
    return OK;
}

table_sink_t table_pack_sink(table_pack_t *pack)
{
    return (table_sink_t){take, pack};
}

err_t table_pack_finish(table_pack_t *p)
{
    for (int o = 0; o < p->head.n_observables; o++)
        TRY(flush(p, o));
    return OK;
}

void table_pack_close(table_pack_t **pack)
{
    table_pack_t *p = *pack;
    if (p == NULL)
        return;
    for (int o = 0; p->run != NULL && o < p->head.n_observables; o++)
        free(p->run[o].values);
    if (p->fd >= 0)
        close(p->fd);
    free(p->run);
    free(p->place);
    free(p->features);
    free(p->path);
    free(p);
    *pack = NULL;
}

/* ---- reading ---- */

static err_t read_at(const table_pack_t *p, int64_t at, size_t n, void *out)
{
    for (size_t have = 0; have < n;) {
        ssize_t got = pread(p->fd, (char *)out + have, n - have, (off_t)(at + (int64_t)have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_fail(ERR_IO, "%s: %s", p->path, strerror(errno));
        if (got == 0)
            return err_fail(ERR_FORMAT, "%s: the file ends too soon", p->path);
        have += (size_t)got;
    }
    return OK;
}

static err_t read_head(table_pack_t *p)
{
    enum { MOST = 1 << 20 };
    TRY(read_at(p, 0, sizeof p->head, &p->head));
    const header_t *h = &p->head;
    if (memcmp(h->mark, MARK, sizeof h->mark) != 0 || h->n < 1 || h->n_observables < 1 ||
        h->n_observables > MOST || h->n_design < 0 || h->n_design > MOST || h->text_bytes < 0)
        return err_fail(ERR_FORMAT, "%s: not the packed data of this version", p->path);
    p->features = MEM_NEW(int64_t, h->n_observables);
    return read_at(p, sizeof p->head, (size_t)h->n_observables * WORD, p->features);
}

err_t table_pack_open(const char *path, table_pack_t **out)
{
    table_pack_t *p = MEM_NEW(table_pack_t, 1);
    p->path = mem_copy_text(path);
    p->fd = open(path, O_RDONLY | O_CLOEXEC);
    err_t err = p->fd >= 0 ? read_head(p)
                           : err_fail(errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path,
                                      strerror(errno));
    if (err != OK)
        table_pack_close(&p);
    *out = p;
    return err;
}

static err_t read_problem(const table_pack_t *p, const int64_t *record, table_set_t *set)
{
    const int64_t *text = record + record_words(p) - 2;
    if (text[1] == 0)
        return OK;
    set->problem = mem_zero((size_t)text[1] + 1, 1);
    return read_at(p, texts_at(p) + text[0], (size_t)text[1], set->problem);
}

static err_t read_values(const table_pack_t *p, const int64_t *record, table_set_t *set)
{
    int O = (int)p->head.n_observables;
    int64_t all = values_of(p, set->n, O), at = values_at(p) + record[0] * (int64_t)sizeof(float);
    if (all > TABLE_PACK_MOST) {
        if (set->problem == NULL)
            set->problem = mem_format("it has %" PRId64 " values, more than can be looked at", all);
        return OK;
    }
    set->values = MEM_NEW(float *, O);
    for (int o = 0; o < O; o++) {
        size_t bytes = (size_t)(set->n[o] * p->features[o]) * sizeof(float);
        set->values[o] = mem_alloc(bytes, 1);
        TRY(read_at(p, at, bytes, set->values[o]));
        at += (int64_t)bytes;
    }
    return OK;
}

static err_t read_set(const table_pack_t *p, int64_t i, int64_t *record, table_set_t *set)
{
    int64_t words = record_words(p), O = p->head.n_observables;
    CHECK(i >= 0 && i < p->head.n, "data set %ld of %ld", (long)i, (long)p->head.n);
    TRY(read_at(p, records_at(p) + i * words * WORD, (size_t)words * WORD, record));
    memcpy(set->n, record + 1, (size_t)O * WORD);
    memcpy(set->design, record + 1 + O, (size_t)p->head.n_design * WORD);
    TRY(read_problem(p, record, set));
    return read_values(p, record, set);
}

err_t table_pack_read(const table_pack_t *p, int64_t n, const int64_t *which, table_t *out)
{
    int64_t *record = MEM_NEW(int64_t, record_words(p));
    err_t err = OK;
    *out = table_create((int)p->head.n_observables, (int)p->head.n_design);
    memcpy(out->features, p->features, (size_t)p->head.n_observables * WORD);
    for (int64_t k = 0; k < n && err == OK; k++) {
        table_add(out, "");
        err = read_set(p, which[k], record, &out->sets[k]);
    }
    free(record);
    if (err != OK)
        table_free(out);
    return err;
}
