// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/json.h"

#include "cluster/mem.h"
#include "diagnostics/markup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *json_number_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *json_values(int n, const metric_value_t *value)
{
    json_t *object = json_object();
    for (int i = 0; i < n; i++)
        json_object_set_new(object, value[i].name, json_number_or_null(value[i].value));
    return object;
}

static bool json_read_values(json_t *object, int n, metric_value_t *value)
{
    for (int i = 0; i < n; i++) {
        json_t *member = json_object_get(object, value[i].name);
        if (!json_is_number(member) && !json_is_null(member))
            return false;
        value[i].value = json_is_null(member) ? NAN : json_number_value(member);
    }
    return true;
}

json_t *json_metrics(const parameter_metrics_t *p)
{
    metric_value_t value[METRIC_VALUES];
    metrics_values(p, value);
    return json_values(METRIC_VALUES, value);
}

bool json_read_metrics(json_t *object, parameter_metrics_t *out)
{
    metric_value_t value[METRIC_VALUES];
    *out = (parameter_metrics_t){0};
    metrics_values(out, value);
    bool read = json_read_values(object, METRIC_VALUES, value);
    if (read)
        metrics_from_values(value, out);
    return read;
}

json_t *json_joint(const tarp_t *joint)
{
    metric_value_t value[METRIC_JOINT_VALUES];
    metrics_joint_values(joint, value);
    return json_values(METRIC_JOINT_VALUES, value);
}

bool json_read_joint(json_t *object, tarp_t *out)
{
    metric_value_t value[METRIC_JOINT_VALUES];
    metrics_joint_values(&(tarp_t){0}, value);
    bool read = json_read_values(object, METRIC_JOINT_VALUES, value);
    *out = metrics_joint_from_values(value);
    return read;
}

json_t *json_ratings(const ratings_t *at)
{
    json_t *object = json_object();
    rating_value_t value[RATING_VALUES];
    ratings_values(at, value);
    for (int i = 0; i < RATING_VALUES; i++)
        json_object_set_new(object, value[i].name, json_real(value[i].value));
    return object;
}

bool json_read_ratings(json_t *object, ratings_t *out)
{
    rating_value_t value[RATING_VALUES];
    *out = ratings_default();
    ratings_values(out, value);
    for (int i = 0; i < RATING_VALUES; i++) {
        json_t *member = json_object_get(object, value[i].name);
        if (!json_is_number(member))
            return false;
        value[i].value = json_number_value(member);
    }
    ratings_from_values(value, out);
    return true;
}

const char *json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

double json_number(const json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);
    return json_is_number(member) ? json_number_value(member) : NAN;
}

int64_t json_whole(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool json_flag(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

const char **json_texts(const json_t *array, int *n)
{
    *n = (int)json_array_size(array);
    const char **texts = MEM_NEW(const char *, *n + 1);
    for (int i = 0; i < *n; i++) {
        texts[i] = json_string_value(json_array_get(array, (size_t)i));
        texts[i] = texts[i] ? texts[i] : "";
    }
    return texts;
}

err_t json_write(const char *path, json_t *root)
{
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    if (text == NULL)
        return err_fail(ERR_FORMAT, "%s: a text is not UTF-8", path);
    err_t err = file_replace(path, strlen(text), text);
    free(text);
    return err;
}
