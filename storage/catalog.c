// SPDX-License-Identifier: Apache-2.0
#include "storage/catalog.h"

#include "cluster/mem.h"
#include "storage/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

void bank_shard_free(bank_shard_t *shard)
{
    free(shard->chunk_hash);
    free(shard->layout);
    free(shard->file);
    free(shard->run);
    *shard = (bank_shard_t){0};
}

bool bank_shard_same(const bank_shard_t *a, const bank_shard_t *b)
{
    return a->rows == b->rows && a->bytes == b->bytes && a->file_hash == b->file_hash &&
           memcmp(a->chunk_hash, b->chunk_hash, (size_t)a->n_chunks * sizeof *a->chunk_hash) == 0;
}

void catalog_free(catalog_t *catalog)
{
    for (int i = 0; i < catalog->n; i++)
        bank_shard_free(&catalog->shards[i]);
    free(catalog->shards);
    *catalog = (catalog_t){0};
}

static int compare_shard(const void *key, const void *item)
{
    int64_t a = *(const int64_t *)key, b = ((const bank_shard_t *)item)->shard;
    return (a > b) - (a < b);
}

const bank_shard_t *catalog_find(const catalog_t *catalog, int64_t shard)
{
    if (catalog->n == 0)
        return NULL;
    return bsearch(&shard, catalog->shards, (size_t)catalog->n, sizeof catalog->shards[0],
                   compare_shard);
}

/* ---- one line ---- */

enum { HEX_DIGITS = 16, TAIL_BYTES = 27 }; // ,"line":"0123456789abcdef"}

