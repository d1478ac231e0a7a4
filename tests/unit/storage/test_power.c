/* test_power.c: power loss between any two syncs (DESIGN §6). What is durable is a file's content
 * at its last sync, and a folder's entries at its last sync; all else is lost. From that image the
 * storage must open with everything that was acknowledged before. kill -9 can't show a missing
 * fsync; this does. */
#include "life.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

#define SYNCS_MAX 500

static struct fixture
    images; /* FOLDER/i<inode>: content at the last sync; l<inode>: a folder's entries */
static struct fixture lost; /* what is left */

/* Under the mutex: the writer's thread and the test's own sync. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static size_t syncs, loss_at;
static struct world world, world_at_loss;
static const char *never_synced; /* a part of the path: such a sync is not counted as one */

static void copy_file(const char *from, const char *to)
{
    char buffer[4096];
    size_t count = 0;
    FILE *source = fopen(from, "rb");
    FILE *target = fopen(to, "wb");
    assert_non_null(target);
    while (source && (count = fread(buffer, 1, sizeof buffer, source)) > 0)
        assert_int_equal(fwrite(buffer, 1, count, target), count);
    if (source)
        assert_int_equal(fclose(source), 0); /* else: never synced, its entry alone is there */
    assert_int_equal(fclose(target), 0);
}

static void image_path(char kind, uint64_t inode, char path[PATH_MAX])
{
    char name[32];
    (void)snprintf(name, sizeof name, "%c%llu", kind, (unsigned long long)inode);
    fixture_path(&images, name, path);
}

/* A folder's entries, a line each: inode, name. */
static void record_folder(const char *path, uint64_t inode)
{
    char list[PATH_MAX];
    image_path('l', inode, list);
    DIR *folder = opendir(path);
    FILE *file = fopen(list, "w");
    assert_non_null(folder);
    assert_non_null(file);
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] != '.')
            assert_true(
                fprintf(file, "%llu %s\n", (unsigned long long)entry->d_ino, entry->d_name) > 0);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(closedir(folder), 0);
}

/* What is durable of a folder, made anew in another. */
static void restore_folder(uint64_t inode, const char *target)
{
    char list[PATH_MAX];
    char name[256];
    unsigned long long child = 0;
    image_path('l', inode, list);
    FILE *file = fopen(list, "r");
    if (!file) return; /* never synced: empty */
    while (fscanf(file, "%llu %255s", &child, name) == 2) {
        char from[PATH_MAX];
        char to[PATH_MAX];
        struct stat status;
        const size_t length = strlen(target);
        assert_true(length + strlen(name) + 2 < sizeof to);
        memcpy(to, target, length);
        to[length] = '/';
        memcpy(to + length + 1, name, strlen(name) + 1);
        image_path('l', child, from);
        if (stat(from, &status) == 0 || strcmp(name, "checkpoints") == 0) {
            assert_int_equal(mkdir(to, 0700), 0);
            restore_folder(child, to);
        } else if (!strstr(name, "-shm") && strcmp(name, "imld.lock") != 0) {
            image_path('i', child, from);
            copy_file(from, to);
        }
    }
    assert_int_equal(fclose(file), 0);
}

/* SQLite syncs the folder itself when it has made its log; that is inside the real VFS, so a
 * database file's entry counts as durable with its first sync. */
static void restore_database(const char *name)
{
    char path[PATH_MAX];
    char from[PATH_MAX];
    char to[PATH_MAX];
    struct stat status;
    fixture_path(&fixture, name, path);
    fixture_path(&lost, name, to);
    if (stat(path, &status) != 0) return;
    image_path('i', status.st_ino, from);
    if (access(from, F_OK) == 0) copy_file(from, to);
}

static void lose_power(void)
{
    struct stat status;
    assert_int_equal(stat(fixture.folder, &status), 0);
    restore_folder(status.st_ino, lost.folder);
    restore_database("imld.db");
    restore_database("imld.db-wal");
    world_at_loss = world;
}

