// SPDX-License-Identifier: Apache-2.0
#include "storage/journal.h"

#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/shard_layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- one record ---- */

enum { HEAD_BYTES = sizeof(uint32_t), TAIL_BYTES = sizeof(uint64_t) };

static size_t least_bytes(const schema_t *schema)
{
    return sizeof(int64_t) + rows_bytes(schema);
}

// The body of the record at `offset` of an open file into `body`; its bytes, or 0 where there is no whole one.
static size_t record_read(int fd, int64_t offset, int64_t end, const schema_t *schema, char *body)
{
    uint32_t bytes;
    uint64_t hash;
    size_t least = least_bytes(schema), most = least + ROW_REASON_CAP - 1;
    if (end - offset < HEAD_BYTES || file_read_at(fd, "", offset, HEAD_BYTES, &bytes) != OK)
        return 0;
    if (bytes < least || bytes > most || end - offset < (int64_t)(HEAD_BYTES + bytes + TAIL_BYTES))
        return 0;
    if (file_read_at(fd, "", offset + HEAD_BYTES, bytes, body) != OK ||
        file_read_at(fd, "", offset + HEAD_BYTES + bytes, TAIL_BYTES, &hash) != OK)
        return 0;
    return XXH3_64bits(body, bytes) == hash ? bytes : 0;
}

static char *body_room(const schema_t *schema)
{
    return mem_alloc(least_bytes(schema) + ROW_REASON_CAP, 1);
}

static void record_unpack(const char *body, size_t bytes, rows_t *rows, int64_t at)
{
    size_t least = least_bytes(rows->schema);
    char reason[ROW_REASON_CAP];
    rows_unpack(body + sizeof(int64_t), rows, at);
    memcpy(reason, body + least, bytes - least);
    reason[bytes - least] = '\0';
    rows_set_reason(rows, at, reason);
}

/* ---- the list of all ---- */

typedef struct {
    const bank_card_t *card;
    journal_list_t *list;
    int64_t cap;
    int files_cap;
    rows_t one; // a row to unpack into
    char *body;
} listing_t;

static void add_entry(listing_t *l, const journal_entry_t *entry)
{
    if (l->list->n == l->cap) {
        l->cap = 2 * l->cap + 64;
        l->list->entry = MEM_GROW(l->list->entry, journal_entry_t, l->cap);
    }
    l->list->entry[l->list->n++] = *entry;
}

static void add_file(listing_t *l, const char *name)
{
    journal_list_t *list = l->list;
    if (list->n_files == l->files_cap) {
        l->files_cap = 2 * l->files_cap + 16;
        list->file = MEM_GROW(list->file, char *, l->files_cap);
    }
    list->file[list->n_files++] = mem_copy_text(name);
}

// A crash may have left only a part of the header.
static bool header_fits(int fd, int64_t size, const bank_card_t *card, int64_t *bytes)
{
    char *want = journal_header(card);
    int64_t whole = (int64_t)strlen(want), n = size < whole ? size : whole;
    char *got = mem_zero((size_t)n + 1, 1);
    bool fits = file_read_at(fd, "", 0, (size_t)n, got) == OK && memcmp(got, want, (size_t)n) == 0;
    *bytes = n;
    free(got);
    free(want);
    return fits;
}

static void list_records(listing_t *l, int fd, int64_t offset, int64_t end)
{
    const schema_t *schema = &l->card->schema;
    for (size_t bytes; (bytes = record_read(fd, offset, end, schema, l->body)) > 0;
         offset += (int64_t)(HEAD_BYTES + bytes + TAIL_BYTES)) {
        record_unpack(l->body, bytes, &l->one, 0);
        uint8_t status = l->one.status[0];
        if (l->one.index[0] >= 0 && status != ROW_MISSING && status < ROW_STATUS_COUNT)
            add_entry(l, &(journal_entry_t){l->one.index[0], offset, l->list->n_files - 1, status});
    }
    if (offset < end)
        log_warning("journal %s: its end is torn at byte %" PRId64 " of %" PRId64
                    "; the rows before are whole",
                    l->list->file[l->list->n_files - 1], offset, end);
}

