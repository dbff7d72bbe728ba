/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML files read under a schema table: each key has a type, a default, a range or a set of words. Whatever the table
 * does not allow is an error with file, line, key, and the nearest right key. Built on libyaml's document API.
 *
 *     study.yaml:7: bank.rows: -5 is out of range, expected an integer from 1 to 1e12
 *     study.yaml:9: train: unknown key "epoch"; did you mean "epochs"?
 *
 * Inside parentheses a comma does not end a plain value of a flow map: {beta: normal(0, 1)} is one pair.
 */
#ifndef CLUSTER_YAML_H
#define CLUSTER_YAML_H

#include "cluster/arena.h"
#include "cluster/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    YAML_TEXT,    // char *           in the caller's arena
    YAML_WORD,    // int              index into `words`
    YAML_INTEGER, // int64_t          "20000", "1e6" (whole), "1_000"; range [low, high]
    YAML_REAL,    // double           also .inf, -.inf; range [low, high]
    YAML_BOOL,    // bool             true, false (yes, no, on, off)
    YAML_REALS,   // yaml_reals_t     sequence of numbers, each in [low, high]
    YAML_TEXTS,   // yaml_texts_t     sequence of texts, or one text
    YAML_MAP,     // nested table     `fields`, offsets count from the same base
    YAML_NODE,    // yaml_node_ref_t  anything, for the caller to walk with yaml_node_*; no fallback
} yaml_type_t;

typedef struct {
    int n;
    double *at;
} yaml_reals_t;

typedef struct {
    int n;
    char **at;
} yaml_texts_t;

typedef struct yaml_field {
    const char *key;
    yaml_type_t type;
    size_t offset; // into the struct that is filled
    bool required; // of a key inside a map that is not required: only where that map is there
    const char *fallback; // the default, written as in the file; NULL: the field is left as it was
    double low, high;     // of numbers; low == high: no range; low == DBL_MIN: greater than 0
    const char *const *words; // of YAML_WORD; NULL-terminated
    const struct yaml_field
        *fields;      // of YAML_MAP; ends with key NULL. Defaults of an absent map are filled too.
    const char *help; // one line, for --help and messages
} yaml_field_t;

typedef struct yaml_doc yaml_doc_t;

/* A node of a document, for what no table describes. Valid while the document is open. */
typedef struct {
    yaml_doc_t *document;
    int id; // 0: absent
} yaml_node_ref_t;

/* Reads one document of at most 16 MiB and 32 levels. A second one, an empty one, bad YAML, aliases, anchors, tags, duplicate keys:
 * ERR_USAGE with file and line. No such file: ERR_MISSING; a file that can not be read: ERR_IO. */
err_t yaml_read_file(const char *path, yaml_doc_t **out) ERR_MUST_CHECK;
/* `where` stands for the file name in messages. */
err_t yaml_read_text(const char *text, const char *where, yaml_doc_t **out) ERR_MUST_CHECK;
void yaml_close(yaml_doc_t **doc); // NULL is fine

yaml_node_ref_t yaml_root(yaml_doc_t *doc);
/* Fills `target` by the table from a mapping (a key without a value counts as an empty one). Texts live in `arena`. */
err_t yaml_fill(yaml_node_ref_t map, const yaml_field_t *fields, arena_t *arena,
                void *target) ERR_MUST_CHECK;

typedef enum {
    YAML_KIND_ABSENT,
    YAML_KIND_SCALAR,
    YAML_KIND_SEQUENCE,
    YAML_KIND_MAPPING
} yaml_kind_t;

yaml_kind_t yaml_node_kind(yaml_node_ref_t node);
int yaml_node_count(yaml_node_ref_t node); // items of a sequence, pairs of a mapping; else 0
yaml_node_ref_t yaml_node_item(yaml_node_ref_t node, int i); // value i; absent outside
const char *yaml_node_key(yaml_node_ref_t map, int i);       // key of pair i; NULL outside
yaml_node_ref_t yaml_node_key_ref(yaml_node_ref_t map,
                                  int i); // the same as a node, for yaml_node_error
yaml_node_ref_t yaml_node_get(yaml_node_ref_t map, const char *key); // absent where there is none
const char *yaml_node_text(yaml_node_ref_t node);                    // of a scalar; NULL otherwise
bool yaml_node_quoted(yaml_node_ref_t node); // a scalar in quotes or a block text
bool yaml_node_null(yaml_node_ref_t node);   // a key without a value, ~, null
int yaml_node_line(yaml_node_ref_t node);    // from 1; of a map or sequence that of its key
/* From which to before which character (not byte) of the text it stands; of a block mapping from its first key on. */
void yaml_node_span(yaml_node_ref_t node, size_t *begin, size_t *end);
/* What stands there, for messages: 5, "text", a map, a sequence, nothing. Long texts are cut. Returns `out`. */
enum { YAML_SHOW_CAP = 80 };
const char *yaml_node_show(yaml_node_ref_t node, char out[YAML_SHOW_CAP]);
/* An ERR_USAGE of file, line, the path of the node ("bank.rows", "parameters[2].name"), and the words. */
err_t yaml_node_error(yaml_node_ref_t node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whole-string number parsing as the table does it: decimal, '_' between digits, no spaces, no nan. */
bool yaml_parse_real(const char *text, double *out);
bool yaml_parse_integer(const char *text, int64_t *out);
/* How many leading characters of text are a number; 0: it does not start with one. */
size_t yaml_number_length(const char *text);
/* The shortest digits that read back as the same number; .inf, -.inf. Returns `out`. */
enum { YAML_REAL_CAP = 40 };
const char *yaml_show_real(double x, char out[YAML_REAL_CAP]);
/* Text (UTF-8) as a YAML scalar, quoted where it must be, so that it reads back as the same text; the caller frees it. */
char *yaml_quote(const char *text);

/* The nearest of n words by edit distance, or the first that starts with `word`; NULL when none is near. For "did you
 * mean". */
const char *yaml_nearest(const char *word, int n, const char *const *words);

#endif
