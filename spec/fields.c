/* fields.c: the table of job fields, one row a field (DESIGN §4); see fields.h. */
#include "spec/fields.h"

#include <string.h>

/* Bounds that several rows share. TINY and HUGE keep a value normal as float; BELOW_ONE is the last
 * decay that still decays in float. */
#define TINY 1e-30
#define HUGE 1e30
#define BELOW_ONE 0.999999
#define COUNT_MAX 1e9
#define BATCH_MAX 1e6
#define SEED_MAX 4294967295.0
#define EXACT_MAX 46340 /* the elements of a square matrix still fit LAPACK's integers */

/* clang-format off */
const struct imld_field imld_fields[] = {
    /* path, when, algorithms, type, default, minimum, maximum, items from … to, choices, unit, PATCH, help */
    {"/algorithm", NULL, IMLD_ALL, IMLD_CHOICE, NULL, 0, 0, 0, 0, "supervised|iml", "", false,
     "How the job trains: plain training of θ, or θ and λ together by implicit differentiation (MATH §1)."},
    {"/checkpoint/best", NULL, IMLD_ALL, IMLD_METRIC, "\"validation/accuracy\"", 0, 0, 0, 0, NULL, "", false,
     "The metric whose best evaluation, first of equals, is kept as checkpoint best and restored at the end (DESIGN §5)."},
    {"/checkpoint/every_seconds", NULL, IMLD_ALL, IMLD_NUMBER, "60", 0, 1e6, 0, 0, NULL, "seconds", false,
     "Time between two checkpoints; 0 writes one after every step (DESIGN §6)."},
    {"/checkpoint/keep", NULL, IMLD_ALL, IMLD_INTEGER, "3", 1, 1000, 0, 0, NULL, "checkpoints", false,
     "How many of the newest checkpoints stay beside best and last (DESIGN §6)."},
    {"/data/pixels", NULL, IMLD_ALL, IMLD_CHOICE, "\"standardized\"", 0, 0, 0, 0, "standardized|symmetric|unit", "", false,
     "Scale of the inputs: by mean and deviation of each channel over the job's training images, byte·2/255 − 1, or byte/255 (DESIGN §4)."},
    {"/data/set", NULL, IMLD_ALL, IMLD_SET_NAME, NULL, 1, 63, 0, 0, NULL, "", false,
     "Name of the data set: that of its folder under a data root (DESIGN §4)."},
    {"/data/test", NULL, IMLD_ALL, IMLD_INTEGER, "@test", 0, COUNT_MAX, 0, 0, NULL, "images", false,
     "The first n images of the test split; all by default (DESIGN §4)."},
    {"/data/train", NULL, IMLD_ALL, IMLD_INTEGER, "@train", 1, COUNT_MAX, 0, 0, NULL, "images", false,
     "Training images, drawn by seed and spread over the classes; all that remain after validation by default (DESIGN §4)."},
    {"/data/validation", NULL, IMLD_ALL, IMLD_INTEGER, "@validation", 1, COUNT_MAX, 0, 0, NULL, "images", false,
     "Validation images, drawn by seed from the train split; 500 by default, at most half of the split (DESIGN §4)."},
    {"/early_stopping", NULL, IMLD_ALL, IMLD_OBJECTS, "[]", 0, 0, 0, 16, NULL, "rules", true,
     "Stop rules, asked after each evaluation; divergence is always on and not listed (DESIGN §5)."},
    {"/early_stopping/-/evaluations", "rule=patience", IMLD_ALL, IMLD_INTEGER, "20", 1, 1e6, 0, 0, NULL, "evaluations", true,
     "Evaluations without improvement after which the rule fires (DESIGN §5)."},
    {"/early_stopping/-/metric", "rule=patience|target", IMLD_ALL, IMLD_METRIC, "\"validation/accuracy\"", 0, 0, 0, 0, NULL, "", true,
     "The metric that the rule watches; its better direction is that of the metric table (DESIGN §5)."},
    {"/early_stopping/-/min_delta", "rule=patience", IMLD_ALL, IMLD_NUMBER, "0", 0, HUGE, 0, 0, NULL, "", true,
     "A value counts as improvement when it is better than the best so far by more than this (DESIGN §5)."},
    {"/early_stopping/-/rule", NULL, IMLD_ALL, IMLD_CHOICE, NULL, 0, 0, 0, 0, "patience|target|budget", "", true,
     "patience: no improvement for a while; target: a value is reached; budget: seconds or steps are used up (DESIGN §5)."},
    {"/early_stopping/-/seconds", "rule=budget", IMLD_ALL, IMLD_NUMBER, "", 0.001, COUNT_MAX, 0, 0, NULL, "seconds", true,
     "Running time after which the rule fires; such a job is outside the promise of the same bits (DESIGN §5)."},
    {"/early_stopping/-/steps", "rule=budget", IMLD_ALL, IMLD_INTEGER, "", 1, COUNT_MAX, 0, 0, NULL, "steps", true,
     "Inner steps after which the rule fires (DESIGN §5)."},
    {"/early_stopping/-/value", "rule=target", IMLD_ALL, IMLD_NUMBER, NULL, -HUGE, HUGE, 0, 0, NULL, "", true,
     "The rule fires at the first evaluation that is at least as good as this (DESIGN §5)."},
    {"/evaluation/every_steps", NULL, IMLD_SUPERVISED, IMLD_INTEGER, "100", 1, COUNT_MAX, 0, 0, NULL, "steps", false,
     "Steps between two evaluations on all of validation and test (DESIGN §4)."},
    {"/evaluation/every_updates", NULL, IMLD_IML, IMLD_INTEGER, "10", 1, COUNT_MAX, 0, 0, NULL, "updates", false,
     "Updates of λ between two evaluations on all of validation and test (DESIGN §4)."},
    {"/inner/batch", NULL, IMLD_ALL, IMLD_INTEGER, "@inner_batch", 1, BATCH_MAX, 0, 0, NULL, "images", false,
     "Images of a training step; 128 by default, at most data.train (MATH §6)."},
    {"/inner/optimizer/beta1", "kind=adam", IMLD_ALL, IMLD_NUMBER, "0.9", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Decay of Adam's mean of gradients (MATH §1)."},
    {"/inner/optimizer/beta2", "kind=adam", IMLD_ALL, IMLD_NUMBER, "0.999", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Decay of Adam's mean of squared gradients (MATH §1)."},
    {"/inner/optimizer/epsilon", "kind=adam|rmsprop", IMLD_ALL, IMLD_NUMBER, "1e-8", TINY, HUGE, 0, 0, NULL, "", false,
     "ε, added outside the root (MATH §1)."},
    {"/inner/optimizer/kind", NULL, IMLD_ALL, IMLD_CHOICE, "\"adam\"", 0, 0, 0, 0, "sgd|adam|rmsprop", "", false,
     "The update rule of θ, as PyTorch publishes it (MATH §1)."},
    {"/inner/optimizer/learning_rate", "kind=adam|rmsprop", IMLD_ALL, IMLD_NUMBER, "1e-3", 0, HUGE, 0, 0, NULL, "", false,
     "Step length of θ (MATH §1)."},
    {"/inner/optimizer/learning_rate", "kind=sgd", IMLD_ALL, IMLD_NUMBER, "0.1", 0, HUGE, 0, 0, NULL, "", false,
     "Step length of θ (MATH §1)."},
    {"/inner/optimizer/momentum", "kind=sgd", IMLD_ALL, IMLD_NUMBER, "0", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Share of the last step that the next one keeps; 0 for none (MATH §1)."},
    {"/inner/optimizer/nesterov", "kind=sgd", IMLD_ALL, IMLD_BOOLEAN, "false", 0, 0, 0, 0, NULL, "", false,
     "Nesterov's form of momentum; needs a momentum above 0 (MATH §1)."},
    {"/inner/optimizer/rho", "kind=rmsprop", IMLD_ALL, IMLD_NUMBER, "0.99", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Decay of RMSprop's mean of squared gradients (MATH §1)."},
    {"/inner/steps", NULL, IMLD_SUPERVISED, IMLD_INTEGER, "4000", 1, COUNT_MAX, 0, 0, NULL, "steps", false,
     "Training steps in all (DESIGN §4)."},
    {"/inner/steps_per_update", NULL, IMLD_IML, IMLD_INTEGER, "10", 1, COUNT_MAX, 0, 0, NULL, "steps", false,
     "Training steps between two updates of λ (MATH §6)."},
    {"/inner/warmup/steps", "!until", IMLD_IML, IMLD_INTEGER, "1000", 0, COUNT_MAX, 0, 0, NULL, "steps", false,
     "Training steps before the first update of λ (MATH §6)."},
    {"/inner/warmup/until", NULL, IMLD_IML, IMLD_SECTION, "", 0, 0, 0, 0, NULL, "", false,
     "Warm-up that ends when the training gradient is small, in place of inner.warmup.steps (MATH §6)."},
    {"/inner/warmup/until/gradient_norm", NULL, IMLD_IML, IMLD_NUMBER, NULL, TINY, HUGE, 0, 0, NULL, "", false,
     "Warm-up ends when the norm of the training gradient on a fixed monitoring batch is below this (MATH §6)."},
    {"/inner/warmup/until/max_steps", NULL, IMLD_IML, IMLD_INTEGER, "10000", 1, COUNT_MAX, 0, 0, NULL, "steps", false,
     "Warm-up ends after this many steps at the latest (MATH §6)."},
    {"/inner/warmup/until/min_steps", NULL, IMLD_IML, IMLD_INTEGER, "0", 0, COUNT_MAX, 0, 0, NULL, "steps", false,
     "Warm-up does not end before this many steps (MATH §6)."},
    {"/inner/warmup/until/relative", NULL, IMLD_IML, IMLD_BOOLEAN, "false", 0, 0, 0, 0, NULL, "", false,
     "gradient_norm is a share of the norm at step 0 instead of a norm (MATH §6)."},
    {"/meta/curvature/batch", NULL, IMLD_IML, IMLD_INTEGER, "@curvature_batch", 1, BATCH_MAX, 0, 0, NULL, "images", false,
     "Training images at which the loss is linearized; 500 by default, at most data.train (MATH §1)."},
    {"/meta/curvature/batch_norm", NULL, IMLD_IML, IMLD_CHOICE, "\"batch\"", 0, 0, 0, 0, "batch|running", "", false,
     "Batch norm in the linearized loss: by the curvature batch's own means, as in training, or by running statistics; no matter without model.batch_norm (MATH §2)."},
    {"/meta/curvature/dropout", NULL, IMLD_IML, IMLD_CHOICE, "\"off\"", 0, 0, 0, 0, "off|fixed", "", false,
     "Dropout in the linearized loss: none, or one mask an update, the same in all products of its solve (MATH §2)."},
    {"/meta/curvature/kind", NULL, IMLD_IML, IMLD_CHOICE, "\"hessian\"", 0, 0, 0, 0, "hessian|gauss_newton", "", false,
     "The matrix that the solver inverts: the Hessian of the regularized training loss, or its Gauss–Newton matrix, which is positive semidefinite (MATH §2)."},
    {"/meta/knowledge/clamp", NULL, IMLD_IML, IMLD_NUMBERS, "", TINY, HUGE, 2, 2, NULL, "", false,
     "[low, high]: bounds of each coefficient e^λ after an update; none by default (MATH §3)."},
    {"/meta/knowledge/initial", NULL, IMLD_IML, IMLD_NUMBER, "1e-4", TINY, HUGE, 0, 0, NULL, "", false,
     "Each coefficient e^λ at the start (MATH §3)."},
    {"/meta/knowledge/kind", NULL, IMLD_IML, IMLD_CHOICE, "\"l2_per_parameter\"", 0, 0, 0, 0, "l2_per_parameter|l2_per_layer", "", false,
     "How λ enters the training loss: one L2 coefficient for each parameter, or for each layer (MATH §3)."},
    {"/meta/optimizer/beta1", "kind=adam", IMLD_IML, IMLD_NUMBER, "0.9", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Decay of Adam's mean of gradients (MATH §1)."},
    {"/meta/optimizer/beta2", "kind=adam", IMLD_IML, IMLD_NUMBER, "0.999", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Decay of Adam's mean of squared gradients (MATH §1)."},
    {"/meta/optimizer/epsilon", "kind=adam|rmsprop", IMLD_IML, IMLD_NUMBER, "1e-8", TINY, HUGE, 0, 0, NULL, "", false,
     "ε, added outside the root; hypergradients are often far below it, so it decides how far λ moves (MATH §1)."},
    {"/meta/optimizer/kind", NULL, IMLD_IML, IMLD_CHOICE, "\"rmsprop\"", 0, 0, 0, 0, "sgd|adam|rmsprop", "", false,
     "The update rule of λ, as PyTorch publishes it (MATH §1)."},
    {"/meta/optimizer/learning_rate", NULL, IMLD_IML, IMLD_NUMBER, "0.05", 0, HUGE, 0, 0, NULL, "", false,
     "Step length of λ; 0 freezes λ (MATH §1)."},
    {"/meta/optimizer/momentum", "kind=sgd", IMLD_IML, IMLD_NUMBER, "0", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Share of the last step that the next one keeps; 0 for none (MATH §1)."},
    {"/meta/optimizer/nesterov", "kind=sgd", IMLD_IML, IMLD_BOOLEAN, "false", 0, 0, 0, 0, NULL, "", false,
     "Nesterov's form of momentum; needs a momentum above 0 (MATH §1)."},
    {"/meta/optimizer/rho", "kind=rmsprop", IMLD_IML, IMLD_NUMBER, "0.99", 0, BELOW_ONE, 0, 0, NULL, "", false,
     "Decay of RMSprop's mean of squared gradients (MATH §1)."},
    {"/meta/solver/damping", "kind=cg|exact|minres|neumann", IMLD_IML, IMLD_NUMBER, "0", 0, HUGE, 0, 0, NULL, "", false,
     "δ: the solver inverts H + δI (MATH §4)."},
    {"/meta/solver/damping", "kind=nystrom", IMLD_IML, IMLD_NUMBER, "1e-2", TINY, HUGE, 0, 0, NULL, "", false,
     "ρ of (CB⁺Cᵀ + ρI)⁻¹v, in place of what the r columns leave out of H; never 0 (MATH §4)."},
    {"/meta/solver/kind", NULL, IMLD_IML, IMLD_CHOICE, "\"neumann\"", 0, 0, 0, 0, "identity|neumann|cg|minres|nystrom|exact|auto", "", false,
     "How q ≈ H⁻¹v is estimated from products with H (MATH §4)."},
    {"/meta/solver/max_parameters", "kind=exact", IMLD_IML, IMLD_INTEGER, "16384", 1, EXACT_MAX, 0, 0, NULL, "parameters", false,
     "A net with more is refused with the bytes that H and its factors would take; 16384 are about 2 GiB (MATH §4)."},
    {"/meta/solver/max_products", "kind=auto", IMLD_IML, IMLD_INTEGER, "100", 1, 10000, 0, 0, NULL, "products", false,
     "Products with H at most; the solve ends earlier at target_residual (MATH §4)."},
    {"/meta/solver/precondition", "kind=cg", IMLD_IML, IMLD_CHOICE, "\"none\"", 0, 0, 0, 0, "none|l2", "", false,
     "l2: the iterations run in M⁻¹H with M = μ̂I + D, D the diagonal that knowledge and damping add to H (MATH §4)."},
    {"/meta/solver/precondition", "kind=neumann", IMLD_IML, IMLD_CHOICE, "\"none\"", 0, 0, 0, 0, "none|l2", "", false,
     "l2: the series runs in M⁻¹H with M = μ̂I + D, which a growing e^λ can't make diverge (MATH §4)."},
    {"/meta/solver/rank", "kind=nystrom", IMLD_IML, IMLD_INTEGER, "10", 1, 10000, 0, 0, NULL, "products", false,
     "r: columns of H that stand for it, one product each, drawn anew at each update; costs r × parameters of memory (MATH §4)."},
    {"/meta/solver/reorthogonalize", "kind=auto", IMLD_IML, IMLD_BOOLEAN, "true", 0, 0, 0, 0, NULL, "", false,
     "Keeps all Lanczos vectors and makes each new one orthogonal to them; costs max_products × parameters of memory (MATH §4)."},
    {"/meta/solver/reorthogonalize", "kind=cg|minres", IMLD_IML, IMLD_BOOLEAN, "false", 0, 0, 0, 0, NULL, "", false,
     "Keeps all residuals, or Lanczos vectors of minres, and makes each new one orthogonal to them; costs terms × parameters of memory (MATH §4)."},
    {"/meta/solver/scale", "kind=neumann", IMLD_IML, IMLD_BOOLEAN, "true", 0, 0, 0, 0, NULL, "", false,
     "true: q = α Σ (I − αH)ᵏ v, an estimate of H⁻¹v; false: the sum without its factor α, which is H⁻¹v/α in size (MATH §4)."},
    {"/meta/solver/step_size", "kind=cg", IMLD_IML, IMLD_STEP_SIZE, "\"auto\"", TINY, HUGE, 0, 0, NULL, "", false,
     "1/μ̂ of the preconditioner M = μ̂I + D; auto: μ̂ from a warm-started power iteration; a number needs precondition l2 (MATH §4)."},
    {"/meta/solver/step_size", "kind=neumann", IMLD_IML, IMLD_STEP_SIZE, "\"auto\"", TINY, HUGE, 0, 0, NULL, "", false,
     "α of q = α Σ (I − αH)ᵏ v; auto: 1/μ̂ from a warm-started power iteration (MATH §4)."},
    {"/meta/solver/target_residual", "kind=auto", IMLD_IML, IMLD_NUMBER, "0.01", 0, 1, 0, 0, NULL, "", false,
     "‖v − Hq‖/‖v‖ at which the solve ends; 0: the solver's own 1e-14 (MATH §4)."},
    {"/meta/solver/target_residual", "kind=cg|minres", IMLD_IML, IMLD_NUMBER, "0", 0, 1, 0, 0, NULL, "", false,
     "‖v − Hq‖/‖v‖ at which the solve ends; 0: the solver's own 1e-14 (MATH §4)."},
    {"/meta/solver/terms", "kind=cg|minres", IMLD_IML, IMLD_INTEGER, "10", 1, 10000, 0, 0, NULL, "products", false,
     "K: iterations at most, one product with H each (MATH §4)."},
    {"/meta/solver/terms", "kind=neumann", IMLD_IML, IMLD_INTEGER, "3", 0, 10000, 0, 0, NULL, "products", false,
     "K: products with H; the series then has K + 1 summands (MATH §4)."},
    {"/meta/updates", NULL, IMLD_IML, IMLD_INTEGER, "300", 1, COUNT_MAX, 0, 0, NULL, "updates", false,
     "Updates of λ in all (MATH §1)."},
    {"/meta/validation_batch", NULL, IMLD_IML, IMLD_INTEGER, "@validation_batch", 1, BATCH_MAX, 0, 0, NULL, "images", false,
     "Validation images of an update's validation loss; 500 by default, at most data.validation (MATH §1)."},
    {"/model/activation", NULL, IMLD_ALL, IMLD_CHOICE, "\"relu\"", 0, 0, 0, 0, "relu|tanh|leaky_relu", "", false,
     "The function after each hidden layer (MATH §2)."},
    {"/model/batch_norm", NULL, IMLD_ALL, IMLD_SECTION, "", 0, 0, 0, 0, NULL, "", false,
     "Batch norm before each activation; {} takes the defaults, without the section there is none (MATH §2)."},
    {"/model/batch_norm/epsilon", NULL, IMLD_ALL, IMLD_NUMBER, "1e-5", TINY, 1, 0, 0, NULL, "", false,
     "ε, added to the variance (MATH §2)."},
    {"/model/batch_norm/momentum", NULL, IMLD_ALL, IMLD_NUMBER, "0.1", 0, 1, 0, 0, NULL, "", false,
     "Share of a training step's batch in the running mean and variance, as in PyTorch (MATH §2)."},
    {"/model/dropout", NULL, IMLD_ALL, IMLD_NUMBER, "0", 0, 0.99, 0, 0, NULL, "", false,
     "Share of the values after each activation that a training step sets to 0; the rest is scaled up (MATH §2)."},
    {"/model/hidden", NULL, IMLD_ALL, IMLD_INTEGERS, "[128, 128]", 1, 65536, 0, 16, NULL, "units", false,
     "Width of each hidden layer; an empty list is softmax regression (MATH §2)."},
    {"/model/initialization", NULL, IMLD_ALL, IMLD_CHOICE, "\"pytorch\"", 0, 0, 0, 0, "pytorch|kaiming_uniform|kaiming_normal|xavier_uniform|xavier_normal", "", false,
     "Initial weights by PyTorch's names; pytorch: uniform ±1/√fan_in for weights and biases, the others: biases 0 (DESIGN §4)."},
    {"/model/kind", NULL, IMLD_ALL, IMLD_CHOICE, "\"mlp\"", 0, 0, 0, 0, "mlp", "", false,
     "The net: a multilayer perceptron (DESIGN §4)."},
    {"/model/slope", "activation=leaky_relu", IMLD_ALL, IMLD_NUMBER, "0.01", 0, 1, 0, 0, NULL, "", false,
     "Slope of leaky_relu below 0 (MATH §2)."},
    {"/name", NULL, IMLD_ALL, IMLD_TEXT, "\"\"", 0, 200, 0, 0, NULL, "characters", true,
     "What people call the job; need not be unique (DESIGN §4)."},
    {"/note", NULL, IMLD_ALL, IMLD_TEXT, "\"\"", 0, 10000, 0, 0, NULL, "characters", true,
     "Free text (DESIGN §4)."},
    {"/priority", NULL, IMLD_ALL, IMLD_INTEGER, "0", -1000, 1000, 0, 0, NULL, "", true,
     "Higher is claimed first; only an admin sets it above 0 (DESIGN §5)."},
    {"/resources/threads", NULL, IMLD_ALL, IMLD_INTEGER, "1", 1, 64, 0, 0, NULL, "threads", false,
     "Threads that the run holds, at most the daemon's --threads; no result depends on it (DESIGN §3)."},
    {"/seed", NULL, IMLD_ALL, IMLD_INTEGER, "1", 0, SEED_MAX, 0, 0, NULL, "", false,
     "Key of all that is drawn: split, weights, order of images (DESIGN §3)."},
    {"/tags", NULL, IMLD_ALL, IMLD_TEXTS, "[]", 1, 64, 0, 32, NULL, "characters", true,
     "Words to find the job by; each at most 64 characters (DESIGN §4)."},
};
/* clang-format on */

const size_t imld_field_count = sizeof imld_fields / sizeof imld_fields[0];

static const char *const type_names[IMLD_FIELD_TYPES] = {
    [IMLD_INTEGER] = "integer", [IMLD_NUMBER] = "number",       [IMLD_BOOLEAN] = "boolean",
    [IMLD_TEXT] = "text",       [IMLD_SET_NAME] = "set name",   [IMLD_CHOICE] = "choice",
    [IMLD_METRIC] = "metric",   [IMLD_INTEGERS] = "integers",   [IMLD_TEXTS] = "texts",
    [IMLD_NUMBERS] = "numbers", [IMLD_STEP_SIZE] = "step size", [IMLD_OBJECTS] = "objects",
    [IMLD_SECTION] = "section",
};

const char *imld_field_type_name(enum imld_field_type type)
{
    return type_names[type];
}

static const char *const algorithm_texts[IMLD_ALL + 1] = {
    [0] = "",
    [IMLD_SUPERVISED] = "supervised",
    [IMLD_IML] = "iml",
    [IMLD_ALL] = "supervised|iml",
};

unsigned imld_algorithm_find(const char *name)
{
    if (strcmp(name, algorithm_texts[IMLD_SUPERVISED]) == 0) return IMLD_SUPERVISED;
    if (strcmp(name, algorithm_texts[IMLD_IML]) == 0) return IMLD_IML;
    return 0;
}

const char *imld_algorithms_text(unsigned algorithms)
{
    return algorithm_texts[algorithms & IMLD_ALL];
}
