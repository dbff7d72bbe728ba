/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzzers share. Each fuzz_<what>.c has one LLVMFuzzerTestOneInput, which must neither crash, leak, hang nor touch
 * anything outside the scratch folder, whatever the bytes are. fuzz.sh builds and runs them.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "cluster/err.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder of this process below TMPDIR, made at the first call and removed at its end. */
const char *fuzz_folder(void);
/* Writes <fuzz_folder()>/name anew; the path is valid until the next call. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);
/* The bytes with a 0 behind them; the caller frees it. */
char *fuzz_text(const uint8_t *data, size_t size);
/* Takes note of a result that may be an error: an error says why in words. */
void fuzz_expect_words(err_t err);

#endif
