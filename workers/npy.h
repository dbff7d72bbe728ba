/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays of NumPy's NPY format, versions 1 to 3: little-endian f4, f8, i4, i8, u1 and bool, in C order. Rows are the first
 * dimension.
 *
 *   0  \x93NUMPY   6  major, minor   8  length of the header (u16; u32 from version 2 on)
 *   {'descr': '<f8', 'fortran_order': False, 'shape': (100, 3), }   padded with spaces, ends with a line feed
 *   the numbers
 */
#ifndef WORKERS_NPY_H
#define WORKERS_NPY_H

#include "cluster/err.h"

#include <stdint.h>

enum { NPY_MAX_DIMS = 8 };

typedef struct npy npy_t; // opaque: an open file

/* ERR_MISSING: no such file; ERR_FORMAT: not NPY, damaged, a size that the header does not give; what this reader does
 * not know (big-endian, Fortran order, objects, complex numbers) is refused by name. */
err_t npy_open(const char *path, npy_t **out) ERR_MUST_CHECK;
void npy_close(npy_t **npy);                                // NULL is fine
int npy_dims(const npy_t *npy, int64_t dims[NPY_MAX_DIMS]); // how many, 0: one number
/* Rows [first, first + n), converted. ERR_IO. */
err_t npy_read_f64(npy_t *npy, int64_t first, int64_t n, double *out) ERR_MUST_CHECK;
err_t npy_read_f32(npy_t *npy, int64_t first, int64_t n, float *out) ERR_MUST_CHECK;

#endif
