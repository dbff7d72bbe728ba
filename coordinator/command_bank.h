/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs of `infermill bank`: for command_bank*.c alone. Each gets the arguments behind its name.
 */
#ifndef COORDINATOR_COMMAND_BANK_H
#define COORDINATOR_COMMAND_BANK_H

#include "coordinator/command.h"

typedef struct {
    const par_t *par; // NULL where the verb needs no ranks
    const options_t *options;
    int n;
    const char **arguments; // (n) the first is a bank's folder
} bank_call_t;

err_t bank_verb_info(const bank_call_t *call) ERR_MUST_CHECK;
err_t bank_verb_verify(const bank_call_t *call) ERR_MUST_CHECK;
err_t bank_verb_import(const bank_call_t *call) ERR_MUST_CHECK;
err_t bank_verb_merge(const bank_call_t *call) ERR_MUST_CHECK;
err_t bank_verb_export(const bank_call_t *call) ERR_MUST_CHECK;

#endif
