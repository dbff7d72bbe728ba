// SPDX-License-Identifier: Apache-2.0
#include "diagnostics/predictive_record.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "diagnostics/json.h"
#include "diagnostics/markup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "infermill-predictive-1";
static const double unlikely = 0.01; // so many data sets that are not reproduced, by chance alone

/* ---- words ---- */

/* What to look at when a statistic is not reproduced: sentences for groups of statistics. */
enum { ADVICE_TAILS, ADVICE_SPREAD, ADVICE_SHAPE, ADVICE_TIME, ADVICE_VALUE, ADVICE_COUNT };
static const char *const advice[ADVICE_COUNT] = {
    [ADVICE_TAILS] = "Extreme values are not reproduced: look whether they are errors of "
                     "measurement; if they are real, give the model heavier tails (a Student t, a "
                     "share of contaminants), or make the amortizer robust (adapter: noise).",
    [ADVICE_SPREAD] = "The spread is not reproduced: the model needs a noise that can be larger or "
                      "smaller, or a cause of spread of its own.",
    [ADVICE_SHAPE] = "Location or shape is not reproduced: look at the picture for a skew, several "
                     "peaks or a shift that no parameter of the model can give.",
    [ADVICE_TIME] = "Dependence between neighbours is not reproduced: the model lacks, or has too "
                    "much, memory from one time to the next.",
    [ADVICE_VALUE] = "Single values are not reproduced: look which, and what the model says of "
                     "them."};

static int advice_of(predictive_statistic_t s)
{
    static const int of[PREDICTIVE_STATISTICS] = {
        [PREDICTIVE_VALUE] = ADVICE_VALUE, [PREDICTIVE_MEAN] = ADVICE_SHAPE,
        [PREDICTIVE_SD] = ADVICE_SPREAD,   [PREDICTIVE_MINIMUM] = ADVICE_TAILS,
        [PREDICTIVE_Q10] = ADVICE_SHAPE,   [PREDICTIVE_MEDIAN] = ADVICE_SHAPE,
        [PREDICTIVE_Q90] = ADVICE_SHAPE,   [PREDICTIVE_MAXIMUM] = ADVICE_TAILS,
        [PREDICTIVE_LAG1] = ADVICE_TIME,   [PREDICTIVE_STEP] = ADVICE_TIME};
    return of[s];
}

/* How many data sets could be judged, and how many of them are not reproduced. */
static void count(const predictive_record_t *r, int64_t *judged, int64_t *unlike)
{
    *judged = *unlike = 0;
    for (int64_t i = 0; i < r->n; i++) {
        bool known = !isnan(r->checks[i].p_value);
        *judged += known;
        *unlike += known && !r->checks[i].reproduced;
    }
}

static char *words_of_one(const predictive_record_t *r)
{
    const predictive_check_t *c = &r->checks[0];
    if (isnan(c->p_value))
        return mem_format("The data set could not be checked: %s.", c->words);
    return mem_format(
        "The data set is %s by the model with parameters of its posterior (p = %.2g).",
        c->reproduced ? "reproduced" : "not reproduced", c->p_value);
}

char *predictive_record_words(const predictive_record_t *r)
{
    int64_t judged, unlike;
    count(r, &judged, &unlike);
    if (r->not_checked != NULL)
        return mem_format("Not checked: %s.", r->not_checked);
    if (r->n == 0)
        return mem_copy_text("Not checked: no data set has a posterior.");
    if (r->n == 1)
        return words_of_one(r);
    text_t t = text_create();
    text_add(&t,
             "%ld of %ld data sets are reproduced by the model with parameters of their "
             "posteriors",
             (long)(judged - unlike), (long)judged);
    if (unlike == 0)
        text_add(&t, ".");
    else if (predictive_chance(judged, unlike) < unlikely)
        text_add(&t,
                 "; %ld are not, where chance alone gives about %.1f: the model does not describe "
                 "such data.",
                 (long)unlike, PREDICTIVE_LEVEL * (double)judged);
    else
        text_add(&t, "; %ld %s not (by chance alone, about %.1f).", (long)unlike,
                 unlike == 1 ? "is" : "are", PREDICTIVE_LEVEL * (double)judged);
    if (judged < r->n)
        text_add(&t, " %ld could not be checked: too many of their simulations failed.",
                 (long)(r->n - judged));
    return t.data;
}

static json_t *advice_list(const predictive_record_t *r)
{
    bool given[ADVICE_COUNT] = {false};
    for (int64_t i = 0; i < r->n; i++)
        for (int k = 0; k < r->checks[i].n_tests; k++)
            if (r->checks[i].test[k].adjusted <= PREDICTIVE_LEVEL)
                given[advice_of(r->checks[i].test[k].item.statistic)] = true;
    json_t *list = json_array();
    for (int a = 0; a < ADVICE_COUNT; a++)
        if (given[a])
            json_array_append_new(list, json_string(advice[a]));
    return list;
}

/* ---- predictive.json ---- */

