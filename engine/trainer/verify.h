/* verify.h: what a verify run has of its own (MATH §5.7). Private to engine/trainer. */
#ifndef IMLD_ENGINE_TRAINER_VERIFY_H
#define IMLD_ENGINE_TRAINER_VERIFY_H

#include "engine/trainer/run.h"
#include "engine/verify/checks.h"
#include "engine/verify/sample.h"

/* The results, in the order of the report; those of float are one check's. */
enum iml_verified {
    IML_VERIFIED_GRADIENT,
    IML_VERIFIED_SYMMETRY,
    IML_VERIFIED_PRODUCT,
    IML_VERIFIED_MIXED,
    IML_VERIFIED_FLOAT, /* gradient, product, neumann(3), cg(3): as enum iml_checks_quantity */
    IML_VERIFIED_COUNT = IML_VERIFIED_FLOAT + IML_CHECKS_QUANTITIES
};

enum { IML_VERIFY_HEADLINE_BYTES = 200 };

struct iml_verify {
    struct iml_checks *checks;  /* owned: the double side */
    struct iml_net *held_net;   /* owned: the float side's net whose signs are set from double's */
    struct iml_evaluator *held; /* owned; with products */
    struct iml_sample sample;   /* the float side's */
    iml_real *u;                /* P: direction of the product that both sides take */
    double *u_in_double;        /* P */
    struct iml_checks_result *results; /* state: IML_VERIFIED_COUNT */
    /* the report */
    const char *names[IML_VERIFIED_COUNT];
    double columns[5][IML_VERIFIED_COUNT];
    double numbers[4];
    char headline[IML_VERIFY_HEADLINE_BYTES];
    struct iml_artifact artifact;
};

/* verify_float.c: the results of float beside double, from IML_VERIFIED_FLOAT on. */
IML_MUST_USE enum iml_code iml_verify_float(struct iml_trainer *self, struct iml_error *error);

#endif
