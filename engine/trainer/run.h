/* run.h: what the trainers share: options, memory, net, images, state. Private to engine/trainer.
 */
#ifndef IMLD_ENGINE_TRAINER_RUN_H
#define IMLD_ENGINE_TRAINER_RUN_H

#include "engine/data/pool.h"
#include "engine/data/sampler.h"
#include "engine/data/set.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "engine/trainer/consistency.h"
#include "engine/trainer/diagnose.h"
#include "engine/trainer/images.h"
#include "engine/trainer/metrics.h"
#include "engine/trainer/views.h"
#include "engine/trainer/weighed.h"

/* Test accuracies of the last evaluations, a ring: FIXMATCH 1.13. */
enum { IML_ACCURACIES_MAX = 20 };
struct iml_accuracies {
    uint64_t seen;
    double values[IML_ACCURACIES_MAX];
};

/* All scalars that must survive a restart; state.c registers each of them. */
struct iml_state {
    uint64_t step, update;
    uint64_t steps_left; /* with λ: inner steps before the next update */
    uint64_t is_warm;    /* iml: the warm-up is over */
    uint64_t is_evaluation_due;
    uint64_t seen_steps, seen_correct; /* since the last evaluation: steps, right answers, Σ loss */
    double seen_loss;
    double first_loss, last_loss;
    struct iml_gate_state gate; /* iml; state where the job has a gate or a policy of its own */
    struct iml_recent q_norms;  /* iml: ‖q‖ of the last finite estimates */
    double last_gain; /* iml: |∇λL·Δλ| of the last update that moved λ, to first order what it
                         changes the validation loss by (MATH §6); NaN before */
    /* iml, a relative gradient norm: what it is relative to, of step 0 or the last update; NaN
     * before */
    double monitored_norm;
    /* with few labels */
    double gradient_norm; /* of the last step before the evaluation that is due */
    struct iml_accuracies test_accuracies;
    struct iml_consistency_tally tally; /* with a pool */
    uint64_t is_ready; /* confidence: C's statistics and its fit to w = 1 have been made */
};

/* What a trainer does in its own way. */
struct iml_trainer_methods {
    bool is_meta; /* moves λ: knowledge, solver and their buffers are laid out */
    /* looks at a point and trains nothing: no optimizer, no training batches; λ where the job names
     * a knowledge; batches and buffers of v, q and curvature. Its evaluation is its own. */
    bool is_report;
    bool has_pool; /* learns from unlabeled images, too */
    /* What is made once the net is there, before memory is planned; undone by close. NULL: nothing.
     */
    enum iml_code (*prepare)(struct iml_trainer *trainer, struct iml_error *error);
    /* What must have been done before the first step or evaluation; called before each. */
    enum iml_code (*begin)(struct iml_trainer *trainer, struct iml_error *error);
    /* The batch that the training loss is linearized at, of that pass; NULL: training images. */
    enum iml_code (*curvature_batch)(struct iml_trainer *trainer, uint32_t pass,
                                     struct iml_batch *batch, struct iml_error *error);
    /* An update has its estimate; what it was made with is still at hand. NULL: nothing. */
    void (*after_solve)(struct iml_trainer *trainer);
    /* An update has moved λ, or not: what follows from that; rows of it. */
    enum iml_code (*after_update)(struct iml_trainer *trainer, struct iml_rows *rows,
                                  struct iml_error *error);
    /* Rows and artifacts of an evaluation beside the sets' own. */
    enum iml_code (*tell)(struct iml_trainer *trainer, struct iml_rows *rows,
                          struct iml_error *error);
    /* One step. */
    enum iml_code (*step)(struct iml_trainer *trainer, struct iml_rows *rows,
                          struct iml_error *error);
    bool (*is_finished)(const struct iml_trainer *trainer);
    uint64_t (*steps_of)(const struct iml_trainer *trainer);
    /* Field values that are wrong in themselves or against the facts. */
    enum iml_code (*check)(const struct iml_trainer *trainer, struct iml_error *error);
    /* What a report has besides: memory of the work arena (on measuring arenas too), undone by
     * free; items of the registry; the rows and the artifact of its evaluation. */
    enum iml_code (*layout)(struct iml_trainer *trainer, struct iml_error *error);
    void (*free)(struct iml_trainer *trainer);
    enum iml_code (*register_items)(struct iml_trainer *trainer, struct iml_error *error);
    void (*evaluate)(struct iml_trainer *trainer, struct iml_rows *rows);
};

