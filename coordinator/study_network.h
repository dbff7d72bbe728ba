/* SPDX-License-Identifier: Apache-2.0
 *
 * The `network:` section of a study:
 *
 *     network:
 *       size: base                                # small, base or large: the widths that are not set
 *       summary: {type: set_transformer, ...}     # of every observable of that kind; without it, by the kind
 *       observables: {y: {type: ...}, ...}        # of one observable, over `summary`
 *       inference: {type: coupling_flow, ...}
 *       ensemble: 1                               # networks that are trained together and draw in turn
 *
 * A parameter that is an array of 2 or 3 dims is an image: it is inferred alone, by diffusion with a unet of its size, which
 * is what is chosen where the study says nothing; another network does not know which pixels are neighbours.
 *
 * What a network reads is in nn/network_fields.h; `type`, `architecture` (default, bayesflow) and `size` are known to all.
 */
#ifndef COORDINATOR_STUDY_NETWORK_H
#define COORDINATOR_STUDY_NETWORK_H

#include "cluster/yaml.h"
#include "nn/amortizer.h"
#include "storage/schema.h"

#include <stdio.h>

/* Whether the section (absent: yes) makes sense before the model is known: its keys, kinds of values, ranges. */
err_t study_network_check(yaml_node_ref_t network) ERR_MUST_CHECK;
/* Networks for what the adapter makes of this model, whose shapes `out` has (amortizer_config_adapt). ERR_USAGE with file and
 * line for a setting that its network does not read, for a network that can not read its observable, and for an image beside
 * other parameters or without a unet. */
err_t study_network_read(yaml_node_ref_t network, const adapter_t *adapter, const schema_t *model,
                         amortizer_config_t *out) ERR_MUST_CHECK;
/* The settings with their help, as in `infermill study`. */
void study_network_print(FILE *out);

#endif
