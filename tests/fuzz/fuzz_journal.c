// SPDX-License-Identifier: Apache-2.0
// A rank's journal in the bank FUZZ_BANK's place: read as it stands, and once more with the checksum of each record made to
// fit, so that what is behind it is reached.
#include "cluster/log.h"
#include "cluster/mem.h"
#include "storage/journal.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

static bank_card_t card_of_bank(void)
{
    bank_card_t card;
    const char *bank = getenv("FUZZ_BANK");
    CHECK(bank != NULL, "FUZZ_BANK names no bank");
    CHECK(bank_card_read(bank, &card) == OK, "%s", err_text());
    return card;
}

static void read_entries(const bank_card_t *card, const journal_list_t *list)
{
    rows_t rows = rows_create(&card->schema, list->n);
    int64_t *place = MEM_NEW(int64_t, list->n);
    for (int64_t i = 0; i < list->n; i++)
        place[i] = list->n - 1 - i;
    fuzz_expect_words(journal_read(fuzz_folder(), list, 0, list->n, &rows, place));
    free(place);
    rows_destroy(&rows);
}

static void read_journal(const uint8_t *data, size_t size)
{
    bank_card_t card = card_of_bank();
    journal_list_t list;
    fuzz_file("journal/run-0", data, size);
    err_t err = journal_list(fuzz_folder(), &card, NULL, &list);
    fuzz_expect_words(err);
    if (err == OK) {
        read_entries(&card, &list);
        journal_list_free(&list);
    }
    bank_card_free(&card);
}

// A copy whose records carry checksums that fit.
static void read_signed(const uint8_t *data, size_t size)
{
    uint8_t *copy = mem_alloc(size + 1, 1);
    memcpy(copy, data, size);
    uint8_t *feed = memchr(copy, '\n', size);
    for (size_t at = feed == NULL ? size : (size_t)(feed - copy) + 1; at + 12 <= size;) {
        uint32_t bytes;
        memcpy(&bytes, copy + at, 4);
        if (bytes > size - at - 12)
            break;
        uint64_t hash = XXH3_64bits(copy + at + 4, bytes);
        memcpy(copy + at + 4 + bytes, &hash, 8);
        at += 12 + (size_t)bytes;
    }
    read_journal(copy, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    char *folder = mem_format("%s/journal", fuzz_folder());
    CHECK(made || mkdir(folder, 0777) == 0, "%s can not be made", folder);
    made = true;
    log_set(LOG_ERROR, 0); // torn ends are told otherwise
    free(folder);
    read_journal(data, size);
    read_signed(data, size);
    return 0;
}
