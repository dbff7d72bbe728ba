// SPDX-License-Identifier: Apache-2.0
#include "workers/prior.h"

#include "cluster/mem.h"
#include "cluster/text.h"
#include "storage/schema_array.h"
#include "workers/distribution.h"
#include "workers/prior_call.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One line of the study: a distribution of one parameter, or a Dirichlet over several.
typedef struct {
    int n_parameters;
    int *parameter; // (n_parameters), of the model; ascending
    distribution_t distribution;
    int n_shares;          // of a Dirichlet: n_parameters, or one more; 0: it is none
    double *concentration; // (n_shares), those of the parameters first
    double log_norm;       // log Gamma of the concentrations' sum minus those of each
    char *text;
} part_t;

struct prior {
    int n_parts, n_parameters;
    part_t *parts; // in the order of their first parameters
    int *part_of;  // (n_parameters)
};

enum { MOST_NAMES = 64 };
static const double sum_tolerance = 1e-9; // of shares that are to sum to 1

/* ---- messages ---- */

static err_t unknown_parameter(const prior_line_t *line, const char *name, const schema_t *schema)
{
    const char *names[MOST_NAMES];
    int n = schema->n_parameters < MOST_NAMES ? schema->n_parameters : MOST_NAMES;
    text_t list = text_create();
    for (int i = 0; i < n; i++) {
        names[i] = schema->parameters[i].name;
        text_add_item(&list, names[i]);
    }
    const char *near = yaml_nearest(name, n, names);
    err_t err = near != NULL ? err_fail(ERR_USAGE,
                                        "%s: model %s has no parameter \"%s\"; did you mean "
                                        "\"%s\"?",
                                        line->where, schema->name, name, near)
                             : err_fail(ERR_USAGE,
                                        "%s: model %s has no parameter \"%s\", expected one of %s",
                                        line->where, schema->name, name, list.data);
    text_free(&list);
    return err;
}

static err_t unknown_prior(const char *name)
{
    const char *names[MOST_NAMES] = {"truncated", "dirichlet"};
    text_t list = text_create();
    int n = 2;
    text_add(&list, "truncated, dirichlet");
    for (int i = 0; distribution_name(i) != NULL && n < MOST_NAMES; i++) {
        names[n++] = distribution_name(i);
        text_add_item(&list, distribution_name(i));
    }
    const char *near = yaml_nearest(name, n, names);
    err_t err =
        near != NULL
            ? err_fail(ERR_USAGE, "there is no prior \"%s\"; did you mean \"%s\"?", name, near)
            : err_fail(ERR_USAGE, "there is no prior \"%s\", expected one of %s", name, list.data);
    text_free(&list);
    return err;
}

static bool is_distribution(const char *name)
{
    for (int i = 0; distribution_name(i) != NULL; i++)
        if (strcmp(distribution_name(i), name) == 0)
            return true;
    return false;
}

/* ---- one line ---- */

static err_t make_univariate(const prior_call_t *call, const prior_call_t *inner,
                             distribution_t *out)
{
    bool truncated = strcmp(call->name, "truncated") == 0;
    if (truncated != call->has_inner || (truncated && call->n_arguments != 2))
        return err_fail(ERR_USAGE,
                        truncated ? "expected truncated(normal(0, 1), 0, 2): a prior and two "
                                    "ends"
                                  : "%s takes numbers, not a prior",
                        call->name);
    const prior_call_t *base = truncated ? inner : call;
    if (!is_distribution(base->name))
        return truncated && strcmp(base->name, "dirichlet") == 0
                   ? err_fail(ERR_USAGE, "a dirichlet can not be truncated")
                   : unknown_prior(base->name);
    TRY(distribution_make(base->name, base->n_arguments, base->argument, out));
    return truncated ? distribution_truncate(out, call->argument[0], call->argument[1]) : OK;
}

static err_t make_dirichlet(const prior_call_t *call, int n_parameters, part_t *part)
{
    double sum = 0;
    int sign, n = call->n_arguments;
    if (call->has_inner || n < 2 || (n != n_parameters && n != n_parameters + 1))
        return err_fail(ERR_USAGE,
                        "dirichlet takes a number for each of its parameters, or one more for the "
                        "share that remains: got %d for %d",
                        n, n_parameters);
    part->n_shares = n;
    part->concentration = MEM_NEW(double, n);
    part->log_norm = 0;
    for (int i = 0; i < n; i++) {
        double a = call->argument[i];
        if (!(a > 0 && isfinite(a)))
            return err_fail(ERR_USAGE, "dirichlet: number %d is %g, expected more than 0", i + 1,
                            a);
        part->concentration[i] = a;
        part->log_norm -= lgamma_r(a, &sign);
        sum += a;
    }
    part->log_norm += lgamma_r(sum, &sign);
    return OK;
}