struct iml_trainer {
    struct iml_trainer_options options; /* roots are not kept; data.set points to facts.name */
    const struct iml_trainer_methods *methods;
    struct iml_set_facts facts;
    struct iml_set_facts extra_facts; /* where data.extra_set names one */
    struct iml_split_counts counts;
    struct iml_pool_counts pool_counts; /* with few labels; counts is then its split */
    size_t test_count;

    /* two arenas: what open has read from files, which no step writes, and all the rest */
    struct iml_arena fixed, work;
    struct iml_plan memory; /* of both */
    struct iml_team *team;  /* owned; NULL while planning */
    struct iml_net *net;    /* owned */
    struct iml_registry registry;

    /* fixed */
    struct iml_images train, validation, test;
    struct iml_images pool;     /* has_pool: own images, then those of a second set; labels 0 */
    uint32_t *pool_indices;     /* file indices, each set's ascending */
    struct iml_origin *origins; /* of the pool; for metrics alone */
    uint32_t *train_indices, *validation_indices; /* file indices, ascending */
    uint8_t *split_labels;                        /* of the whole train split, while opening */
    uint32_t *split_scratch;
    struct iml_pixel_table table;
    struct iml_synthetic synthetic; /* where the job has such a problem */

    /* work */
    struct iml_state *state;
    iml_real *theta, *gradient; /* P */
    iml_real *average;          /* P: θ̄; NULL: none is kept */
    iml_real *decay;            /* P: δ on kernels, else 0; derived; NULL: no decay */
    iml_real *statistics;       /* running statistics of batch norm; NULL: the net has none */
    struct iml_optimizer optimizer;
    struct iml_sampler order, pool_order;
    struct iml_batch_maker maker;
    struct iml_view_maker views;                 /* where training sees views */
    struct iml_consistency consistency;          /* has_pool */
    struct iml_evaluator *training, *evaluation; /* owned */
    size_t evaluation_rows;                      /* images of one chunk of an evaluation */

    struct iml_artifact *artifacts; /* of the last step or evaluation; NULL: this run makes none */
    size_t artifact_count;
    struct iml_note notes[IML_NOTES_MAX]; /* of the last step */
    size_t note_count;
    double inner_seconds; /* of inner steps since the last update; NaN: not known of all of them */

    /* of confidence: how the pool is weighed, the batch that it is linearized at, and what is
     * looked at at evaluations */
    struct iml_weigher *weigher; /* owned */
    struct iml_consistency curvature_consistency;
    struct iml_sampler curvature_pool_order, weighed_order;
    struct iml_weighed weighed;
    bool has_told_small_mean; /* of weights, since the last update */

    struct iml_verify *verify;   /* owned; of that kind */
    struct iml_compare *compare; /* owned; of that kind */

    /* work, of trainers with λ and of reports */
    struct iml_knowledge knowledge;
    struct iml_optimizer meta_optimizer;
    struct iml_solver solver;
    struct iml_sampler validation_order, curvature_order, monitor_order;
    struct iml_evaluator *curvature; /* owned: v, H and the monitored gradient */
    iml_real *v, *q;                 /* P */
    iml_real *v_part;                /* P: where v is a sum of parts of the validation batch */
    iml_real *hypergradient;         /* M */
    iml_real *lambda_change;         /* M: Δλ of the update at hand */
    iml_real *previous;              /* M: the last finite one; 0 before */
    struct iml_diagnosis diagnosis;
};

/* run.c: plans (both arenas measuring) or takes all memory; the same code does both. */
IML_MUST_USE enum iml_code iml_run_layout(struct iml_trainer *self, struct iml_error *error);
/* The work arena's half of it, for iml_trainer_poison. */
IML_MUST_USE enum iml_code iml_run_layout_work(struct iml_trainer *self, struct iml_error *error);
void iml_run_free_evaluators(struct iml_trainer *self);

/* B(1 + 2μ) or B; whether λ's knowledge is one that weighs; the diagonal of the regularizer of θ,
 * of λ or of a decay, NULL: none. */
size_t iml_run_training_rows(const struct iml_trainer *self);
bool iml_run_weighs(const struct iml_trainer *self);
bool iml_run_has_network(const struct iml_trainer *self); /* of λ's own */
const iml_real *iml_run_diagonal(const struct iml_trainer *self);

/* The same net, a report's second one: described like `net`. */
struct iml_net_options iml_run_net_options(const struct iml_trainer *self);
/* Whether there is a λ. */
bool iml_run_has_knowledge(const struct iml_trainer *self);
/* Images of the pool that few labels go with, also where no pool is read; else 0. */
size_t iml_run_pool_images(const struct iml_trainer *self);

/* check.c: options against the facts (FIXMATCH 4.4); where = the job field's JSON pointer. Fills
 * counts and test_count. */
