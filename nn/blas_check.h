/* SPDX-License-Identifier: Apache-2.0
 *
 * What multiplies matrices here: our own kernels, and the BLAS behind them with its threads.
 */
#ifndef NN_BLAS_CHECK_H
#define NN_BLAS_CHECK_H

#include "cluster/findings.h"

void blas_check(findings_t *out);
/* Two findings from what is given: `core` is OpenBLAS's word for this CPU, `kernel` gemm_kernel(). */
void blas_check_given(const char *core, int threads, const char *kernel, findings_t *out);

#endif