static json_t *json_test(const predictive_record_t *r, const predictive_test_t *t)
{
    json_t *o = json_object();
    json_object_set_new(o, "observable", json_string(r->fields[t->item.observable].name));
    json_object_set_new(o, "statistic", json_string(predictive_statistic_name(t->item.statistic)));
    json_object_set_new(o, "part", json_integer(t->item.part + 1));
    json_object_set_new(o, "observed", json_number_or_null(t->observed));
    json_object_set_new(o, "low", json_number_or_null(t->low));
    json_object_set_new(o, "median", json_number_or_null(t->median));
    json_object_set_new(o, "high", json_number_or_null(t->high));
    json_object_set_new(o, "below", json_integer(t->below));
    json_object_set_new(o, "equal", json_integer(t->equal));
    json_object_set_new(o, "above", json_integer(t->above));
    json_object_set_new(o, "p", json_number_or_null(t->p));
    json_object_set_new(o, "adjusted", json_number_or_null(t->adjusted));
    return o;
}

static json_t *json_set(const predictive_record_t *r, int64_t i)
{
    const predictive_check_t *c = &r->checks[i];
    json_t *o = json_object(), *tests = json_array();
    for (int k = 0; k < c->n_tests; k++)
        json_array_append_new(tests, json_test(r, &c->test[k]));
    json_object_set_new(o, "id", json_string(r->ids[i]));
    json_object_set_new(o, "reproduced",
                        isnan(c->p_value) ? json_null() : json_boolean(c->reproduced));
    json_object_set_new(o, "p_value", json_number_or_null(c->p_value));
    json_object_set_new(o, "replicates", json_integer(c->replicates));
    json_object_set_new(o, "failed", json_integer(c->failed));
    json_object_set_new(o, "words", json_string(c->words));
    json_object_set_new(o, "statistics", tests);
    return o;
}

static json_t *json_record(const predictive_record_t *r)
{
    json_t *root = json_object(), *sets = json_array();
    char *words = predictive_record_words(r);
    for (int64_t i = 0; i < r->n; i++)
        json_array_append_new(sets, json_set(r, i));
    json_object_set_new(root, "format", json_string(FORMAT));
    json_object_set_new(root, "study", json_string(r->study));
    json_object_set_new(root, "weights", json_string(r->weights));
    json_object_set_new(root, "stamp", json_string(r->stamp));
    json_object_set_new(root, "simulations", json_integer(r->simulations));
    json_object_set_new(root, "level", json_real(PREDICTIVE_LEVEL));
    json_object_set_new(root, "not_checked",
                        r->not_checked ? json_string(r->not_checked) : json_null());
    json_object_set_new(root, "words", json_string(words));
    json_object_set_new(root, "advice", advice_list(r));
    json_object_set_new(root, "picture", json_string(r->picture ? r->picture : ""));
    json_object_set_new(root, "data_sets", sets);
    free(words);
    return root;
}

/* ---- predictive.csv ---- */

static void csv_number(text_t *out, double x)
{
    if (isnan(x))
        text_add(out, ",");
    else
        text_add(out, ",%.9g", x);
}

static void csv_test(text_t *out, const predictive_record_t *r, int64_t i,
                     const predictive_test_t *t)
{
    text_add_csv(out, r->ids[i]);
    text_add(out, ",");
    text_add_csv(out, r->fields[t->item.observable].name);
    text_add(out, ",%s,%ld", predictive_statistic_name(t->item.statistic), (long)t->item.part + 1);
    csv_number(out, t->observed);
    csv_number(out, t->low);
    csv_number(out, t->median);
    csv_number(out, t->high);
    text_add(out, ",%ld,%ld,%ld", (long)t->below, (long)t->equal, (long)t->above);
    csv_number(out, t->p);
    csv_number(out, t->adjusted);
    text_add(out, "\n");
}

static text_t csv_of(const predictive_record_t *r)
{
    text_t out = text_create();
    text_add(&out,
             "data_set,observable,statistic,part,observed,low,median,high,below,equal,above,p,"
             "adjusted\n");
    for (int64_t i = 0; i < r->n; i++)
        for (int k = 0; k < r->checks[i].n_tests; k++)
            csv_test(&out, r, i, &r->checks[i].test[k]);
    return out;
}

/* ---- files ---- */

/* predictive.json is written last: where it is, both are. */
err_t predictive_record_write(const predictive_record_t *record, const char *json_path,
                              const char *csv_path)
{
    text_t csv = csv_of(record);
    err_t err = file_replace(csv_path, csv.length, csv.data);
    text_free(&csv);
    TRY(err);
    json_t *root = json_record(record);
    err = json_write(json_path, root);
    json_decref(root);
    return err;
}

err_t predictive_record_read(const char *path, json_t **out)
{
    text_t text;
    json_error_t error;
    *out = NULL;
    TRY(file_read(path, &text));
    json_t *root = json_loadb(text.data, text.length, 0, &error);
    text_free(&text);
    const char *format = json_string_value(json_object_get(root, "format"));
    if (format != NULL && strcmp(format, FORMAT) == 0) {
        *out = root;
        return OK;
    }
    err_t err = err_fail(ERR_FORMAT, "%s: got %s, expected a record of predictive checks (%s)",
                         path, format ? format : "other content", FORMAT);
    json_decref(root);
    return err;
}

bool predictive_record_has(const char *path, const char *name, const char *text)
{
    json_t *root = NULL;
    if (predictive_record_read(path, &root) != OK)
        err_clear();
    const char *found = json_string_value(json_object_get(root, name));
    bool has = found != NULL && strcmp(found, text) == 0;
    json_decref(root);
    return has;
}
