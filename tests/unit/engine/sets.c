/* sets.c: small image sets in a temporary folder; see sets.h. */
#include "tests/unit/engine/sets.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "imld/random.h"
#include "tests/unit/check.h"

void sets_open(struct sets *sets)
{
    memset(sets, 0, sizeof *sets);
    memcpy(sets->root, "/tmp/imld-sets-XXXXXX", sizeof "/tmp/imld-sets-XXXXXX");
    assert_non_null(mkdtemp(sets->root));
    sets->paths[0] = sets->root;
    sets->roots = (struct iml_set_roots){.paths = sets->paths, .count = 1};
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

void sets_close(struct sets *sets)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread closes a set of sets of its own */
    assert_int_equal(nftw(sets->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int sets_set_up(void **state)
{
    struct sets *sets = calloc(1, sizeof *sets);
    assert_non_null(sets);
    sets_open(sets);
    *state = sets;
    return 0;
}

int sets_tear_down(void **state)
{
    sets_close(*state);
    free(*state);
    return 0;
}

static void make_path(const struct sets *sets, const char *set, const char *file, char *path,
                      size_t size)
{
    (void)snprintf(path, size, "%s/%s", sets->root, set);
    (void)mkdir(path, 0700);
    (void)snprintf(path, size, "%s/%s/%s", sets->root, set, file);
}

void sets_write(const struct sets *sets, const char *set, const char *file, const void *bytes,
                size_t count)
{
    char path[256];
    make_path(sets, set, file, path, sizeof path);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
}

void sets_write_gzip(const struct sets *sets, const char *set, const char *file, const void *bytes,
                     size_t count)
{
    char path[256];
    make_path(sets, set, file, path, sizeof path);
    gzFile stream = gzopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(gzwrite(stream, bytes, (unsigned)count), (int)count);
    assert_int_equal(gzclose(stream), Z_OK);
}

static void put(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (24 - 8 * i));
}

size_t sets_idx_images(uint8_t *out, size_t count, size_t classes, uint32_t seed)
{
    if (!out) return 16 + count * IDX_PIXELS;
    put(out, 0x803);
    put(out + 4, (uint32_t)count);
    put(out + 8, IDX_SIDE);
    put(out + 12, IDX_SIDE);
    for (size_t i = 0; i < count; i++) {
        uint32_t words[IDX_PIXELS];
        const struct iml_stream stream = {.seed = seed, .index = (uint32_t)i};
        iml_stream_words(&stream, 0, IDX_PIXELS, words);
        for (size_t j = 0; j < IDX_PIXELS; j++) { /* noise, and a brighter row for the class */
            const uint32_t bright = j / IDX_SIDE == i % classes ? 70 : 0;
            out[16 + i * IDX_PIXELS + j] = (uint8_t)(bright + iml_word_below(words[j], 180));
        }
    }
    return 16 + count * IDX_PIXELS;
}

size_t sets_idx_labels(uint8_t *out, size_t count, size_t classes)
{
    if (!out) return 8 + count;
    put(out, 0x801);
    put(out + 4, (uint32_t)count);
    for (size_t i = 0; i < count; i++) out[8 + i] = (uint8_t)(i % classes);
    return 8 + count;
}

static void write_split(const struct sets *sets, const char *set, const char *prefix, size_t count,
                        uint32_t seed)
{
    enum { CLASSES = 4 };
    char file[64];
    const size_t bytes = sets_idx_images(NULL, count, CLASSES, seed);
    uint8_t *content = malloc(bytes);
    assert_non_null(content);
    (void)snprintf(file, sizeof file, "%s-images-idx3-ubyte", prefix);
    sets_write(sets, set, file, content, sets_idx_images(content, count, CLASSES, seed));
    (void)snprintf(file, sizeof file, "%s-labels-idx1-ubyte", prefix);
    sets_write(sets, set, file, content, sets_idx_labels(content, count, CLASSES));
    free(content);
}

void sets_write_idx(const struct sets *sets, const char *set, size_t train, size_t test)
{
    if (train > 0) write_split(sets, set, "train", train, 1);
    if (test > 0) write_split(sets, set, "t10k", test, 2);
}

size_t sets_cifar(uint8_t *out, size_t first, size_t count)
{
    enum { RECORD = 3073 };
    for (size_t i = 0; out && i < count; i++) {
        out[i * RECORD] = (uint8_t)((first + i) % 10);
        for (size_t j = 1; j < RECORD; j++) out[i * RECORD + j] = (uint8_t)(first + i + j);
    }
    return count * RECORD;
}
