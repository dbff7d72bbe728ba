// SPDX-License-Identifier: Apache-2.0
// safe_rows BANK: a line "sealed X" or "journal X" for each row that a crash can not cost any more, X being its first
// parameter. A bank that is not there yet has none.
#include "cluster/mem.h"
#include "storage/bank.h"
#include "storage/journal.h"

#include <stdio.h>
#include <stdlib.h>

static void print(const char *where, const rows_t *rows, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        printf("%s %.17g\n", where, rows->parameters[i * rows->schema->n_parameters]);
}

static err_t print_shard(bank_t *bank, const bank_shard_t *shard)
{
    rows_t rows = rows_create(bank_schema(bank), shard->rows);
    err_t err = bank_read(bank, shard->first_row, shard->first_row + shard->rows, &rows);
    if (err == OK)
        print("sealed", &rows, rows.n);
    rows_destroy(&rows);
    return err;
}

static err_t print_sealed(const char *folder)
{
    bank_t *bank;
    TRY(bank_open(folder, &bank));
    err_t err = OK;
    for (int i = 0; i < bank_shard_count(bank) && err == OK; i++)
        err = print_shard(bank, bank_shard(bank, i));
    bank_close(&bank);
    return err;
}

static err_t print_entries(const char *folder, const bank_card_t *card, const journal_list_t *list)
{
    rows_t rows = rows_create(&card->schema, list->n);
    int64_t *place = MEM_NEW(int64_t, list->n);
    for (int64_t i = 0; i < list->n; i++)
        place[i] = i;
    err_t err = journal_read(folder, list, 0, list->n, &rows, place);
    if (err == OK)
        print("journal", &rows, list->n);
    free(place);
    rows_destroy(&rows);
    return err;
}

static err_t print_journal(const char *folder)
{
    bank_card_t card;
    journal_list_t list;
    TRY(bank_card_read(folder, &card));
    err_t err = journal_list(folder, &card, NULL, &list);
    if (err == OK) {
        err = print_entries(folder, &card, &list);
        journal_list_free(&list);
    }
    bank_card_free(&card);
    return err;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    err_t err = print_journal(argv[1]); // before the shards: rows go from the one to the other
    if (err == OK)
        err = print_sealed(argv[1]);
    if (err == OK || err_is(err, ERR_MISSING))
        return EXIT_SUCCESS;
    fprintf(stderr, "%s\n", err_text());
    return EXIT_FAILURE;
}
