/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files adapter*.c share; not for others.
 */
#ifndef NN_ADAPTER_IMPL_H
#define NN_ADAPTER_IMPL_H

#include "nn/adapter.h"
#include "nn/interval.h"

/* Parameters that become free numbers together: one by itself, or a group. */
typedef struct {
    bool alone;
    adapter_kind_t kind; // of a group
    int n, side;         // members; of a matrix
    int *member;         // (n) among the P parameters, in the order of the study
    int *place;          // (n) among the R kept ones
    int first, n_free;   // its free numbers
    interval_map_t map;  // alone: its own; ordered: that of all members
} adapter_block_t;

typedef enum {
    COLUMN_LOG,
    COLUMN_SQRT,
    COLUMN_CONSTRAIN, // from (a, b)
    COLUMN_LEVEL,     // 1 where the number is a, of b levels; else 0
    COLUMN_FILL,      // NaN to 0
    COLUMN_SEEN       // 1 where there is a number, 0 for NaN
} column_op_t;

enum { COLUMN_MAX_OPS = 8 };

/* One column of what the networks see: a column of an observable (or a design variable), through some operations. */
typedef struct {
    int source;     // of adapter_before
    int64_t column; // of an element
    int n;
    struct {
        column_op_t op;
        double a, b;
    } op[COLUMN_MAX_OPS];
} column_t;

/* An observable or a design variable as the networks see it. */
typedef struct {
    char *name;
    int source; // the first one of adapter_before that it is made of
    bool plain; // it is that one, as it is
    int64_t n_columns;
    column_t *columns;
    double subsample; // 0: all elements
    double spike, slab;
    double *noise_sd; // (n_columns)
    bool standardize;
} adapter_field_t;

struct adapter {
    arena_t *arena; // owns everything
    adapter_config_t config;
    adapter_shape_t before, after;
    int n_blocks, n_kept, n_fields, n_design;
    adapter_block_t *blocks;
    int *kept;               // (R)
    bool *dropped;           // (P)
    bool *own_scale;         // (P) not standardised
    interval_map_t *maps;    // (P) of parameters by themselves
    int *group;              // (P) the block that names it, or -1
    adapter_field_t *fields; // observables
    adapter_field_t *design;
};

/* What a name stands for, at this place of the list. */
typedef enum { NAME_NONE, NAME_PARAMETER, NAME_OBSERVABLE, NAME_DESIGN, NAME_SEVERAL } name_kind_t;
typedef struct {
    name_kind_t kind;
    int at; // among parameters, fields or design
} name_t;

/* An ERR_USAGE that begins with "study.yaml:5: adapter.log: ". */
err_t adapter_wrong(const adapter_t *a, const adapter_transform_t *t, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One transform of a parameter, or of several. */
err_t adapter_add_parameter(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                            int parameter) ERR_MUST_CHECK;
err_t adapter_add_group(adapter_t *a, const adapter_transform_t *t,
                        const int *members) ERR_MUST_CHECK;
void adapter_begin_parameters(adapter_t *a);
/* Blocks, kept ones and the shape after, once all transforms are there. */
err_t adapter_end_parameters(adapter_t *a) ERR_MUST_CHECK;

void adapter_begin_data(adapter_t *a);
err_t adapter_add_data(adapter_t *a, const adapter_transform_t *t, const adapter_item_t *item,
                       name_t name) ERR_MUST_CHECK;
err_t adapter_concatenate(adapter_t *a, const adapter_transform_t *t,
                          const int *fields) ERR_MUST_CHECK;
err_t adapter_end_data(adapter_t *a) ERR_MUST_CHECK;

/* A value through the operations of a column: NaN where it is missing, infinity where an operation can not take it. */
double adapter_column_value(const column_t *c, double x);
/* Elements that are kept of n. */
int64_t adapter_subsample(double size, int64_t n);

#endif
