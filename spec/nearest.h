/* nearest.h: edit distance, for "did you mean". */
#ifndef IMLD_SPEC_NEAREST_H
#define IMLD_SPEC_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours that make b of a (bytes; optimal
 * string alignment). IMLD_FAR if one of them is above 64 bytes. */
#define IMLD_FAR 1000u
unsigned imld_distance(const char *a, const char *b);

/* Whether a distance is small enough to be a slip of the pen: at most a third of the word, at
 * least 1. */
bool imld_is_near(unsigned distance, const char *word);

/* The nearest of "a|b|c", into out (bytes); false: none is near, or it doesn't fit. */
bool imld_nearest_choice(const char *word, const char *choices, char *out, size_t bytes);

/* Whether "a|b|c" has the word. */
bool imld_choices_have(const char *choices, const char *word);

/* The same for the first `length` bytes of word. */
bool imld_choices_have_part(const char *choices, const char *word, size_t length);

#endif