static err_t list_file(listing_t *l, const char *folder, const char *name)
{
    struct stat info;
    int64_t begin;
    char *path = mem_format("%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    err_t err = fd >= 0 && fstat(fd, &info) == 0 ? OK : err_errno(ERR_IO, "%s", path);
    if (err == OK && S_ISREG(info.st_mode)) {
        if (header_fits(fd, (int64_t)info.st_size, l->card, &begin)) {
            add_file(l, name);
            list_records(l, fd, begin, (int64_t)info.st_size);
        } else {
            log_warning("%s: not a journal of this bank; it is left alone", path);
        }
        err_clear(); // a torn end is no error
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return err;
}

static int compare_entries(const void *a, const void *b)
{
    const journal_entry_t *x = a, *y = b;
    if (x->row != y->row)
        return x->row > y->row ? 1 : -1;
    if (x->file != y->file)
        return x->file > y->file ? 1 : -1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static void sort_once(journal_list_t *list)
{
    int64_t kept = 0;
    if (list->n > 0)
        qsort(list->entry, (size_t)list->n, sizeof list->entry[0], compare_entries);
    for (int64_t i = 0; i < list->n; i++)
        if (kept == 0 || list->entry[kept - 1].row != list->entry[i].row)
            list->entry[kept++] = list->entry[i];
    list->n = kept;
}

err_t journal_list(const char *folder, const bank_card_t *card, const char *keep,
                   journal_list_t *out)
{
    listing_t l = {.card = card, .list = out};
    char *path = mem_format("%s/journal", folder);
    *out = (journal_list_t){0};
    err_t err = OK;
    DIR *listing = opendir(path);
    if (listing == NULL && errno != ENOENT)
        err = err_errno(ERR_IO, "%s", path);
    l.one = rows_create(&card->schema, 1);
    l.body = body_room(&card->schema);
    for (struct dirent *e = NULL; err == OK && listing != NULL && (e = readdir(listing)) != NULL;)
        if (e->d_name[0] != '.' && (keep == NULL || strstr(e->d_name, keep) == NULL))
            err = list_file(&l, path, e->d_name);
    sort_once(out);
    if (listing != NULL)
        closedir(listing);
    free(l.body);
    rows_destroy(&l.one);
    free(path);
    if (err != OK)
        journal_list_free(out);
    return err;
}

void journal_list_free(journal_list_t *list)
{
    for (int i = 0; i < list->n_files; i++)
        free(list->file[i]);
    free(list->file);
    free(list->entry);
    *list = (journal_list_t){0};
}

int64_t journal_find(const journal_list_t *list, int64_t row)
{
    int64_t low = 0, high = list->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (list->entry[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- its rows ---- */

static err_t read_entry(int fd, const char *path, const journal_entry_t *e, rows_t *rows,
                        int64_t at, char *body)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return err_errno(ERR_IO, "%s", path);
    size_t bytes = record_read(fd, e->offset, (int64_t)info.st_size, rows->schema, body);
    if (bytes == 0)
        return err_fail(ERR_FORMAT,
                        "%s: the record of row %" PRId64 " at byte %" PRId64 " is not what it was",
                        path, e->row, e->offset);
    record_unpack(body, bytes, rows, at);
    return OK;
}

// Entries lie by row, so neighbours are often of one file.
err_t journal_read(const char *folder, const journal_list_t *list, int64_t begin, int64_t end,
                   rows_t *rows, const int64_t *place)
{
    char *path = NULL, *body = body_room(rows->schema);
    int fd = -1, file = -1;
    err_t err = OK;
    for (int64_t i = begin; i < end && err == OK; i++) {
        const journal_entry_t *e = &list->entry[i];
        if (e->file != file) {
            if (fd >= 0)
                close(fd);
            free(path);
            path = mem_format("%s/journal/%s", folder, list->file[e->file]);
            fd = open(path, O_RDONLY | O_CLOEXEC);
            file = e->file;
        }
        err = fd < 0 ? err_errno(ERR_IO, "%s", path)
                     : read_entry(fd, path, e, rows, place[i - begin], body);
    }
    if (fd >= 0)
        close(fd);
    free(body);
    free(path);
    return err;
}

void journal_remove_unused(const char *folder, const journal_list_t *list)
{
    bool *used = MEM_NEW(bool, list->n_files);
    for (int64_t i = 0; i < list->n; i++)
        used[list->entry[i].file] = true;
    for (int f = 0; f < list->n_files; f++) {
        char *path = mem_format("%s/journal/%s", folder, list->file[f]);
        if (!used[f])
            unlink(path);
        free(path);
    }
    free(used);
}
