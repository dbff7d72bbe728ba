// SPDX-License-Identifier: Apache-2.0
// gate.json, by jansson.
#include "diagnostics/gate_array.h"

#include "cluster/mem.h"
#include "diagnostics/json.h"
#include "diagnostics/markup.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const char GATE_FORMAT[] = "infermill-gate-1";
enum { CHECKSUM_CAP = 17 };

static err_t gate_checksum(json_t *root, char out[CHECKSUM_CAP])
{
    json_t *rest = json_copy(root);
    json_object_del(rest, "checksum");
    char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    json_decref(rest);
    if (text == NULL)
        return err_fail(ERR_FORMAT, "a gate record can hold UTF-8 text and finite numbers only");
    snprintf(out, CHECKSUM_CAP, "%016" PRIx64, (uint64_t)XXH3_64bits(text, strlen(text)));
    free(text);
    return OK;
}

static json_t *gate_parameter_json(const gate_parameter_t *p)
{
    json_t *object = json_metrics(&p->metrics);
    json_object_set_new(object, "name", json_string(p->name));
    json_object_set_new(object, "passed", json_boolean(p->passed));
    json_object_set_new(object, "why", json_string(p->why));
    json_object_set_new(object, "where", json_string(p->where));
    return object;
}

static json_t *gate_json(const gate_record_t *r)
{
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, r->seed); // all 64 bits: JSON integers have 63
    json_t *root = json_object(), *limits = json_object(), *reasons = json_array(),
           *parameters = json_array();
    json_object_set_new(root, "format", json_string(GATE_FORMAT));
    json_object_set_new(root, "study", json_string(r->study));
    json_object_set_new(root, "weights", json_string(r->weights));
    json_object_set_new(root, "bank", json_string(r->bank));
    json_object_set_new(root, "software", json_string(r->software));
    json_object_set_new(root, "seed", json_string(seed));
    json_object_set_new(root, "first_row", json_integer(r->first_row));
    json_object_set_new(root, "rows", json_integer(r->rows));
    json_object_set_new(root, "draws", json_integer(r->draws));
    json_object_set_new(root, "level", json_number_or_null(r->level));
    json_object_set_new(limits, "calibration_error",
                        json_number_or_null(r->limits.calibration_error));
    json_object_set_new(limits, "ecdf_deviation", json_number_or_null(r->limits.ecdf_deviation));
    json_object_set_new(limits, "rank_r2", json_number_or_null(r->limits.rank_r2));
    json_object_set_new(limits, "data_sets", json_integer(r->limits.data_sets));
    json_object_set_new(root, "limits", limits);
    json_object_set_new(root, "ratings", json_ratings(&r->ratings));
    json_object_set_new(root, "passed", json_boolean(r->passed));
    for (int i = 0; i < r->n_reasons; i++)
        json_array_append_new(reasons, json_string(r->reasons[i]));
    json_object_set_new(root, "reasons", reasons);
    json_object_set_new(root, "remark", json_string(r->remark));
    json_object_set_new(root, "joint", json_joint(&r->joint));
    for (int k = 0; k < r->n_parameters; k++)
        json_array_append_new(parameters, gate_parameter_json(&r->parameters[k]));
    json_object_set_new(root, "parameters", parameters);
    json_t *arrays = gate_arrays_json(r);
    if (arrays != NULL)
        json_object_set_new(root, "arrays", arrays);
    return root;
}

err_t gate_write(const char *path, const gate_record_t *record)
{
    char checksum[CHECKSUM_CAP];
    json_t *root = gate_json(record);
    err_t err = gate_checksum(root, checksum);
    if (err == OK) {
        json_object_set_new(root, "checksum", json_string(checksum));
        err = json_write(path, root);
    }
    json_decref(root);
    return err;
}

static err_t gate_bad(const char *path, const char *what)
{
    return err_fail(ERR_FORMAT,
                    "%s: not a gate record as it was written: %s. Run `infermill diagnose` again.",
                    path, what);
}

static err_t gate_verify_checksum(const char *path, json_t *root)
{
    char checksum[CHECKSUM_CAP];
    const char *format = json_string_value(json_object_get(root, "format"));
    const char *said = json_string_value(json_object_get(root, "checksum"));
    if (format == NULL || strcmp(format, GATE_FORMAT) != 0)
        return gate_bad(path, "its format is not infermill-gate-1");
    if (said == NULL)
        return gate_bad(path, "it has no checksum");
    TRY(gate_checksum(root, checksum));
    return strcmp(said, checksum) == 0 ? OK : gate_bad(path, "its checksum is wrong");
}

