// SPDX-License-Identifier: Apache-2.0
//
// A journal of a stream that never ends: files come and go, and what is not sealed can be read back.
#include "storage/journal.h"

#include "cluster/mem.h"
#include "tests/storage/sample_bank.h"

#include <dirent.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SEED = 4, SHARD = 10, BLOCK = 7, MOST = 3000 };

typedef struct {
    char *folder;
    bank_card_t card;
    journal_t *journal;
    rows_t rows;
} case_t;

static void begin(case_t *c)
{
    *c = (case_t){.folder = sample_folder()};
    c->card = (bank_card_t){.schema = sample_schema(), .seed = SEED, .shard_rows = SHARD};
    c->card.fingerprint = schema_fingerprint(&c->card.schema);
    c->journal = journal_create(c->folder, &c->card, "run", 0, MOST);
    c->rows = rows_create(&c->card.schema, BLOCK);
}

static void end(case_t *c)
{
    journal_close(&c->journal);
    rows_destroy(&c->rows);
    free(c->card.fingerprint);
    schema_free(&c->card.schema);
    sample_remove(c->folder);
    free(c->folder);
}

static void append(case_t *c, int64_t first)
{
    c->rows.n = 0;
    sample_rows(SEED, first, first + BLOCK, &c->rows);
    assert_int_equal(journal_append(c->journal, &c->rows, 0, BLOCK), OK);
}

/* Files in the journal's folder, and their bytes. */
static int files(const case_t *c, int64_t *bytes)
{
    int n = 0;
    char *folder = mem_format("%s/journal", c->folder);
    DIR *dir = opendir(folder);
    *bytes = 0;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        struct stat s;
        char *path = mem_format("%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && stat(path, &s) == 0) {
            n++;
            *bytes += s.st_size;
        }
        free(path);
    }
    if (dir != NULL)
        closedir(dir);
    free(folder);
    return n;
}

/* Of rows [0, first) those of shards from `open` on, and none twice, with their values. */
static void assert_holds(const case_t *c, int64_t first, int64_t open)
{
    journal_list_t list;
    assert_int_equal(journal_list(c->folder, &c->card, NULL, &list), OK);
    rows_t rows = rows_create(&c->card.schema, list.n), truth = rows_create(&c->card.schema, 1);
    int64_t *place = MEM_NEW(int64_t, list.n + 1);
    for (int64_t i = 0; i < list.n; i++)
        place[i] = i;
    assert_int_equal(journal_read(c->folder, &list, 0, list.n, &rows, place), OK);
    for (int64_t row = open * SHARD; row < first; row++) {
        int64_t at = journal_find(&list, row);
        assert_true(at < list.n && list.entry[at].row == row);
        truth.n = 0;
        sample_rows(SEED, row, row + 1, &truth);
        assert_int_equal(sample_differs(&rows, at, &truth, 0, 1), 0);
    }
    free(place);
    rows_destroy(&rows);
    rows_destroy(&truth);
    journal_list_free(&list);
}

static void a_stream_without_an_end_takes_bounded_room(void **state)
{
    (void)state;
    case_t c;
    begin(&c);
    int64_t bytes, most = 0, open = 0;
    int most_files = 0;
    for (int64_t first = 0; first < 100 * BLOCK; first += BLOCK) {
        append(&c, first);
        for (; (open + 2) * SHARD < first; open++) // two shards are always open
            assert_int_equal(journal_sealed(c.journal, 1, &open), OK);
        assert_holds(&c, first + BLOCK, open);
        int n = files(&c, &bytes);
        most_files = n > most_files ? n : most_files;
        most = bytes > most ? bytes : most;
    }
    int64_t record = (int64_t)rows_bytes(&c.card.schema) + 20;
    // a file is left at its length, one block beyond it at most, and rows of four shards are in others
    assert_true(most_files >= 2 && most_files <= 4);
    assert_true(most < 2 * (MOST + BLOCK * record + 200) + 4 * SHARD * record);
    for (; open < 70; open++)
        assert_int_equal(journal_sealed(c.journal, 1, &open), OK);
    assert_int_equal(files(&c, &bytes), 1);
    assert_true(bytes < 200); // its first line
    append(&c, 700);
    assert_holds(&c, 707, 70);
    end(&c);
}

static void files_with_nothing_in_them_go_at_the_end(void **state)
{
    (void)state;
    case_t c;
    begin(&c);
    int64_t bytes, shards[] = {0, 1, 2, 3, 4};
    for (int64_t first = 0; first < 5 * BLOCK; first += BLOCK)
        append(&c, first);
    assert_int_equal(journal_sealed(c.journal, 5, shards), OK);
    journal_close(&c.journal);
    assert_int_equal(files(&c, &bytes), 0);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_without_an_end_takes_bounded_room),
        cmocka_unit_test(files_with_nothing_in_them_go_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
