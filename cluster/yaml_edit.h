/* SPDX-License-Identifier: Apache-2.0
 *
 * Changes one value of a YAML text and leaves all else as it was written: comments, order, quotes.
 *
 *     yaml_edit("bank: {rows: 100} # few\n", "s.yaml", "bank.rows", "200")     bank: {rows: 200} # few
 *     yaml_edit("bank: {rows: 100}\n", "s.yaml", "train.epochs", "5")          ... and a line train: {epochs: 5}
 */
#ifndef CLUSTER_YAML_EDIT_H
#define CLUSTER_YAML_EDIT_H

#include "cluster/err.h"

/* `path`: keys of mappings with dots between; what is missing of it is made. `value` is a scalar as it stands in YAML. The
 * caller frees the result. ERR_USAGE: not YAML (`where` names it), or at a key of the path stands a sequence, or a map where
 * the value goes. */
err_t yaml_edit(const char *text, const char *where, const char *path, const char *value,
                char **out) ERR_MUST_CHECK;

#endif
