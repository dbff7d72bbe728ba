/* SPDX-License-Identifier: Apache-2.0
 *
 * For kernels in vector code that go over LANES doubles at once: each loop over the lanes becomes vector code. Every
 * operation is one rounding (no fused multiply-adds) and sums follow a fixed tree, so that a kernel compiled for any vector
 * width gives the same bits.
 */
#ifndef WORKERS_SIMULATORS_LANES_H
#define WORKERS_SIMULATORS_LANES_H

#include <stdint.h>
#include <string.h>

enum { LANES = 8 };

/* As in nn/fmath.h, which a simulator does not include: compiles a kernel for each vector width and picks one when the
 * program starts. */
#ifndef VEC_KERNEL
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define VEC_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VEC_KERNEL
#endif
#endif
#define VEC_INLINE static inline __attribute__((always_inline))

VEC_INLINE double lane_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

VEC_INLINE uint64_t lane_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* x where yes is 1, y where it is 0; a ?: of which the condition serves twice may become a branch, and the loop no vector
 * code. */
VEC_INLINE double lane_choose(int yes, double x, double y)
{
    uint64_t mask = -(uint64_t)yes;
    return lane_from_bits((lane_bits(x) & mask) | (lane_bits(y) & ~mask));
}

VEC_INLINE double lane_min(double x, double y)
{
    return lane_choose(x < y, x, y);
}

VEC_INLINE double lanes_sum(const double *x)
{
    return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}

VEC_INLINE double lanes_product(const double *x)
{
    return ((x[0] * x[4]) * (x[1] * x[5])) * ((x[2] * x[6]) * (x[3] * x[7]));
}

VEC_INLINE double lanes_least(const double *x)
{
    double least = x[0];
    for (int l = 1; l < LANES; l++)
        least = x[l] < least ? x[l] : least;
    return least;
}

/* (exp(r) - 1 - r) / r^2 for |r| <= ln 2 / 2: a minimax fit, 4e-18 of exp(r). */
VEC_INLINE double lane_exp_tail(double r)
{
    double z = r * r;
    double even = 0x1.28ad72cd4ab37p-22 * z + 0x1.a0199a0c66195p-16;
    double odd = 0x1.ad7f6f0e24922p-26 * z + 0x1.71df255235e0bp-19;
    even = even * z + 0x1.6c16c1842a126p-10;
    odd = odd * z + 0x1.a01a012a57b5ep-13;
    even = even * z + 0x1.555555555087cp-5;
    odd = odd * z + 0x1.1111111127be5p-7;
    even = even * z + 0x1.000000000000ap-1;
    odd = odd * z + 0x1.55555555554fap-3;
    return even + r * odd;
}

/* exp(x) for -700 <= x <= 700, with a relative error below 3e-16: x = n ln 2 + r, |r| <= ln 2 / 2, where n comes out of the
 * low bits of x / ln 2 + 1.5 * 2^52, and ln 2 is split in two parts of which n times the first is exact (Cody and Waite
 * 1980). */
VEC_INLINE double lane_exp(double x)
{
    double shifted = x * 0x1.71547652b82fep+0 + 0x1.8p+52, n = shifted - 0x1.8p+52;
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
    uint64_t exponent = lane_bits(shifted) + 1023; // of which the shift leaves the low bits
    return (1.0 + (r + r * r * lane_exp_tail(r))) * lane_from_bits(exponent << 52);
}

#endif
