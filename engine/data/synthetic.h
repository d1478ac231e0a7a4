/* synthetic.h: problems with a known Hessian, made from a seed in place of images (imld/dataset.h).
 *
 * A net without bias and hidden layers has z = x·θ, and with squared errors
 *     L_T = (1/N) Σ wᵢ ½ (xᵢ·θ − yᵢ)² + ½ c ‖θ‖²   (c: a regularizer's coefficient),
 * so H = (1/N) Σ wᵢ xᵢxᵢᵀ + cI whatever θ is.
 *
 * quadratic: d rows xᵢ = √(d|aᵢ|) uᵢ with weights wᵢ = sign aᵢ, aᵢ = μᵢ − c, u₁ … u_d a random
 * orthonormal basis: the eigenvalues of H are μ₁ … μ_d, c included, and the uᵢ its eigenvectors. Of
 * the μᵢ the sizes run evenly in their logarithm from `largest` down to largest/condition; a share
 * `negative_mass` of them, spread evenly over the list, is negative. yᵢ is such that L_T has its
 * stationary point at θ* = H⁻¹Σ aᵢtᵢuᵢ, t standard normal. L_V = ½ ‖θ − θ_V‖² with ‖θ* − θ_V‖ = 1
 * in a random direction, so v = θ − θ_V. θ starts at θ* + distance · a random unit vector.
 *
 * least_squares: row i is x = Σ √μₖ zₖ uₖ with standard normal z: the covariance of x has the
 * eigenvalues μₖ, all positive; y = x·θ° + noise · a standard normal number. θ starts at 0.
 *
 * Everything is a function of (seed, row) by counters, computed in double by one thread and rounded
 * once. Private to engine/. */
#ifndef IMLD_ENGINE_DATA_SYNTHETIC_H
#define IMLD_ENGINE_DATA_SYNTHETIC_H

#include "imld/arena.h"
#include "imld/dataset.h"
#include "imld/team.h"

struct iml_synthetic {
    struct iml_synthetic_options options;
    uint32_t seed;
    double *basis;       /* d × d, row i is uᵢ; borrowed from the arena, as all that follows */
    double *eigenvalues; /* μ: d */
    double *optimum;     /* quadratic: θ*; least_squares: θ°. d */
    double *start;       /* θ at the start: d */
    double *opposite;    /* quadratic: θ_V. d */
    double *truth; /* quadratic: dL_V/dλⱼ at θ*, where e^λⱼ = c for each: −qⱼ c θ*ⱼ. d */
    double *scratch; /* d */
};

void iml_synthetic_layout(struct iml_synthetic *self, const struct iml_synthetic_options *options,
                          struct iml_arena *arena);

/* Draws the problem. Some 4d³/3 multiplications: 5 s at the largest dimension. false: the team's
 * cancel flag was seen (team NULL: none). */
bool iml_synthetic_draw(struct iml_synthetic *self, uint32_t seed, const struct iml_team *team);

/* The rows chosen of a split (their numbers; count = images->count) into values, targets and, where
 * images has them, weights. A quadratic's rows 0 … d − 1 of the train split are L_T's, the next d
 * are L_V's. false as above. */
bool iml_synthetic_rows(const struct iml_synthetic *self, enum iml_set_split split,
                        const uint32_t *chosen, const struct iml_images *images,
                        const struct iml_team *team);

#endif
