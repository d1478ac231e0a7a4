/* plan_readers.h: values of a resolved job as fields of the engine's options, one reader a type:
 * private to plan.c, whose tables say which reader serves which JSON pointer. */
#ifndef IMLD_DAEMON_PLAN_READERS_H
#define IMLD_DAEMON_PLAN_READERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct imld_binding;

/* Reads the value into the field. false: it is of a type, or a number, that can't be. What points
 * into the value is borrowed. */
typedef bool imld_reader(const json_t *value, const struct imld_binding *binding, void *field);

struct imld_binding {
    const char *pointer;
    imld_reader *read;
    size_t offset;            /* of the field, in the struct that the table fills */
    const char *const *names; /* of a choice, in the enum's order; ends with NULL */
};

/* Of one value. negated: the engine's word is the opposite of the job's; presence: a section that
 * switches something on by being there. */
imld_reader imld_read_size, imld_read_unsigned, imld_read_double, imld_read_bool, imld_read_negated,
    imld_read_text, imld_read_choice, imld_read_presence;

/* Names of the engine's tables. */
imld_reader imld_read_trainer_kind, imld_read_optimizer_kind, imld_read_knowledge_kind,
    imld_read_solver_kind, imld_read_model_kind;

imld_reader imld_read_step_size; /* "auto" is 0 in the engine */
imld_reader imld_read_known;     /* a knowledge; "none" is NULL in the engine */
imld_reader imld_read_flip;      /* half the time, or never: enum iml_view_flip */
imld_reader imld_read_bound;     /* struct iml_bound: asked where it is there */

/* Those whose field is a whole struct. */
imld_reader imld_read_hidden;         /* struct iml_model_options */
imld_reader imld_read_weigher_hidden; /* struct iml_weigher_options */
imld_reader imld_read_clamp;          /* struct iml_knowledge_options */
imld_reader imld_read_classes;        /* struct iml_data_options: the pool's list is beside it */
imld_reader imld_read_split_seed; /* struct iml_trainer_options: the seed of another job's split */
/* struct iml_trainer_options: what weighs the pool is λ's knowledge; a head on features is a
 * network that reads them */
imld_reader imld_read_form;

#endif
