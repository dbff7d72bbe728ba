/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of networks as one table each for summary and inference networks: the key in a study and in an amortizer
 * file, where it stands in the config struct, its range, and which types read it. A key that the type does not read is
 * refused with the types that do.
 */
#ifndef NN_NETWORK_FIELDS_H
#define NN_NETWORK_FIELDS_H

#include "cluster/err.h"
#include "cluster/yaml.h"

#include <stddef.h>
#include <stdio.h>

typedef enum {
    FIELD_INT,
    FIELD_INT64,
    FIELD_REAL,
    FIELD_BOOL,
    FIELD_WORD, // an enum: index into words
    FIELD_INTS, // arrays: their length is an int at `count`, at most `most`
    FIELD_BOOLS,
    FIELD_REALS
} field_kind_t;

typedef struct {
    const char *key;
    field_kind_t kind;
    size_t offset, count; // into the config
    int most;
    double low, high;
    const char *const *words;
    unsigned types;   // bit t: read by type t
    const char *help; // one line
    /* Read only where the word at `part` (offset of an enum in the config; 0: always) is number `of` of the words of that
     * setting, as the settings of a unet are. */
    size_t part;
    int of;
} network_field_t;

/* Each ends with key NULL; offsets into summary_config_t and inference_config_t. */
extern const network_field_t summary_fields[], inference_fields[];

/* Sets what stands in `map` (absent: nothing) and leaves the rest of *config alone. Keys of `others` (NULL-terminated) are
 * the caller's and passed over. ERR_USAGE with file and line. `words` are the names of the types. */
err_t network_fields_read(yaml_node_ref_t map, const network_field_t *fields, int type,
                          const char *const *words, const char *const *others,
                          void *config) ERR_MUST_CHECK;
/* The same, of any type: whether every key is known to some type, and its value is of the right kind and range. */
err_t network_fields_check(yaml_node_ref_t map, const network_field_t *fields,
                           const char *const *others) ERR_MUST_CHECK;
/* "key: value" lines of all fields of a type, each after `indent` spaces. */
void network_fields_write(FILE *out, int indent, const network_field_t *fields, int type,
                          const void *config);

/* Whether every number that this type reads is in its range; the message begins with `where` and the key. */
err_t network_fields_range(const char *where, const network_field_t *fields, int type,
                           const void *config) ERR_MUST_CHECK;

/* NULL-terminated names of the types, in their order. */
extern const char *const summary_type_words[], *const inference_type_words[];
/* Of observable_kind_t. */
extern const char *const observable_kind_words[];

#endif
