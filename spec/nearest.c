/* nearest.c: edit distance (optimal string alignment), for "did you mean"; see nearest.h. */
#include "spec/nearest.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned imld_distance(const char *a, const char *b)
{
    const size_t m = strnlen(a, WORD_MAX + 1), n = strnlen(b, WORD_MAX + 1);
    if (m > WORD_MAX || n > WORD_MAX) return IMLD_FAR;
    unsigned rows[3][WORD_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    memset(rows, 0, sizeof rows);
    for (size_t j = 0; j <= n; j++) row[j] = (unsigned)j;
    for (size_t i = 1; i <= m; i++) {
        unsigned *const spare = before;
        before = last;
        last = row;
        row = spare;
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            row[j] = least(last[j], row[j - 1]) + 1;
            row[j] = least(row[j], last[j - 1] + !is_same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[n];
}

bool imld_is_near(unsigned distance, const char *word)
{
    const size_t third = strnlen(word, WORD_MAX) / 3;
    return distance <= (third > 1 ? third : 1);
}

bool imld_nearest_choice(const char *word, const char *choices, char *out, size_t bytes)
{
    unsigned best = IMLD_FAR;
    for (const char *choice = choices; *choice;) {
        char name[WORD_MAX + 1];
        const size_t length = strcspn(choice, "|");
        if (length < sizeof name && length < bytes) {
            memcpy(name, choice, length);
            name[length] = '\0';
            const unsigned distance = imld_distance(word, name);
            if (distance < best) {
                best = distance;
                memcpy(out, name, length + 1);
            }
        }
        choice += length;
        if (*choice == '|') choice++;
    }
    return imld_is_near(best, word);
}

bool imld_choices_have(const char *choices, const char *word)
{
    return imld_choices_have_part(choices, word, strlen(word));
}

bool imld_choices_have_part(const char *choices, const char *word, size_t length)
{
    for (const char *choice = choices; *choice;) {
        const size_t bytes = strcspn(choice, "|");
        if (bytes == length && memcmp(choice, word, bytes) == 0) return true;
        choice += bytes;
        if (*choice == '|') choice++;
    }
    return false;
}
