// SPDX-License-Identifier: Apache-2.0
#include "workers/kept_rows.h"

#include "cluster/log.h"

#include <math.h>
#include <stdbool.h>

enum { FIRST_ROWS = 64 };

static const double journal_share = 0.02; // of the time, at most, for rows that are not dear

kept_rows_t kept_rows_create(const schema_t *schema, size_t memory, int64_t shard_rows)
{
    int64_t fit = (int64_t)(memory / rows_bytes(schema)), two = 2 * shard_rows;
    return (kept_rows_t){.rows = rows_create(schema, FIRST_ROWS), .most = fit > two ? fit : two};
}

void kept_rows_destroy(kept_rows_t *k)
{
    rows_destroy(&k->rows);
}

int64_t kept_rows_room(const kept_rows_t *k)
{
    return k->most - k->rows.n;
}

void kept_rows_reserve(kept_rows_t *k, int64_t n)
{
    int64_t need = k->rows.n + n, twice = 2 * k->rows.capacity;
    int64_t most = need > k->most ? need : k->most;
    if (need > k->rows.capacity)
        rows_reserve(&k->rows, twice < need ? need : twice < most ? twice : most);
}

err_t kept_rows_secure(kept_rows_t *k, int64_t from, double seconds, bank_writer_t *writer)
{
    bool dear = false;
    for (int64_t i = from; i < k->rows.n; i++) {
        k->loose += k->rows.seconds[i];
        dear = dear || k->rows.seconds[i] >= seconds;
    }
    if (!dear && k->loose < fmax(seconds, k->journal_cost / journal_share))
        return OK;
    double start = log_clock();
    TRY(bank_journal(writer, &k->rows, k->journaled, k->rows.n));
    k->journal_cost = log_clock() - start;
    k->journaled = k->rows.n;
    k->loose = 0;
    return OK;
}

static bool is_among(int64_t shard, int n, const int64_t *shards)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (shards[middle] < shard)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && shards[low] == shard;
}

void kept_rows_drop(kept_rows_t *k, int64_t shard_rows, int n, const int64_t *shards)
{
    int64_t left = 0, journaled = 0;
    k->loose = 0;
    for (int64_t i = 0; i < k->rows.n; i++) {
        if (is_among(k->rows.index[i] / shard_rows, n, shards))
            continue;
        if (left < i)
            rows_copy(&k->rows, i, &k->rows, left);
        left++;
        journaled += i < k->journaled;
        k->loose += i < k->journaled ? 0 : k->rows.seconds[i];
    }
    k->rows.n = left;
    k->journaled = journaled;
}
