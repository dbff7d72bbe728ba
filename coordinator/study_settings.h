/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of settings that a study file is read by; for study.c.
 */
#ifndef COORDINATOR_STUDY_SETTINGS_H
#define COORDINATOR_STUDY_SETTINGS_H

#include "cluster/yaml.h"
#include "coordinator/study.h"

/* What the table fills: a study, and what is walked by hand after it. */
typedef struct {
    study_t study;
    yaml_node_ref_t columns;    /* infer.columns */
    yaml_node_ref_t design;     /* infer.design */
    yaml_node_ref_t parameters; /* their priors */
    yaml_node_ref_t network;    /* study_network.h */
    yaml_node_ref_t adapter;    /* study_adapter.h */
} study_target_t;

extern const yaml_field_t study_fields[];

#endif
