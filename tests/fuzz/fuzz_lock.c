// SPDX-License-Identifier: Apache-2.0
// Somebody's lock file.
#include "storage/lock.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_file("lock", data, size);
    fuzz_expect_words(lock_check(fuzz_folder(), "5f0c"));
    return 0;
}
