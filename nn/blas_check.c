// SPDX-License-Identifier: Apache-2.0
#include "nn/blas_check.h"

#include "nn/gemm.h"

#include <cblas.h>
#include <stddef.h>
#include <string.h>

void blas_check_given(const char *core, int threads, const char *kernel, findings_t *out)
{
    findings_add(out, threads == 1 ? FINDING_OK : FINDING_WARNING, "BLAS", "OpenBLAS for %s, %d %s",
                 core, threads, threads == 1 ? "thread" : "threads");
    findings_advise(out, "ranks would wait for each other's threads: export OPENBLAS_NUM_THREADS=1 "
                         "(ranks that infermill starts have it), or take the build without "
                         "threads (Debian: libopenblas0-serial)");
    findings_add(out, kernel != NULL ? FINDING_OK : FINDING_WARNING, "own kernels", "%s",
                 kernel != NULL ? kernel : "none for this CPU");
    findings_advise(out, "training takes several times as long without AVX2 and FMA: use newer "
                         "nodes, or a virtual machine that shows the host's CPU");
}

void blas_check(findings_t *out)
{
    blas_check_given(openblas_get_corename(), openblas_get_num_threads(), gemm_kernel(), out);
}