static err_t make_distribution(const prior_line_t *line, part_t *part)
{
    prior_call_t *calls = MEM_NEW(prior_call_t, 2);
    err_t err = prior_call_parse(line->text, &calls[0], &calls[1]);
    if (err == OK && strcmp(calls[0].name, "dirichlet") == 0)
        err = make_dirichlet(&calls[0], line->n_names, part);
    else if (err == OK)
        err = make_univariate(&calls[0], &calls[1], &part->distribution);
    if (err == OK && part->n_shares == 0 && line->n_names != 1)
        err = err_fail(ERR_USAGE, "%s is of one parameter, got %d names", calls[0].name,
                       line->n_names);
    free(calls);
    return err_context(err, "%s", line->where);
}

// The parameters of a Dirichlet in the order of the model, their concentrations with them.
static void sort_parameters(part_t *part)
{
    for (int i = 1; i < part->n_parameters; i++)
        for (int k = i; k > 0 && part->parameter[k] < part->parameter[k - 1]; k--) {
            int parameter = part->parameter[k];
            double concentration = part->concentration[k];
            part->parameter[k] = part->parameter[k - 1];
            part->concentration[k] = part->concentration[k - 1];
            part->parameter[k - 1] = parameter;
            part->concentration[k - 1] = concentration;
        }
}

static char *dirichlet_text(const part_t *part, const schema_t *schema)
{
    text_t text = text_create();
    char number[YAML_REAL_CAP];
    text_add(&text, "dirichlet(");
    for (int i = 0; i < part->n_shares; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : "", yaml_show_real(part->concentration[i], number));
    for (int i = 0; i < part->n_parameters; i++)
        text_add(&text, "%s%s", i > 0 ? ", " : ") of ",
                 schema->parameters[part->parameter[i]].name);
    return text.data;
}

static err_t find_parameters(const prior_line_t *line, const schema_t *schema, part_t *part)
{
    part->parameter = MEM_NEW(int, line->n_names);
    for (int i = 0; i < line->n_names; i++) {
        int found = schema_find_parameter(schema, line->names[i]);
        if (found < 0)
            return unknown_parameter(line, line->names[i], schema);
        part->parameter[part->n_parameters++] = found;
    }
    return OK;
}

static void part_support(const part_t *part, double *lower, double *upper)
{
    *lower = part->n_shares > 0 ? 0 : part->distribution.lower;
    *upper = part->n_shares > 0 ? 1 : part->distribution.upper;
}

// What a truncation would say instead.
static err_t reaches_beyond(const prior_line_t *line, const part_t *part, const schema_t *schema,
                            const schema_parameter_t *p)
{
    double lower, upper;
    char from[YAML_REAL_CAP], to[YAML_REAL_CAP];
    part_support(part, &lower, &upper);
    err_t err =
        err_fail(ERR_USAGE, "%s: %s reaches from %g to %g, but %s declares %s from %g to %g",
                 line->where, part->text, lower, upper, schema->name, p->name, p->lower, p->upper);
    if (part->n_shares > 0 || part->distribution.truncated ||
        fmax(lower, p->lower) >= fmin(upper, p->upper))
        return err;
    char *said = mem_copy_text(err_text());
    err = err_fail(ERR_USAGE, "%s; cut it: truncated(%s, %s, %s)", said, part->text,
                   yaml_show_real(p->lower, from), yaml_show_real(p->upper, to));
    free(said);
    return err;
}

static err_t make_part(const prior_line_t *line, const schema_t *schema, part_t *part)
{
    double lower, upper;
    TRY(find_parameters(line, schema, part));
    TRY(make_distribution(line, part));
    if (part->n_shares > 0)
        sort_parameters(part);
    part->text =
        part->n_shares > 0 ? dirichlet_text(part, schema) : distribution_text(&part->distribution);
    part_support(part, &lower, &upper);
    for (int i = 0; i < part->n_parameters; i++) {
        const schema_parameter_t *p = &schema->parameters[part->parameter[i]];
        if (lower < p->lower || upper > p->upper)
            return reaches_beyond(line, part, schema, p);
    }
    return OK;
}

/* ---- all of them ---- */

static err_t enter_part(prior_t *prior, int at, const prior_line_t *line, const schema_t *schema)
{
    const part_t *part = &prior->parts[at];
    for (int i = 0; i < part->n_parameters; i++) {
        int *owner = &prior->part_of[part->parameter[i]];
        if (*owner >= 0)
            return err_fail(ERR_USAGE, "%s: %s has a prior already", line->where,
                            schema->parameters[part->parameter[i]].name);
        *owner = at;
    }
    return OK;
}

