/* problems.c: the list of what is wrong with a document; see problems.h. */
#include "spec/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void imld_problems_add(struct imld_problems *problems, const char *pointer, const char *detail, ...)
{
    problems->total++;
    if (problems->count == IMLD_PROBLEMS_MAX) return;
    struct imld_problem *problem = &problems->items[problems->count];
    va_list arguments;
    va_start(arguments, detail);
    problem->pointer = strdup(pointer);
    if (vasprintf(&problem->detail, detail, arguments) < 0) problem->detail = NULL;
    va_end(arguments);
    problems->count++;
}

void imld_problems_clear(struct imld_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].pointer);
        free(problems->items[i].detail);
    }
    *problems = (struct imld_problems){0};
}
