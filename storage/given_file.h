/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of data that a person names.
 */
#ifndef STORAGE_GIVEN_FILE_H
#define STORAGE_GIVEN_FILE_H

#include "cluster/err.h"

/* Whether it can be gone through more than once, as every reader here does: ERR_USAGE for a pipe, a socket or a device, which are
 * not opened. Fine for one that is not there: opening it tells. */
err_t given_file_check(const char *path) ERR_MUST_CHECK;

#endif