IML_MUST_USE enum iml_code iml_run_check(struct iml_trainer *self, struct iml_error *error);

/* load.c: labels, split, images, pixel table; or the synthetic problem, where set is NULL. */
bool iml_run_is_synthetic(const struct iml_trainer *self);
/* extra: the pool's second set, where it has one. */
IML_MUST_USE enum iml_code iml_run_load(struct iml_trainer *self, const struct iml_set *set,
                                        const struct iml_set *extra, struct iml_error *error);

/* load_pool.c: the same for a job with few labels, part by part; the second set's images. */
IML_MUST_USE enum iml_code iml_run_load_labeled(struct iml_trainer *self, uint32_t seed,
                                                const struct iml_set *set, struct iml_error *error);
IML_MUST_USE enum iml_code iml_run_load_extra(struct iml_trainer *self, uint32_t seed,
                                              const struct iml_set *extra, struct iml_error *error);
IML_MUST_USE enum iml_code iml_run_load_known_test(struct iml_trainer *self,
                                                   const struct iml_set *set,
                                                   struct iml_error *error);

/* state.c */
void iml_state_initialize(struct iml_trainer *self);
IML_MUST_USE enum iml_code iml_state_register(struct iml_trainer *self, struct iml_error *error);

/* modes.c: the function that the net is in a training step (the mask is that of the step at hand),
 * in evaluations and v, and in the curvature pass (the mask is that of the update at hand). */
struct iml_mode iml_training_mode(const struct iml_trainer *self);
struct iml_mode iml_evaluation_mode(const struct iml_trainer *self);
struct iml_mode iml_curvature_mode(const struct iml_trainer *self);

/* inner.c: the batch of the step at hand, valid until the maker makes another. */
IML_MUST_USE enum iml_code iml_inner_batch(struct iml_trainer *self, struct iml_batch *batch,
                                           struct iml_error *error);
/* inner.c: what a result says of the labeled rows alone. */
struct iml_labeled_result {
    double loss;
    size_t correct;
};
struct iml_labeled_result iml_inner_labeled(const struct iml_trainer *self,
                                            const struct iml_batch_result *result);

/* inner.c: one step on θ with the regularizer where there is one; counts it. */
IML_MUST_USE enum iml_code iml_inner_step(struct iml_trainer *self, struct iml_error *error);
/* inner.c: whether an evaluation is due after a step, of trainers with a fixed number of them. */
void iml_run_after_step(struct iml_trainer *self);

/* recipe.c (FIXMATCH 1.6 to 1.9): whether training sees views; whether the job is one with few
 * labels; η_k; d_k; the decay's diagonal, which is no state; the share of the batch in the running
 * statistics of the step at hand; θ̄ after its optimizer; the norm of its gradient, before an
 * evaluation; rows of it. */
bool iml_run_has_views(const struct iml_trainer *self);
bool iml_run_has_recipe(const struct iml_trainer *self);
double iml_recipe_rate(const struct iml_inner_options *inner, uint64_t step);
double iml_recipe_share(const struct iml_average_options *average, uint64_t step);
void iml_recipe_derive(struct iml_trainer *self);
void iml_recipe_begin(struct iml_trainer *self); /* θ̄₀ = θ₀ */
double iml_recipe_momentum(const struct iml_trainer *self);
void iml_recipe_average(const struct iml_trainer *self, size_t first, size_t count);
void iml_recipe_look(struct iml_trainer *self);
void iml_recipe_tell(struct iml_trainer *self, struct iml_rows *rows);

/* gate.c: the job's bounds and policy; whether they are other than the default, and so have state
 * to keep; the verdict on an estimate, whose residual, v·q and norm the facts hold (their cosine is
 * added), and the notes that it is worth. */
bool iml_run_has_gate(const struct iml_trainer *self);
struct iml_gate_verdict iml_run_judge(struct iml_trainer *self, struct iml_gate_facts *facts);

/* gate.c: a note of the step at hand, whose `what` the caller fills; mend: a literal. */
struct iml_note *iml_run_add_note(struct iml_trainer *self, enum iml_note_kind kind,
                                  const char *mend);

/* update.c: v = ∇θ L_V on the validation batch of that pass, no weights, no regularizer; the loss
 * there. */
IML_MUST_USE enum iml_code iml_find_v(struct iml_trainer *self, uint32_t pass, iml_real *v,
                                      double *loss, struct iml_error *error);

/* update.c: the job's matrix, linearized at the curvature batch of that pass until the curvature
 * evaluator's next use; gradient (P, or NULL) receives ∇θ L_T there. */
IML_MUST_USE enum iml_code iml_find_curvature(struct iml_trainer *self, uint32_t pass,
                                              iml_real *gradient,
                                              const struct iml_curvature **curvature,
                                              struct iml_error *error);

