/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for the bank where reading is tested: rows whose values are functions of their number, no files. It has one
 * parameter p = i + 0.5, one design variable N = 2 + i mod 3, a set y of up to 4 elements (i + 0.25 e, -(i + 0.25 e)), of which N are
 * there (the rest is 1e9, to be seen where padding is read), and a vector v = (1, i).
 */
#ifndef TESTS_MEMORY_BANK_H
#define TESTS_MEMORY_BANK_H

#include "storage/bank.h"

bank_t *memory_bank_create(int64_t rows);
void memory_bank_destroy(bank_t **bank);
void memory_bank_fail_at(bank_t *bank, int64_t row); // reads of this row fail with ERR_FORMAT
int64_t memory_bank_reads(bank_t *bank);             // calls of bank_read so far
int64_t memory_bank_surprises(bank_t *bank); // those of rows that bank_read_soon had not told of

#endif
