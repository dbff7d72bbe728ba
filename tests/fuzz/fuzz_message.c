// SPDX-License-Identifier: Apache-2.0
// A message from a peer, read in an order that the bytes themselves choose.
#include "cluster/message.h"
#include "tests/fuzz/fuzz.h"

static void get(message_t *m, uint8_t which)
{
    switch (which % 4) {
    case 0:
        message_get_u8(m);
        break;
    case 1:
        message_get_u32(m);
        break;
    case 2:
        message_get_i64(m);
        break;
    case 3:
        message_get_f64(m);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    message_t m;
    err_t err = message_parse(size, data, &m);
    fuzz_expect_words(err);
    if (err != OK)
        return 0;
    CHECK(m.n == size, "%zu bytes of %zu", m.n, size);
    message_type(&m);
    for (size_t i = 0; i < size; i++)
        get(&m, data[i]);
    fuzz_expect_words(message_done(&m));
    return 0;
}
