/* SPDX-License-Identifier: Apache-2.0
 *
 * Who makes a file, where and when: what stands in files for people, and in nothing that is compared.
 */
#ifndef CLUSTER_PROVENANCE_H
#define CLUSTER_PROVENANCE_H

typedef struct {
    char created[32]; // "2026-03-01T12:00:00Z"
    char user[256];   // name, or number where it has none
    char host[256];
} provenance_t;

/* Of this process, now. */
provenance_t provenance_now(void);

/* What decides the last bits of exp, log and sin: the architecture, the vector extensions that the C library looks at, and
 * the library itself. */
typedef struct {
    char cpu[64];  // "x86_64 avx2 fma"
    char libm[64]; // "glibc 2.36"
} provenance_machine_t;

provenance_machine_t provenance_machine(void);

#endif