static bool gate_parse_parameter(json_t *object, gate_parameter_t *out)
{
    const char *name, *why, *where;
    int passed;
    if (json_unpack(object, "{s:s, s:s, s:s, s:b}", "name", &name, "why", &why, "where", &where,
                    "passed", &passed) != 0)
        return false;
    *out = (gate_parameter_t){.name = mem_copy_text(name),
                              .why = mem_copy_text(why),
                              .where = mem_copy_text(where),
                              .passed = passed};
    return json_read_metrics(object, &out->metrics);
}

static bool gate_parse_lists(json_t *reasons, json_t *parameters, gate_record_t *out)
{
    out->n_parameters = (int)json_array_size(parameters);
    out->n_reasons = (int)json_array_size(reasons);
    out->parameters = MEM_NEW(gate_parameter_t, out->n_parameters);
    out->reasons = MEM_NEW(char *, out->n_reasons);
    for (int i = 0; i < out->n_reasons; i++) {
        const char *reason = json_string_value(json_array_get(reasons, (size_t)i));
        if (reason == NULL)
            return false;
        out->reasons[i] = mem_copy_text(reason);
    }
    for (int k = 0; k < out->n_parameters; k++) {
        if (!gate_parse_parameter(json_array_get(parameters, (size_t)k), &out->parameters[k]))
            return false;
    }
    return out->n_parameters > 0;
}

static bool gate_parse(json_t *root, gate_record_t *out)
{
    const char *study, *weights, *bank, *software, *seed, *remark;
    json_int_t first_row, rows, draws, data_sets;
    json_t *reasons, *parameters, *joint;
    int passed;
    if (json_unpack(root,
                    "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:F, s:{s:F, s:F, s:F, s:I}, s:b, "
                    "s:o, s:s, s:o, s:o}",
                    "study", &study, "weights", &weights, "bank", &bank, "software", &software,
                    "seed", &seed, "first_row", &first_row, "rows", &rows, "draws", &draws, "level",
                    &out->level, "limits", "calibration_error", &out->limits.calibration_error,
                    "ecdf_deviation", &out->limits.ecdf_deviation, "rank_r2", &out->limits.rank_r2,
                    "data_sets", &data_sets, "passed", &passed, "reasons", &reasons, "remark",
                    &remark, "joint", &joint, "parameters", &parameters) != 0)
        return false;
    out->study = mem_copy_text(study);
    out->remark = mem_copy_text(remark);
    out->weights = mem_copy_text(weights);
    out->bank = mem_copy_text(bank);
    out->software = mem_copy_text(software);
    out->seed = strtoull(seed, NULL, 10);
    out->first_row = first_row;
    out->rows = rows;
    out->draws = draws;
    out->limits.data_sets = data_sets;
    out->passed = passed;
    return json_read_ratings(json_object_get(root, "ratings"), &out->ratings) &&
           json_read_joint(joint, &out->joint) && gate_parse_lists(reasons, parameters, out) &&
           gate_arrays_parse(json_object_get(root, "arrays"), out);
}

/* The verdict once more, from the numbers in the record. */
static bool gate_follows(const gate_record_t *r)
{
    bool all = r->rows >= r->limits.data_sets;
    for (int k = 0; k < r->n_parameters; k++) {
        bool passed = gate_passes(&r->parameters[k].metrics, &r->limits);
        if (passed != r->parameters[k].passed)
            return false;
        all = all && passed;
    }
    if (!gate_arrays_follow(r, &all))
        return false;
    return all == r->passed && (r->passed || r->n_reasons > 0);
}

err_t gate_read(const char *path, gate_record_t *out)
{
    text_t text;
    json_error_t error;
    TRY(file_read(path, &text));
    json_t *root = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &error);
    text_free(&text);
    *out = (gate_record_t){0};
    if (root == NULL)
        return gate_bad(path, error.text);
    err_t err = gate_verify_checksum(path, root);
    if (err == OK && !gate_parse(root, out))
        err = gate_bad(path, "a member is missing or of another type");
    if (err == OK && !gate_follows(out))
        err = gate_bad(path, "its verdict does not follow from its numbers");
    json_decref(root);
    if (err != OK)
        gate_free(out);
    return err;
}