static json_t *hex(uint64_t value)
{
    char text[HEX_DIGITS + 1];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

static bool unhex(const json_t *item, uint64_t *value)
{
    const char *text = json_string_value(item);
    char *end;
    if (text == NULL || strlen(text) != HEX_DIGITS)
        return false;
    *value = strtoull(text, &end, 16);
    return *end == '\0';
}

char *catalog_line(const bank_shard_t *shard)
{
    json_t *chunks = json_array(), *status = json_object(), *layout = json_array();
    for (int k = 0; k < shard->n_layout; k++)
        json_array_append_new(layout, json_integer(shard->layout[k]));
    for (int c = 0; c < shard->n_chunks; c++)
        json_array_append_new(chunks, hex(shard->chunk_hash[c]));
    for (int s = 0; s < ROW_STATUS_COUNT; s++)
        json_object_set_new(status, row_status_name((row_status_t)s),
                            json_integer(shard->by_status[s]));
    json_t *root =
        json_pack("{s:I, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:f, s:s}", "shard",
                  (json_int_t)shard->shard, "file", shard->file, "first_row",
                  (json_int_t)shard->first_row, "rows", (json_int_t)shard->rows, "bytes",
                  (json_int_t)shard->bytes, "hash", hex(shard->file_hash), "layout", layout,
                  "chunks", chunks, "status", status, "seconds", shard->seconds, "run", shard->run);
    char *body = json_dumps(root, JSON_COMPACT);
    CHECK(root != NULL && body != NULL, "the catalog line of shard %" PRId64 " can not be made",
          shard->shard);
    size_t length = strlen(body);
    uint64_t hash = XXH3_64bits(body, length);
    body[length - 1] = '\0';
    char *line = mem_format("%s,\"line\":\"%016" PRIx64 "\"}\n", body, hash);
    json_decref(root);
    free(body);
    return line;
}

// Whether a line (no line feed) carries its own checksum.
static bool line_whole(const char *line, size_t length)
{
    char tail[TAIL_BYTES + 1];
    if (length <= TAIL_BYTES)
        return false;
    char *body = mem_alloc(length, 1);
    size_t kept = length - TAIL_BYTES;
    memcpy(body, line, kept);
    body[kept] = '}';
    snprintf(tail, sizeof tail, ",\"line\":\"%016" PRIx64 "\"}",
             (uint64_t)XXH3_64bits(body, kept + 1));
    free(body);
    return memcmp(tail, line + kept, TAIL_BYTES) == 0;
}

static bool take_chunks(const json_t *chunks, bank_shard_t *shard)
{
    shard->n_chunks = (int)json_array_size(chunks);
    shard->chunk_hash = MEM_NEW(uint64_t, shard->n_chunks);
    for (int c = 0; c < shard->n_chunks; c++)
        if (!unhex(json_array_get(chunks, (size_t)c), &shard->chunk_hash[c]))
            return false;
    return shard->n_chunks == (shard->rows + BANK_CHUNK_ROWS - 1) / BANK_CHUNK_ROWS;
}

// An earlier version wrote no layout.
static bool take_layout(const json_t *layout, bank_shard_t *shard)
{
    shard->n_layout = (int)json_array_size(layout);
    shard->layout = MEM_NEW(int64_t, shard->n_layout);
    for (int k = 0; k < shard->n_layout; k++) {
        const json_t *item = json_array_get(layout, (size_t)k);
        shard->layout[k] = json_integer_value(item);
        if (!json_is_integer(item) || shard->layout[k] < 0)
            return false;
    }
    return true;
}

static bool line_parse(const char *line, size_t length, bank_shard_t *shard)
{
    json_t *root = json_loadb(line, length, 0, NULL), *chunks = NULL, *status = NULL, *hash = NULL;
    json_int_t number, first, rows, bytes;
    const char *file, *run;
    *shard = (bank_shard_t){0};
    bool good = root != NULL &&
                json_unpack(root, "{s:I, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:F, s:s}", "shard",
                            &number, "file", &file, "first_row", &first, "rows", &rows, "bytes",
                            &bytes, "hash", &hash, "chunks", &chunks, "status", &status, "seconds",
                            &shard->seconds, "run", &run) == 0;
    good = good && number >= 0 && first >= 0 && rows > 0;
    if (good) {
        shard->shard = number;
        shard->first_row = first;
        shard->rows = rows;
        shard->bytes = bytes;
        shard->file = mem_copy_text(file);
        shard->run = mem_copy_text(run);
        for (int s = 0; s < ROW_STATUS_COUNT; s++)
            shard->by_status[s] =
                json_integer_value(json_object_get(status, row_status_name((row_status_t)s)));
        good = unhex(hash, &shard->file_hash) && take_chunks(chunks, shard) &&
               take_layout(json_object_get(root, "layout"), shard);
    }
    json_decref(root);
    if (!good)
        bank_shard_free(shard);
    return good;
}

/* ---- the file ---- */

// Puts a shard in its place; a later line of the same shard takes the place of the earlier one.
static void insert(catalog_t *catalog, int *cap, const bank_shard_t *shard)
{
    int at = 0, end = catalog->n;
    if (end > 0 && catalog->shards[end - 1].shard < shard->shard)
        at = end; // most lines come in order
    while (at < end) {
        int middle = at + (end - at) / 2;
        if (catalog->shards[middle].shard < shard->shard)
            at = middle + 1;
        else
            end = middle;
    }
    if (at < catalog->n && catalog->shards[at].shard == shard->shard) {
        bank_shard_free(&catalog->shards[at]);
        catalog->shards[at] = *shard;
        return;
    }
    if (catalog->n == *cap) {
        *cap = 2 * *cap + 16;
        catalog->shards = MEM_GROW(catalog->shards, bank_shard_t, *cap);
    }
    memmove(&catalog->shards[at + 1], &catalog->shards[at],
            (size_t)(catalog->n - at) * sizeof *shard);
    catalog->shards[at] = *shard;
    catalog->n++;
}

// Whether a whole line stands at `at`; *shard is then filled.
static bool take_line(const char *at, const char *end, size_t *length, bank_shard_t *shard)
{
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    *length = feed ? (size_t)(feed - at) : (size_t)(end - at);
    return feed != NULL && line_whole(at, *length) && line_parse(at, *length, shard);
}

// A line that was never written to its end, not one that was changed: it has no line feed, nor anything in its place.
static bool is_torn(const char *at, const char *end)
{
    return memchr(at, '\n', (size_t)(end - at)) == NULL && !line_whole(at, (size_t)(end - at) - 1);
}

static err_t take_lines(const char *path, const char *text, int64_t bytes, catalog_t *catalog)
{
    const char *end = text + bytes;
    int cap = 0, number = 1;
    for (const char *at = text; at < end; number++) {
        size_t length;
        bank_shard_t shard;
        if (!take_line(at, end, &length, &shard)) {
            catalog->torn = is_torn(at, end);
            if (!catalog->torn)
                return err_fail(ERR_FORMAT,
                                "%s:%d: the line does not fit its checksum; without the line a "
                                "campaign checks its shard and enters it again",
                                path, number);
            return OK;
        }
        insert(catalog, &cap, &shard);
        at += length + 1;
        catalog->good_bytes = at - text;
    }
    return OK;
}

err_t catalog_read(const char *folder, catalog_t *out)
{
    char *path = mem_format("%s/catalog.jsonl", folder), *text = NULL;
    int64_t bytes;
    *out = (catalog_t){0};
    err_t err = sync_read_text(path, &text, &bytes);
    if (err_is(err, ERR_MISSING))
        err = OK;
    else if (err == OK)
        err = take_lines(path, text, bytes, out);
    if (err != OK)
        catalog_free(out);
    free(text);
    free(path);
    return err;
}

err_t catalog_repair(const char *folder, catalog_t *catalog)
{
    if (!catalog->torn)
        return OK;
    char *path = mem_format("%s/catalog.jsonl", folder);
    err_t err = OK;
    if (truncate(path, (off_t)catalog->good_bytes) != 0)
        err = err_errno(ERR_IO, "%s: its torn last line can not be cut off", path);
    else
        err = sync_file(path);
    free(path);
    catalog->torn = err != OK;
    return err;
}

// Waits for its turn; a file system without locks is taken as it is.
static void wait_for_turn(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fcntl(fd, F_SETLKW, &whole) != 0 && errno == EINTR)
        continue;
}

static err_t append_text(const char *path, size_t bytes, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(ERR_IO, "%s", path);
    wait_for_turn(fd);
    off_t before = lseek(fd, 0, SEEK_END);
    err_t err = sync_write(fd, path, bytes, text);
    if (err == OK && fsync(fd) != 0)
        err = err_errno(ERR_IO, "%s: sync", path);
    if (err != OK && ftruncate(fd, before) != 0)
        err = err_context(err, "%s: a torn line stays", path);
    close(fd); // and with it the lock
    return err;
}

err_t catalog_append(const char *folder, size_t n, const char *lines)
{
    char *path = mem_format("%s/catalog.jsonl", folder);
    err_t err;
    TRY_TO(done, append_text(path, n, lines));
    TRY_TO(done, sync_folder_of(path));
done:
    free(path);
    return err;
}
