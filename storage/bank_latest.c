// SPDX-License-Identifier: Apache-2.0
// A campaign that grows a bank or tries rows again writes a shard anew: mark, rename, line of the catalog, mark removed.
// A reader that looked at the catalog before meets a file of which it does not know, and looks again.
#include "storage/bank_inside.h"

#include "cluster/mem.h"
#include "storage/shard_fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MILLISECONDS = 20, MOST_WAITS = 250 };

err_t bank_check_places(const bank_t *bank, const catalog_t *catalog)
{
    int fields = shard_field_count(&bank->card.schema);
    for (int i = 0; i < catalog->n; i++) {
        const bank_shard_t *s = &catalog->shards[i];
        if (s->n_layout != 0 && s->n_layout != fields)
            return err_fail(ERR_FORMAT,
                            "%s/catalog.jsonl: shard %" PRId64 " has %d data sets, the model %d",
                            bank->folder, s->shard, s->n_layout, fields);
        if (s->first_row != s->shard * bank->card.shard_rows || s->rows > bank->card.shard_rows)
            return err_fail(ERR_FORMAT,
                            "%s/catalog.jsonl: shard %" PRId64 " has rows [%" PRId64 ", %" PRId64
                            "), with %" PRId64 " rows a shard",
                            bank->folder, s->shard, s->first_row, s->first_row + s->rows,
                            bank->card.shard_rows);
    }
    return OK;
}

// Whether the catalog has another version now; it is the caller's.
static bool look_again(const bank_t *bank, const bank_shard_t *known, bank_shard_t *out)
{
    catalog_t fresh;
    bool found = false;
    if (catalog_read(bank->folder, &fresh) != OK)
        return false;
    for (int i = 0; i < fresh.n && !found; i++)
        if (fresh.shards[i].shard == known->shard && !bank_shard_same(&fresh.shards[i], known) &&
            bank_check_places(bank, &fresh) == OK) {
            *out = fresh.shards[i];
            fresh.shards[i] = (bank_shard_t){0};
            found = true;
        }
    catalog_free(&fresh);
    return found;
}

bool bank_find_newer(const bank_t *bank, const bank_shard_t *known, bank_shard_t *out)
{
    const struct timespec pause = {0, WAIT_MILLISECONDS * 1000000L};
    char *mark = shard_rewriting_mark(bank->folder, known->shard);
    bool marked = access(mark, F_OK) == 0, found = look_again(bank, known, out);
    for (int i = 0; i < MOST_WAITS && marked && !found; i++) {
        nanosleep(&pause, NULL);
        marked = access(mark, F_OK) == 0;
        found = look_again(bank, known, out);
    }
    free(mark);
    return found;
}