static err_t check_scalars(const char *where, const schema_t *schema)
{
    schema_variable_t v;
    for (int p = 0; p < schema->n_parameters; p += v.n) {
        v = schema_variable_at(schema, p);
        if (v.n_dims > 0)
            return err_fail(ERR_USAGE,
                            "%s: %s of model %s is an array of %d values: priors of a study are of "
                            "single numbers. Leave `parameters` out, then the simulator draws them",
                            where, v.name, schema->name, v.n);
    }
    return OK;
}

static err_t check_complete(const prior_t *prior, const char *where, const schema_t *schema)
{
    for (int i = 0; i < prior->n_parameters; i++)
        if (prior->part_of[i] < 0)
            return err_fail(ERR_USAGE,
                            "%s: there is no prior for %s: expected one for each parameter of "
                            "model %s, or none at all",
                            where, schema->parameters[i].name, schema->name);
    return OK;
}

static int by_first_parameter(const void *left, const void *right)
{
    const part_t *a = left, *b = right;
    return a->parameter[0] - b->parameter[0];
}

static void put_in_order(prior_t *prior)
{
    qsort(prior->parts, (size_t)prior->n_parts, sizeof *prior->parts, by_first_parameter);
    for (int k = 0; k < prior->n_parts; k++)
        for (int i = 0; i < prior->parts[k].n_parameters; i++)
            prior->part_of[prior->parts[k].parameter[i]] = k;
}

err_t prior_create(const prior_lines_t *lines, const schema_t *schema, prior_t **out)
{
    err_t err;
    TRY(check_scalars(lines->where, schema));
    prior_t *prior = MEM_NEW(prior_t, 1);
    prior->n_parameters = schema->n_parameters;
    prior->parts = MEM_NEW(part_t, lines->n);
    prior->part_of = MEM_NEW(int, schema->n_parameters);
    for (int i = 0; i < schema->n_parameters; i++)
        prior->part_of[i] = -1;
    for (int i = 0; i < lines->n; i++) {
        prior->n_parts = i + 1;
        TRY_TO(failed, make_part(&lines->at[i], schema, &prior->parts[i]));
        TRY_TO(failed, enter_part(prior, i, &lines->at[i], schema));
    }
    TRY_TO(failed, check_complete(prior, lines->where, schema));
    put_in_order(prior);
    *out = prior;
    return OK;
failed:
    prior_destroy(&prior);
    return err;
}

void prior_destroy(prior_t **prior)
{
    if (*prior == NULL)
        return;
    for (int i = 0; i < (*prior)->n_parts; i++) {
        free((*prior)->parts[i].parameter);
        free((*prior)->parts[i].concentration);
        free((*prior)->parts[i].text);
    }
    free((*prior)->parts);
    free((*prior)->part_of);
    free(*prior);
    *prior = NULL;
}

/* ---- used ---- */

// A share that rounds to 0 or 1 is moved to the next number inside.
static void draw_dirichlet(const part_t *part, rng_t *r, double *parameters)
{
    double share[PRIOR_MAX_ARGUMENTS];
    rng_dirichlet(r, part->n_shares, part->concentration, share);
    for (int i = 0; i < part->n_parameters; i++)
        parameters[part->parameter[i]] = fmin(fmax(share[i], 0x1p-1074), 1 - 0x1p-53);
}

void prior_draw(const prior_t *prior, rng_t *r, double *parameters)
{
    for (int i = 0; i < prior->n_parts; i++) {
        const part_t *part = &prior->parts[i];
        if (part->n_shares > 0)
            draw_dirichlet(part, r, parameters);
        else
            parameters[part->parameter[0]] = distribution_draw(&part->distribution, r);
    }
}

static double dirichlet_log_density(const part_t *part, const double *parameters)
{
    double sum = 0, density = part->log_norm;
    for (int i = 0; i < part->n_parameters; i++) {
        double share = parameters[part->parameter[i]];
        if (!(share > 0 && share < 1))
            return -INFINITY;
        density += (part->concentration[i] - 1) * log(share);
        sum += share;
    }
    if (part->n_shares == part->n_parameters)
        return fabs(sum - 1) <= sum_tolerance ? density : -INFINITY;
    return sum < 1 ? density + (part->concentration[part->n_parameters] - 1) * log1p(-sum)
                   : -INFINITY;
}

double prior_log_density(const prior_t *prior, const double *parameters)
{
    double sum = 0;
    for (int i = 0; i < prior->n_parts; i++) {
        const part_t *part = &prior->parts[i];
        sum += part->n_shares > 0
                   ? dirichlet_log_density(part, parameters)
                   : distribution_log_density(&part->distribution, parameters[part->parameter[0]]);
    }
    return sum;
}

const char *prior_text(const prior_t *prior, int parameter)
{
    return prior->parts[prior->part_of[parameter]].text;
}

void prior_support(const prior_t *prior, int parameter, double *lower, double *upper)
{
    part_support(&prior->parts[prior->part_of[parameter]], lower, upper);
}
