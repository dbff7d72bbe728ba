// SPDX-License-Identifier: Apache-2.0
// bank.yaml of a bank, and a model's declaration alone, which has no fingerprint to fit.
#include "storage/bank_card.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void read_declaration(const uint8_t *data, size_t size)
{
    schema_t schema, again;
    char *text = fuzz_text(data, size);
    err_t err = schema_parse(text, "model", &schema);
    fuzz_expect_words(err);
    free(text);
    if (err != OK)
        return;
    char *written = schema_text(&schema), *difference = NULL;
    CHECK(schema_parse(written, "written", &again) == OK, "%s:\n%s", err_text(), written);
    difference = schema_difference(&schema, &again);
    CHECK(difference == NULL, "%s:\n%s", difference, written);
    free(written);
    schema_free(&again);
    schema_free(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bank_card_t card;
    fuzz_file("bank.yaml", data, size);
    err_t err = bank_card_read(fuzz_folder(), &card);
    fuzz_expect_words(err);
    if (err == OK)
        bank_card_free(&card);
    read_declaration(data, size);
    return 0;
}