/* update.c: one update of λ (MATH §1), its rows; θ stays as it is. */
IML_MUST_USE enum iml_code iml_update(struct iml_trainer *self, struct iml_rows *rows,
                                      struct iml_error *error);

/* truth.c: the row of a synthetic quadratic's hypergradient against the closed form; before λ
 * moves. */
void iml_tell_truth(const struct iml_trainer *self, struct iml_rows *rows);

/* monitor.c (MATH §6): ‖∇θ L_T‖ on the fixed monitoring batch; q·∇θ L_T with the last update's q
 * and curvature batch. */
IML_MUST_USE enum iml_code iml_monitor(struct iml_trainer *self, double *norm,
                                       struct iml_error *error);
IML_MUST_USE enum iml_code iml_monitor_remaining(struct iml_trainer *self, double *remaining,
                                                 struct iml_error *error);

/* run.c: whether the last update's q is asked after the update, and so must survive a restart. */
bool iml_run_keeps_q(const struct iml_trainer *self);

/* until.c: whether the loop of `steps` steps so far ends here; if so, rows get what the look saw.
 * A value that is not finite meets no bound: max_steps ends that loop. */
bool iml_until_is_asked(const struct iml_until *until);
IML_MUST_USE enum iml_code iml_until_ends(struct iml_trainer *self, const struct iml_until *until,
                                          uint64_t steps, bool *ends, struct iml_rows *rows,
                                          struct iml_error *error);

/* evaluate.c: a share of right answers, where there are classes to be right about. */
void iml_add_accuracy(const struct iml_trainer *self, struct iml_rows *rows, enum iml_metric metric,
                      double share);

/* evaluate.c: rows of all of validation and test; of the first batch (before step 0) as train/…. */
IML_MUST_USE enum iml_code iml_evaluate_sets(struct iml_trainer *self, struct iml_rows *rows,
                                             struct iml_error *error);
IML_MUST_USE enum iml_code iml_evaluate_first_batch(struct iml_trainer *self, struct iml_rows *rows,
                                                    struct iml_error *error);

/* point.c: what a report looks at: batches of update 0, in the mode that they are used in; v into
 * self->v; the loss linearized (its gradient into self->gradient); NULL where there is no λ. */
enum iml_point_batch { IML_POINT_CURVATURE, IML_POINT_VALIDATION };
IML_MUST_USE enum iml_code iml_point_batch(struct iml_trainer *self, enum iml_point_batch which,
                                           struct iml_batch *batch, struct iml_error *error);
IML_MUST_USE enum iml_code iml_point_v(struct iml_trainer *self, struct iml_error *error);
IML_MUST_USE enum iml_code iml_point_linearize(struct iml_trainer *self,
                                               const struct iml_curvature **curvature,
                                               struct iml_error *error);
const struct iml_knowledge *iml_point_knowledge(const struct iml_trainer *self);
/* The batches that a report needs are there; where = the job field below `section`. */
IML_MUST_USE enum iml_code iml_point_check(const struct iml_trainer *self, const char *section,
                                           struct iml_error *error);

/* update.c: the images that v is of; what keys the batches of the update at hand. */
const struct iml_images *iml_run_validation(const struct iml_trainer *self);
uint32_t iml_update_pass(const struct iml_trainer *self);

/* weigh.c: confidence's own batches (FIXMATCH 6.1): rows [b; u; u] of a curvature batch of so many
 * rows; that batch; what is made before the first step: C's statistics, its fit to w = 1; what
 * follows from an update: C's statistics, and how far the weights have moved; an event of each
 * update, and of the first step after it, whose batch had too small a mean weight; of a run that
 * ends before the first update. */
struct iml_curvature_share {
    size_t labeled, unlabeled;
};
struct iml_curvature_share iml_weigh_share(const struct iml_trainer *self);
IML_MUST_USE enum iml_code iml_weigh_curvature_batch(struct iml_trainer *self, uint32_t pass,
                                                     struct iml_batch *batch,
                                                     struct iml_error *error);
IML_MUST_USE enum iml_code iml_weigh_begin(struct iml_trainer *self, struct iml_error *error);
IML_MUST_USE enum iml_code iml_weigh_after_update(struct iml_trainer *self, struct iml_rows *rows,
                                                  struct iml_error *error);
void iml_weigh_after_solve(struct iml_trainer *self);
void iml_weigh_after_step(struct iml_trainer *self);

extern const struct iml_trainer_kind iml_supervised, iml_iml, iml_fixmatch, iml_confidence,
    iml_verify, iml_compare;

#endif
