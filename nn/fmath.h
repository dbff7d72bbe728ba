/* SPDX-License-Identifier: Apache-2.0
 *
 * float32 functions that a loop over arrays vectorises: no branch, no table, no call. Each is a fixed sequence of
 * roundings (fused multiply-adds where it says f_fma, nowhere else), so it gives the same bits at every vector width.
 * Largest error measured against float64, in ulp: exp 1.0, log 0.8, tanh 2.3, sigmoid 2.0, softplus 1.7, asinh 1.7, sin and cos 2.3 for |x| <= 1600
 * (tests/nn/test_fmath.c holds them to 3). A NaN comes out as a NaN; infinities and both ends of the range give their limits.
 * Polynomials are minimax fits (weighted least squares on Chebyshev nodes, reweighted).
 */
#ifndef NN_FMATH_H
#define NN_FMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Compiles a kernel for each vector width and picks one when the program starts. The sanitizers' runtime is not ready
 * that early, and clang 14 does not find such functions from other files, so with these there is one. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define VEC_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VEC_KERNEL
#endif
#define VEC_INLINE static inline __attribute__((always_inline))

/* a b + c with a single rounding, on any CPU. */
VEC_INLINE float f_fma(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

VEC_INLINE float f_from_bits(int32_t i)
{
    float x;
    memcpy(&x, &i, sizeof x);
    return x;
}

VEC_INLINE int32_t f_bits(float x)
{
    int32_t i;
    memcpy(&i, &x, sizeof i);
    return i;
}

/* 2^n for n in [-126, 127]; something for others */
VEC_INLINE float f_two_to(int32_t n)
{
    return f_from_bits((int32_t)((uint32_t)(n + 127) << 23));
}

/* x = n ln 2 + r, |r| <= ln 2 / 2: the whole n comes out of the low bits of x / ln 2 + 1.5 * 2^23. ln 2 is split in two
 * parts of which the first has trailing zeros, so that n times it is exact (Cody and Waite 1980). */
VEC_INLINE float f_exp_reduce(float x, int32_t *n)
{
    float shifted = f_fma(x, 1.44269504f, 12582912.0f);
    float whole = shifted - 12582912.0f;
    *n = f_bits(shifted) - 0x4b400000;
    return f_fma(whole, 2.12194440e-4f, f_fma(whole, -0.693359375f, x));
}

/* exp(r) - 1 for |r| <= ln 2 / 2 */
VEC_INLINE float f_expm1_small(float r)
{
    float q = 0x1.6db516p-10f;
    q = f_fma(q, r, 0x1.123c02p-7f);
    q = f_fma(q, r, 0x1.55545cp-5f);
    q = f_fma(q, r, 0x1.55548ep-3f);
    q = f_fma(q, r, 0.5f);
    return f_fma(r * r, q, r);
}

VEC_INLINE float f_exp(float x)
{
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    int32_t n;
    float r = f_exp_reduce(x, &n), p = 1.0f + f_expm1_small(r);
    int32_t half = n >> 1; // in two steps: 2^n alone may be out of range
    return p * f_two_to(half) * f_two_to(n - half);
}

/* 2 atanh(s) / s - 2, divided by s^2, as a function of z = s^2 in [0, 0.03] */
VEC_INLINE float f_atanh_narrow(float z)
{
    return (0x1.31e2f4p-2f * z + 0x1.995ebap-2f) * z + 0x1.55557ap-1f;
}

/* x = 2^e (1 + f), 1 + f in [sqrt 1/2, sqrt 2); ln(1 + f) = 2 atanh(s), s = f / (2 + f), written so that the large part
 * f - f^2/2 is added last. */
VEC_INLINE float f_log(float x)
{
    int tiny = x < 1.17549435e-38f;
    float y = tiny ? x * 8388608.0f : x;
    int32_t bits = f_bits(y) - 0x3f3504f3, e = bits >> 23;
    float f = f_from_bits((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    float k = (float)(tiny ? e - 23 : e), s = f / (2.0f + f), z = s * s, half = 0.5f * f * f;
    float rest = s * (half + z * f_atanh_narrow(z)) + k * -2.12194440e-4f;
    float log = k * 0.693359375f - ((half - rest) - f);
    log = x == INFINITY ? x : log;
    log = x == 0.0f ? -INFINITY : log;
    log = x < 0.0f ? NAN : log;
    return x != x ? x : log;
}

/* ln(1 + u) for u in [0, 1], with small relative error near 0 too: 2 atanh(u / (2 + u)). */
VEC_INLINE float f_log1p_unit(float u)
{
    float s = u / (2.0f + u), z = s * s;
    float p = 0x1.f1aee8p-3f;
    p = p * z + 0x1.b6d6a2p-3f;
    p = p * z + 0x1.250972p-2f;
    p = p * z + 0x1.9996a8p-2f;
    p = p * z + 0x1.555558p-1f;
    float half = 0.5f * u * u; // as in f_log
    return u - (half - s * (half + z * p));
}

VEC_INLINE float f_abs(float x)
{
    return f_from_bits(f_bits(x) & 0x7fffffff);
}

VEC_INLINE float f_copy_sign(float size, float sign)
{
    return f_from_bits((f_bits(size) & 0x7fffffff) | (f_bits(sign) & (int32_t)0x80000000));
}

/* exp(x) - 1 for x in [0, 40] */
VEC_INLINE float f_expm1_positive(float x)
{
    int32_t n;
    float p = f_expm1_small(f_exp_reduce(x, &n));
    float two = f_two_to(n);
    return two * p + (two - 1.0f);
}

VEC_INLINE float f_tanh(float x)
{
    float a = f_abs(x);
    float e = f_expm1_positive(2.0f * (a > 10.0f ? 10.0f : a));
    return f_copy_sign(e / (e + 2.0f), x);
}

/* With t = exp(-|x|): 1 / (1 + t), or t / (1 + t) where x < 0; t = 0 beyond 87, where 2^n leaves the range. */
VEC_INLINE float f_sigmoid(float x)
{
    float a = f_abs(x);
    int32_t n;
    float p = f_expm1_small(f_exp_reduce(a > 87.0f ? -87.0f : -a, &n)), two = f_two_to(n);
    float t = a > 87.0f ? 0.0f : f_fma(two, p, two);
    return (x < 0.0f ? t : 1.0f) / (1.0f + t);
}

VEC_INLINE float f_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + f_log1p_unit(f_exp(-f_abs(x)));
}

/* sign(x) ln(1 + u), u = |x| + x^2 / (1 + sqrt(1 + x^2)), with the rounding of 1 + u put back; beyond 10^9 ln 2|x|. */
VEC_INLINE float f_asinh(float x)
{
    float a = f_abs(x), b = a > 1e9f ? 1e9f : a;
    float u = b + b * b / (1.0f + sqrtf(1.0f + b * b));
    float w = 1.0f + u;
    float near = f_log(w) + (u - (w - 1.0f)) / w;
    return f_copy_sign(a > 1e9f ? f_log(a) + 0.693147181f : near, x);
}

/* x = n pi / 2 + r, |r| <= pi / 4; n stands in the low bits of x 2 / pi + 1.5 * 2^23. pi / 2 is split into four parts of
 * which three have 14 bits, so that n times each is exact for n < 2^10. Beyond |x| = 1600 r carries an error like the
 * distance between the numbers around x, and what is beyond 2^22 is taken for 2^22. */
VEC_INLINE float f_quarter_reduce(float x, int32_t *n)
{
    float c = f_abs(x) > 4194304.0f ? f_copy_sign(4194304.0f, x) : x;
    float shifted = c * 0.636619772f + 12582912.0f;
    float whole = shifted - 12582912.0f;
    *n = f_bits(shifted);
    float r = (c - whole * 0x1.9218p+0f) - whole * 0x1.ed5p-14f;
    return ((r - whole * 0x1.10bp-30f) - whole * 0x1.184698p-44f) + (x - x);
}

/* sin(r) for |r| <= pi / 4 (this and the next: Moshier's Cephes) */
VEC_INLINE float f_sin_small(float r)
{
    float z = r * r;
    float p = (-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f;
    return r + r * z * p;
}

/* cos(r) for |r| <= pi / 4 */
VEC_INLINE float f_cos_small(float r)
{
    float z = r * r;
    float p = (2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f;
    return 1.0f - (0.5f * z - z * z * p);
}

/* sin(x), and *cosine = cos(x). Of an infinity: NaN. */
VEC_INLINE float f_sin_cos(float x, float *cosine)
{
    int32_t n;
    float r = f_quarter_reduce(x, &n), s = f_sin_small(r), c = f_cos_small(r);
    float sine = n & 1 ? c : s, other = n & 1 ? s : c;
    *cosine = (n + 1) & 2 ? -other : other;
    return n & 2 ? -sine : sine;
}

#endif
