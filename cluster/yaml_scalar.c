// SPDX-License-Identifier: Apache-2.0
// Scalars as text: numbers in, quoted text out, and the nearest of some words.
#include "cluster/yaml.h"

#include "cluster/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_CAP = 400, WORD_CAP = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_length(const char *text)
{
    size_t n = 0;
    while (is_digit(text[n]) || (n > 0 && text[n] == '_' && is_digit(text[n + 1])))
        n++;
    return n;
}

size_t yaml_number_length(const char *text)
{
    size_t sign = *text == '+' || *text == '-', n = sign;
    size_t whole = digits_length(text + n), fraction = 0;
    n += whole;
    if (text[n] == '.') {
        fraction = digits_length(text + n + 1);
        n += whole + fraction > 0 ? 1 + fraction : 0;
    }
    if (whole + fraction == 0)
        return 0;
    if (text[n] == 'e' || text[n] == 'E') {
        size_t mark = text[n + 1] == '+' || text[n + 1] == '-' ? 2 : 1;
        size_t exponent = digits_length(text + n + mark);
        n += exponent > 0 ? mark + exponent : 0;
    }
    return n;
}

/* The number without its '_'; false where the text is not one number. */
static bool clean_number(const char *text, char out[NUMBER_CAP])
{
    size_t n = yaml_number_length(text), used = 0;
    if (n == 0 || n >= NUMBER_CAP || text[n] != '\0')
        return false;
    for (size_t i = 0; i < n; i++)
        if (text[i] != '_')
            out[used++] = text[i];
    out[used] = '\0';
    return true;
}

bool yaml_parse_real(const char *text, double *out)
{
    char clean[NUMBER_CAP];
    const char *unsigned_text = text + (*text == '+' || *text == '-');
    if (strcasecmp(unsigned_text, ".inf") == 0) {
        *out = *text == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (!clean_number(text, clean))
        return false;
    double value = strtod(clean, NULL);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

/* value * 10 - digit, below zero so that the smallest integer fits */
static bool push_digit(int64_t *value, int digit)
{
    return !__builtin_mul_overflow(*value, 10, value) &&
           !__builtin_sub_overflow(*value, digit, value);
}

bool yaml_parse_integer(const char *text, int64_t *out)
{
    char clean[NUMBER_CAP], digits[NUMBER_CAP];
    if (!clean_number(text, clean))
        return false;
    bool negative = *clean == '-', fraction = false;
    const char *at = clean + (*clean == '-' || *clean == '+');
    int n = 0, scale = 0;
    for (; *at != '\0' && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        digits[n++] = *at;
        scale -= fraction;
    }
    if (*at != '\0')
        scale += (int)fmax(fmin(strtod(at + 1, NULL), 1e6), -1e6);
    for (; n > 0 && digits[n - 1] == '0'; n--)
        scale++;
    int64_t value = 0;
    if (n > 0 && scale < 0)
        return false;
    for (int i = 0; i < n; i++)
        if (!push_digit(&value, digits[i] - '0'))
            return false;
    for (int i = 0; value != 0 && i < scale; i++)
        if (!push_digit(&value, 0))
            return false;
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

/* Could another reader take this plain word for something else than text? */
static bool is_reserved(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "on",
                                        "off",  "null",  "y",   "n"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_plain(const char *text)
{
    if (!(isalpha((unsigned char)*text) || *text == '_' || *text == '/') || is_reserved(text))
        return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && strchr("_./-+", *text) == NULL)
            return false;
    return true;
}

/* Writes one character of text at `out` as it stands in double quotes; returns how many bytes of text it took. */
static size_t quote_character(const unsigned char *text, char out[8])
{
    bool c1 = text[0] == 0xC2 && text[1] >= 0x80 && text[1] < 0xA0; // control characters above 127
    if (*text == '"' || *text == '\\')
        snprintf(out, 8, "\\%c", *text);
    else if (*text == '\n')
        snprintf(out, 8, "\\n");
    else if (*text == '\t')
        snprintf(out, 8, "\\t");
    else if (*text < ' ' || *text == 0x7F)
        snprintf(out, 8, "\\x%02X", *text);
    else if (c1)
        snprintf(out, 8, "\\x%02X", text[1]);
    else
        snprintf(out, 8, "%c", *text);
    return c1 ? 2 : 1;
}

const char *yaml_show_real(double x, char out[YAML_REAL_CAP])
{
    if (isinf(x))
        return strcpy(out, x < 0 ? "-.inf" : ".inf");
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, YAML_REAL_CAP, "%.*g", digits, x);
        if (strtod(out, NULL) == x)
            break;
    }
    return out;
}

char *yaml_quote(const char *text)
{
    if (is_plain(text))
        return mem_copy_text(text);
    const unsigned char *at = (const unsigned char *)text;
    char *out = mem_alloc(4 * strlen(text) + 3, 1), piece[8];
    size_t used = 0;
    out[used++] = '"';
    while (*at != '\0') {
        at += quote_character(at, piece);
        size_t n = strlen(piece);
        memcpy(out + used, piece, n);
        used += n;
    }
    out[used++] = '"';
    out[used] = '\0';
    return out;
}

/* Edit distance (Levenshtein 1966) without regard to case; both shorter than WORD_CAP. */
static int edit_distance(const char *a, const char *b)
{
    int row[WORD_CAP], width = (int)strlen(b);
    for (int j = 0; j <= width; j++)
        row[j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= width; j++) {
            int change =
                diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            int gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < gap ? change : gap;
        }
    }
    return row[width];
}

const char *yaml_nearest(const char *word, int n, const char *const *words)
{
    size_t length = strlen(word);
    if (length == 0 || length >= WORD_CAP)
        return NULL;
    const char *nearest = NULL;
    int least = length < 2 ? 0 : 1 + (int)length / 4;
    for (int i = 0; i < n; i++) {
        int distance = strlen(words[i]) < WORD_CAP ? edit_distance(word, words[i]) : WORD_CAP;
        if (distance <= least) {
            nearest = words[i];
            least = distance - 1;
        }
    }
    for (int i = 0; i < n && nearest == NULL && length >= 3; i++)
        if (strncasecmp(word, words[i], length) == 0)
            nearest = words[i];
    return nearest;
}
