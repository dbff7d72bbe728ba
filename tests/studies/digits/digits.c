// SPDX-License-Identifier: Apache-2.0
//
// A handwritten digit on grainy paper, seen out of focus and through noise:
//
//     image = digit / 255 + 0.1 e,    noisy = G image G' + 0.3 e',    e, e' ~ N(0, 1) in each pixel
//
// The digit is one of digits.bin, which prepare.py writes and the assembler takes in; G blurs along one side by a Gaussian
// kernel with a standard deviation of a twenty-eighth of it. Beyond the paper is nothing. -DSIDE=14 is for small images.
#include <infermill/simulator.h>

#include <math.h>
#include <stdlib.h>

#ifndef SIDE
#define SIDE 28
#endif
#define GRAIN 0.1
#define NOISE 0.3
#define FOCUS (SIDE / 28.0)

enum { PIXELS = SIDE * SIDE, REACH = 3 };

__asm__(".section .rodata\n"
        "digits_begin: .incbin \"digits.bin\"\n"
        "digits_end:\n"
        ".text\n");
extern const unsigned char digits_begin[], digits_end[] __attribute__((visibility("hidden")));

static const infermill_parameter_t parameters[] = {
    {.name = "image", .lower = -INFINITY, .upper = INFINITY, .n_dims = 2, .dims = {SIDE, SIDE}}};
static const infermill_observable_t observables[] = {{.name = "noisy",
                                                      .kind = INFERMILL_IMAGE,
                                                      .n_dims = 3,
                                                      .dims = {SIDE, SIDE, 1},
                                                      .dim_design = {-1, -1, -1},
                                                      .lower = -INFINITY,
                                                      .upper = INFINITY}};

static void prior(void *state, const infermill_host_t *host, infermill_random_t *random,
                  const double *design, double *image)
{
    (void)state, (void)design;
    int64_t n = (digits_end - digits_begin) / PIXELS;
    const unsigned char *digit = digits_begin + PIXELS * host->integer(random, 0, n - 1);
    host->fill_normal(random, PIXELS, image);
    for (int k = 0; k < PIXELS; k++)
        image[k] = digit[k] / 255.0 + GRAIN * image[k];
}

static void fill_kernel(double *kernel) // (2 REACH + 1), of sum 1
{
    double sum = 0;
    for (int k = -REACH; k <= REACH; k++)
        sum += kernel[k + REACH] = exp(-0.5 * k * k / (FOCUS * FOCUS));
    for (int k = 0; k <= 2 * REACH; k++)
        kernel[k] /= sum;
}

/* Blurs the columns of `from` and lays them down as rows of `to`: twice, and both sides are blurred and in place. */
static void blur(const double *kernel, const double *from, double *to)
{
    for (int column = 0; column < SIDE; column++)
        for (int row = 0; row < SIDE; row++) {
            double sum = 0;
            for (int k = -REACH; k <= REACH; k++)
                if (row + k >= 0 && row + k < SIDE)
                    sum += kernel[k + REACH] * from[(row + k) * SIDE + column];
            to[column * SIDE + row] = sum;
        }
}

static int simulate(void *state, const infermill_host_t *host, infermill_random_t *random,
                    const double *image, const double *design, float *const *out)
{
    (void)state, (void)design;
    double kernel[2 * REACH + 1], half[PIXELS], blurred[PIXELS];
    fill_kernel(kernel);
    blur(kernel, image, half);
    blur(kernel, half, blurred);
    for (int k = 0; k < PIXELS; k++)
        out[0][k] = (float)(blurred[k] + NOISE * host->normal(random));
    return 0;
}

static const infermill_simulator_t table = {.abi = INFERMILL_ABI,
                                            .size = sizeof table,
                                            .name = "digits",
                                            .version = "1",
                                            .description = "A digit, out of focus and in noise",
                                            .n_parameters = 1,
                                            .n_observables = 1,
                                            .parameters = parameters,
                                            .observables = observables,
                                            .prior = prior,
                                            .simulate = simulate};

const infermill_simulator_t *infermill_simulator(void)
{
    return &table;
}
