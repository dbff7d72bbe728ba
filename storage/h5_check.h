/* SPDX-License-Identifier: Apache-2.0
 *
 * Which HDF5 this program has: its version, and whether it is a parallel build. Not collective.
 */
#ifndef STORAGE_H5_CHECK_H
#define STORAGE_H5_CHECK_H

#include "cluster/findings.h"

void h5_check(findings_t *out);

#endif
