// SPDX-License-Identifier: Apache-2.0
#include "nn/unary.h"

#include "nn/fmath.h"

#include <stddef.h>

/* y = f(x), *d = f'(x) */
VEC_INLINE float value_identity(float x, float *d)
{
    *d = 1.0f;
    return x;
}

VEC_INLINE float value_exp(float x, float *d)
{
    return *d = f_exp(x);
}

VEC_INLINE float value_log(float x, float *d)
{
    *d = 1.0f / x;
    return f_log(x);
}

VEC_INLINE float value_log_abs(float x, float *d)
{
    *d = 1.0f / x;
    return f_log(f_abs(x));
}

VEC_INLINE float value_tanh(float x, float *d)
{
    float t = f_tanh(x);
    *d = 1.0f - t * t;
    return t;
}

VEC_INLINE float value_sigmoid(float x, float *d)
{
    float s = f_sigmoid(x);
    *d = s * (1.0f - s);
    return s;
}

VEC_INLINE float value_softplus(float x, float *d)
{
    *d = f_sigmoid(x);
    return f_softplus(x);
}

VEC_INLINE float value_silu(float x, float *d)
{
    float s = f_sigmoid(x), y = x * s;
    *d = s + y * (1.0f - s);
    return y;
}

/* With e = exp(x), n = e (e + 2): tanh(softplus(x)) = n / (n + 2), and its derivative is 4 e (e + 1) / (n + 2)^2. For
 * x > 20 it is 1 in float32, so x is cut there before e^2 can leave the range. */
VEC_INLINE float value_mish(float x, float *d)
{
    float e = f_exp(x > 20.0f ? 20.0f : x), n = e * (e + 2.0f), r = 1.0f / (n + 2.0f);
    float t = n * r;
    *d = t + x * (4.0f * e * (e + 1.0f) * r * r);
    return x * t;
}

VEC_INLINE float value_hard_silu(float x, float *d)
{
    float c = x * (1.0f / 6.0f) + 0.5f;
    float low = c < 0.0f ? 0.0f : c, clipped = low > 1.0f ? 1.0f : low;
    *d = clipped + (c == clipped ? x * (1.0f / 6.0f) : 0.0f);
    return x * clipped;
}

VEC_INLINE float value_relu(float x, float *d)
{
    *d = x > 0.0f ? 1.0f : 0.0f;
    return x < 0.0f ? 0.0f : x;
}

VEC_INLINE float value_asinh(float x, float *d)
{
    *d = 1.0f / sqrtf(1.0f + x * x);
    return f_asinh(x);
}

VEC_INLINE float value_sqrt(float x, float *d)
{
    float y = sqrtf(x);
    *d = 0.5f / y;
    return y;
}

VEC_INLINE float value_square(float x, float *d)
{
    *d = 2.0f * x;
    return x * x;
}

VEC_INLINE float value_neg(float x, float *d)
{
    *d = -1.0f;
    return -x;
}

VEC_INLINE float value_sin(float x, float *d)
{
    return f_sin_cos(x, d);
}

VEC_INLINE float value_cos(float x, float *d)
{
    float c, s = f_sin_cos(x, &c);
    *d = -s;
    return c;
}

#define UNARY_LIST(X)                                                                              \
    X(IDENTITY, identity)                                                                          \
    X(EXP, exp)                                                                                    \
    X(LOG, log)                                                                                    \
    X(LOG_ABS, log_abs)                                                                            \
    X(TANH, tanh)                                                                                  \
    X(SIGMOID, sigmoid)                                                                            \
    X(SOFTPLUS, softplus)                                                                          \
    X(SILU, silu)                                                                                  \
    X(MISH, mish)                                                                                  \
    X(HARD_SILU, hard_silu)                                                                        \
    X(RELU, relu)                                                                                  \
    X(ASINH, asinh)                                                                                \
    X(SQRT, sqrt)                                                                                  \
    X(SQUARE, square)                                                                              \
    X(NEG, neg)                                                                                    \
    X(SIN, sin)                                                                                    \
    X(COS, cos)

/* The loops of each function, without and with its slope. x and y may be one array (hence ivdep). */
#define UNARY_LOOPS(upper, name)                                                                   \
    static VEC_KERNEL void loop_##name(int64_t n, const float *x, float *y)                        \
    {                                                                                              \
        float unused;                                                                              \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) y[i] = value_##name(x[i], &unused);   \
    }                                                                                              \
    static VEC_KERNEL void slope_##name(int64_t n, const float *x, float *y, float *d)             \
    {                                                                                              \
        _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++)                                       \
        {                                                                                          \
            float slope;                                                                           \
            y[i] = value_##name(x[i], &slope);                                                     \
            d[i] = slope;                                                                          \
        }                                                                                          \
    }
UNARY_LIST(UNARY_LOOPS)

#define UNARY_ROW(upper, name) [UNARY_##upper] = {loop_##name, slope_##name},
static const struct {
    void (*loop)(int64_t n, const float *x, float *y);
    void (*slope)(int64_t n, const float *x, float *y, float *d);
} unary_table[UNARY_KINDS] = {UNARY_LIST(UNARY_ROW)};

void unary_apply(unary_t kind, int64_t n, const float *x, float *y, float *slope)
{
    if (slope != NULL)
        unary_table[kind].slope(n, x, y, slope);
    else
        unary_table[kind].loop(n, x, y);
}