/* Before each sync: the moment at which the least is durable. */
static void syncing(const char *path)
{
    struct stat status;
    char image[PATH_MAX];
    if (!strstr(path, strrchr(fixture.folder, '/'))) return; /* not below our folder */
    pthread_mutex_lock(&mutex);
    if (syncs++ == loss_at) lose_power();
    if ((!never_synced || !strstr(path, never_synced)) && stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            record_folder(path, status.st_ino);
        } else {
            image_path('i', status.st_ino, image);
            copy_file(path, image);
        }
    }
    pthread_mutex_unlock(&mutex);
}

/* The world after the step, lived undisturbed. */
static struct world world_after(size_t step)
{
    struct fixture other;
    struct world after = {.job = 0};
    fixture_make_in_memory(&other);
    fixture_open(&other);
    for (size_t i = 0; i <= step; i++) assert_int_equal(live_one(&other, &after, i), IML_OK);
    fixture_remove(&other);
    return after;
}

/* Is the world that was acknowledged there, or, where the step under way had become durable before
 * its answer, the one after it? */
static bool is_kept(size_t step)
{
    struct iml_error error = {0};
    struct world shown = world_at_loss;
    if (fixture_try_open(&lost, &error) != IML_OK) return false;
    bool is_shown = shows_world(&lost, &shown);
    if (!is_shown && step < LIFE) {
        shown = world_after(step);
        is_shown = shows_world(&lost, &shown);
    }
    fixture_close(&lost);
    if (is_shown) check_closed(&lost, &shown);
    return is_shown;
}

/* A life with a loss before sync number `at`; false: there were fewer syncs. */
static bool lose_at(size_t at, size_t *losses)
{
    size_t step = 0;
    size_t step_at_loss = 0;
    fixture_make_in_memory(&fixture);
    fixture_make_in_memory(&images);
    fixture_make_in_memory(&lost);
    world = (struct world){.job = 0};
    syncs = 0;
    loss_at = at;
    fault_listen(syncing);
    fixture_open(&fixture);
    for (; step < LIFE; step++) {
        const bool was_lost = syncs > loss_at;
        struct world next = world; /* the acknowledged world changes after the answer */
        assert_int_equal(live_one(&fixture, &next, step), IML_OK);
        if (!was_lost && syncs > loss_at) step_at_loss = step;
        pthread_mutex_lock(&mutex);
        world = next;
        pthread_mutex_unlock(&mutex);
    }
    const bool is_before_close = syncs > loss_at;
    fixture_close(&fixture);
    fault_listen(NULL);
    const bool has_lost = syncs > loss_at;
    if (has_lost && !is_kept(is_before_close ? step_at_loss : LIFE)) ++*losses;
    fixture_remove(&lost);
    fixture_remove(&images);
    fixture_remove(&fixture);
    return has_lost;
}

static size_t count_losses(const char *unsynced, size_t *trials)
{
    size_t losses = 0;
    never_synced = unsynced;
    for (*trials = 0; *trials < SYNCS_MAX && lose_at(*trials, &losses);) ++*trials;
    assert_true(*trials > 20 && *trials < SYNCS_MAX);
    return losses;
}

static void test_nothing_acknowledged_is_lost(void **state)
{
    (void)state;
    size_t trials = 0;
    const size_t losses = count_losses(NULL, &trials);
    print_message("%zu of %zu power losses lost something\n", losses, trials);
    assert_int_equal(losses, 0);
}

/* The test of the test: where a sync is left out, it must see it. */
static void test_a_missing_sync_is_seen(void **state)
{
    (void)state;
    static const char *const left_out[] = {"imld.db-wal", ".tmp", "checkpoints/j0000001"};
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++) {
        size_t trials = 0;
        const size_t losses = count_losses(left_out[i], &trials);
        print_message("without syncs of %s: %zu of %zu\n", left_out[i], losses, trials);
        assert_true(losses > 0);
    }
}

int main(void)
{
    fault_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_acknowledged_is_lost),
        cmocka_unit_test(test_a_missing_sync_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
