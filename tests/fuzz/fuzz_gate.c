// SPDX-License-Identifier: Apache-2.0
// A gate record.
#include "diagnostics/gate.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gate_record_t record;
    err_t err = gate_read(fuzz_file("gate.json", data, size), &record);
    fuzz_expect_words(err);
    if (err == OK)
        gate_free(&record);
    return 0;
}
