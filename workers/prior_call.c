// SPDX-License-Identifier: Apache-2.0
#include "workers/prior_call.h"

#include "cluster/yaml.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { NUMBER_CAP = 64 };

typedef struct {
    const char *text, *at;
} cursor_t;

static err_t unexpected(const cursor_t *c, const char *expected)
{
    if (*c->at == '\0')
        return err_fail(ERR_USAGE, "got \"%.200s\", which ends too early: expected %s", c->text,
                        expected);
    return err_fail(ERR_USAGE, "got \"%.200s\": at \"%.20s\", expected %s", c->text, c->at,
                    expected);
}

static void skip_spaces(cursor_t *c)
{
    while (*c->at == ' ' || *c->at == '\t' || *c->at == '\n')
        c->at++;
}

static bool take(cursor_t *c, char mark)
{
    skip_spaces(c);
    if (*c->at != mark)
        return false;
    c->at++;
    skip_spaces(c);
    return true;
}

static bool in_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static err_t read_name(cursor_t *c, char out[PRIOR_NAME_CAP])
{
    size_t n = 0;
    while (in_name(c->at[n]))
        n++;
    if (n == 0 || n >= PRIOR_NAME_CAP || !isalpha((unsigned char)c->at[0]))
        return unexpected(c, "a prior such as lognormal(-0.9, 0.5)");
    for (size_t i = 0; i < n; i++)
        out[i] = c->at[i] == '-' ? '_' : c->at[i];
    out[n] = '\0';
    c->at += n;
    return OK;
}

static err_t read_number(cursor_t *c, double *out)
{
    char text[NUMBER_CAP];
    size_t n = strcspn(c->at, ",() \t\n");
    if (n < NUMBER_CAP) {
        memcpy(text, c->at, n);
        text[n] = '\0';
        bool minus = *text == '-';
        bool infinite = strcmp(text + minus, "inf") == 0 || strcmp(text + minus, ".inf") == 0;
        *out = minus ? -INFINITY : INFINITY;
        if (infinite || yaml_parse_real(text, out)) {
            c->at += n;
            return OK;
        }
    }
    return unexpected(c, "a number");
}

static err_t read_call(cursor_t *c, prior_call_t *call, prior_call_t *inner);

static err_t read_argument(cursor_t *c, prior_call_t *call, prior_call_t *inner, bool first)
{
    if (first && inner != NULL && isalpha((unsigned char)*c->at) &&
        c->at[strcspn(c->at, ",()")] == '(') {
        call->has_inner = true;
        return read_call(c, inner, NULL);
    }
    if (call->n_arguments == PRIOR_MAX_ARGUMENTS)
        return unexpected(c, "no more numbers");
    return read_number(c, &call->argument[call->n_arguments++]);
}

static err_t read_call(cursor_t *c, prior_call_t *call, prior_call_t *inner)
{
    call->n_arguments = 0;
    call->has_inner = false;
    TRY(read_name(c, call->name));
    if (!take(c, '('))
        return unexpected(c, "\"(\"");
    bool first = true;
    do {
        TRY(read_argument(c, call, inner, first));
        first = false;
    } while (take(c, ','));
    return take(c, ')') ? OK : unexpected(c, "\",\" or \")\"");
}

err_t prior_call_parse(const char *text, prior_call_t *call, prior_call_t *inner)
{
    cursor_t c = {text, text};
    skip_spaces(&c);
    TRY(read_call(&c, call, inner));
    return *c.at == '\0' ? OK : unexpected(&c, "nothing more");
}
