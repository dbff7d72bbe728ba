// SPDX-License-Identifier: Apache-2.0
#include "storage/bank_gather.h"

#include "cluster/mem.h"
#include "storage/costs.h"
#include "storage/shard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the older version ---- */

static bool lacks_all(const ranges_t *lacking, range_t r)
{
    for (int64_t k = 0; k < lacking->n; k++)
        if (lacking->at[k].begin <= r.begin && r.end <= lacking->at[k].end)
            return true;
    return false;
}

// Read once in a run: what a shard was before is not changed by the shards that this run seals.
static err_t read_earlier(bank_writer_t *w)
{
    if (w->earlier != NULL)
        return OK;
    catalog_t *catalog = MEM_NEW(catalog_t, 1);
    err_t err = catalog_read(w->folder, catalog);
    if (err == OK)
        w->earlier = catalog;
    else
        free(catalog);
    return err;
}

// The catalog's entry where there is one; else the file speaks for itself.
static err_t open_old(bank_writer_t *w, int64_t number, shard_t **out)
{
    TRY(read_earlier(w));
    const bank_shard_t *entry = catalog_find(w->earlier, number);
    return entry != NULL ? shard_open(w->folder, &w->card, entry, out)
                         : shard_open_unlisted(w->folder, &w->card, number, out);
}

// Rows [range.begin, end) of the portion from the older version, leaving out those to be made anew.
static err_t take_old(const bank_writer_t *w, shard_t *old, int64_t first, int64_t end,
                      portion_t *p)
{
    int64_t begin = p->range.begin, n = end - begin;
    TRY(shard_read(old, begin - first, end - first, &p->rows, 0));
    TRY(costs_read(w->folder, first / w->card.shard_rows, begin - first, end - first,
                   p->rows.seconds, p->hosts, p->rows.reason));
    for (int64_t i = 0; i < n; i++) {
        p->seen[i] = !ranges_have(&w->lacking, begin + i);
        if (!p->seen[i]) {
            memset(p->hosts + i * COSTS_HOST_BYTES, 0, COSTS_HOST_BYTES);
            rows_set_reason(&p->rows, i, NULL);
        }
    }
    return OK;
}

static err_t gather_old(bank_writer_t *w, portion_t *p)
{
    int64_t number = p->range.begin / w->card.shard_rows, first = number * w->card.shard_rows;
    shard_t *old = NULL;
    if (p->rows.n == 0 || lacks_all(&w->lacking, p->range))
        return OK;
    TRY(open_old(w, number, &old));
    int64_t end = first + shard_rows(old);
    end = end < p->range.end ? end : p->range.end;
    err_t err = end > p->range.begin ? take_old(w, old, first, end, p) : OK;
    shard_close(&old);
    return err;
}

/* ---- journals ---- */

static err_t gather_journals(const bank_writer_t *w, portion_t *p)
{
    const journal_list_t *list = &w->recovered;
    int64_t begin = journal_find(list, p->range.begin), end = journal_find(list, p->range.end);
    int64_t *place = MEM_NEW(int64_t, end - begin);
    for (int64_t i = begin; i < end; i++) {
        place[i - begin] = list->entry[i].row - p->range.begin;
        p->seen[place[i - begin]] = 1;
    }
    err_t err = begin < end ? journal_read(w->folder, list, begin, end, &p->rows, place) : OK;
    free(place);
    return err;
}

err_t gather_kept(bank_writer_t *w, portion_t *p)
{
    TRY(gather_old(w, p));
    return gather_journals(w, p);
}

/* ---- for who wants to see them ---- */

// A portion that borrows the block.
static portion_t portion_over(rows_t *rows, int64_t begin, int64_t end)
{
    int64_t n = end - begin;
    portion_t p = {.rows = *rows, .range = {begin, end}};
    p.rows.n = n;
    p.hosts = mem_zero((size_t)n, COSTS_HOST_BYTES);
    p.seen = MEM_NEW(uint8_t, n);
    return p;
}

err_t bank_writer_read(bank_writer_t *w, int64_t begin, int64_t end, rows_t *rows)
{
    CHECK(begin >= 0 && end <= w->rows && end - begin <= rows->capacity &&
              (begin >= end || begin / w->card.shard_rows == (end - 1) / w->card.shard_rows),
          "rows %" PRId64 " to %" PRId64 " into a block of %" PRId64, begin, end, rows->capacity);
    rows->n = end > begin ? end - begin : 0;
    if (rows->n == 0)
        return OK;
    portion_t p = portion_over(rows, begin, end);
    err_t err = gather_kept(w, &p);
    if (err == OK)
        err = portion_check(&p);
    free(p.hosts);
    free(p.seen);
    return err;
}
