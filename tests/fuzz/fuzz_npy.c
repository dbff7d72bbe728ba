// SPDX-License-Identifier: Apache-2.0
// An array of NumPy's.
#include "cluster/mem.h"
#include "tests/fuzz/fuzz.h"
#include "workers/npy.h"

#include <stdlib.h>

static err_t read_rows(npy_t *npy)
{
    int64_t dims[NPY_MAX_DIMS], width = 1;
    int n = npy_dims(npy, dims);
    for (int d = 1; d < n; d++)
        width *= dims[d];
    if (n == 0)
        return OK; // no rows
    int64_t rows = dims[0];
    CHECK(rows >= 0 && width >= 0 && (width == 0 || rows <= 65536 / width),
          "more than the file has");
    double *values = MEM_NEW(double, rows *width);
    err_t err = npy_read_f64(npy, 0, rows, values);
    free(values);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    npy_t *npy;
    err_t err = npy_open(fuzz_file("array.npy", data, size), &npy);
    fuzz_expect_words(err);
    if (err != OK)
        return 0;
    fuzz_expect_words(read_rows(npy));
    npy_close(&npy);
    return 0;
}
