/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a shard that need no simulating: those an older version of it holds, and those in journals.
 */
#ifndef STORAGE_BANK_GATHER_H
#define STORAGE_BANK_GATHER_H

#include "storage/bank_writer.h"
#include "storage/exchange.h"

/* Puts them into this rank's portion, with their costs. ERR_FORMAT, ERR_IO. Not collective. */
err_t gather_kept(bank_writer_t *writer, portion_t *portion) ERR_MUST_CHECK;

#endif
