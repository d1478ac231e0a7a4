/* facts.h: the named functions behind defaults that depend on the data set or the net ("@train" in
 * fields.c). */
#ifndef IMLD_SPEC_FACTS_H
#define IMLD_SPEC_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* A count that is not known. */
#define IMLD_UNKNOWN UINT64_MAX

/* What the defaults are made of; each count may be IMLD_UNKNOWN. */
struct imld_facts {
    uint64_t train_images, test_images; /* of the set */
    uint64_t train, validation;         /* of the job: as given, or by default */
    uint64_t validation_rows;           /* that the set itself has, beside the training ones; 0: as
                                           many as the job says are drawn */
    bool is_synthetic;                  /* rows of numbers, no classes */
    double coefficient;                 /* e^λ at the start; 0: the job has no λ */
    bool is_of_images;                  /* the net is one of FIXMATCH §2 */
    bool is_deep;                       /* it is a wrn or a resnet18 */
    uint64_t step_rows;                 /* of a training step with a pool */
    uint64_t measured;                  /* images that λ is learned from */
    uint64_t classes;                   /* that the task is about; IMLD_UNKNOWN: not known */
    uint64_t class_images;              /* of its smallest class in the train split */
    bool is_symmetric;                  /* a mirrored image of the set is one of its class */
    bool is_unmeasured;                 /* validation images are trained on: none is measured */
};

/* The value of the function of that name (with its @); IMLD_UNKNOWN: a fact it needs is not known,
 * or no value is possible. The name must be in the table. */
uint64_t imld_facts_value(const char *name, const struct imld_facts *facts);

/* The same where the value is no count: as JSON text, NULL: it is none; as a number, NaN: it is
 * none. */
const char *imld_facts_text(const char *name, const struct imld_facts *facts);
double imld_facts_number(const char *name, const struct imld_facts *facts);

/* Whether the table has it; *help: one line, may be NULL. */
bool imld_facts_has(const char *name, const char **help);

#endif
