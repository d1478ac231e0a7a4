/* resume.c: where a run goes on from: the newest intact checkpoint (DESIGN §5); see run.h. */
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "daemon/run.h"

enum { CHECKPOINTS_MAX = 64 };

void imld_run_split_hash(const struct iml_trainer *trainer, char hash[65])
{
    const struct iml_split_view split = iml_trainer_split(trainer);
    const uint64_t counts[] = {split.train_count, split.validation_count, split.test_count};
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)counts, sizeof counts);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)split.train,
                                    split.train_count * sizeof *split.train);
    (void)crypto_hash_sha256_update(&state, (const unsigned char *)split.validation,
                                    split.validation_count * sizeof *split.validation);
    if (split.pool_count > 0) /* else the hash is what it was before there were pools */
        (void)crypto_hash_sha256_update(&state, (const unsigned char *)split.pool,
                                        split.pool_count * sizeof *split.pool);
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(hash, 65, digest, sizeof digest);
}

/* An event that tells of a checkpoint which can't be used. */
static enum iml_code tell_unusable(struct imld_run *run, const char *name,
                                   const struct iml_error *why, struct iml_error *error)
{
    struct imld_text text = {0};
    imld_text_add(&text, "{\"checkpoint\": ");
    imld_text_json_string(&text, name);
    imld_text_add(&text, ", \"what\": ");
    imld_text_json_string(&text, why->what);
    imld_text_add(&text, ", \"where\": ");
    imld_text_json_string(&text, why->where);
    imld_text_add(&text, "}");
    char *data = imld_text_take(&text);
    struct imld_sink *sink = run->options->sink;
    const enum iml_code code = sink->event(sink, "checkpoint_corrupt", data, error);
    free(data);
    return code;
}

/* Reads a checkpoint into `into`; the registry is not touched. */
static enum iml_code load(struct imld_run *run, const char *name, struct imld_snapshot *into,
                          struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    struct imld_checkpoint_content content = {0};
    enum iml_code code = sink->read(sink, name, &content, error);
    if (code == IML_OK) code = imld_snapshot_load(into, &content, error);
    imld_checkpoint_content_clear(&content);
    return code;
}

static enum iml_code restore(struct imld_run *run, const char *name, struct iml_error *error)
{
    enum iml_code code = load(run, name, &run->current, error);
    if (code != IML_OK) return code;
    imld_snapshot_give(&run->current, iml_trainer_registry(run->trainer));
    return iml_trainer_restored(run->trainer, error);
}

/* The state as it was opened, or that of the checkpoint that the job starts from. */
static enum iml_code begin(struct imld_run *run, struct iml_error *error)
{
    return run->options->has_origin ? imld_run_import(run, error) : IML_OK;
}

/* The state as it was opened, when a checkpoint broke it or none is left. */
static enum iml_code start_again(struct imld_run *run, struct iml_error *error)
{
    imld_snapshot_give(&run->best.state, iml_trainer_registry(run->trainer));
    const enum iml_code code = iml_trainer_restored(run->trainer, error);
    return code == IML_OK ? begin(run, error) : code;
}

static bool is_best(const struct imld_checkpoint *checkpoint)
{
    return strcmp(checkpoint->name, "best") == 0;
}

/* The newest of the untried ones; NULL: none is left. `last` comes before a step-… of its step. The
 * best, the whole state of its evaluation too, is newer than all only where those that were are
 * broken: from there on the run has its best again. */
static struct imld_checkpoint *newest(struct imld_checkpoint *checkpoints, size_t count)
{
    struct imld_checkpoint *found = NULL;
    for (size_t i = 0; i < count; i++) {
        struct imld_checkpoint *const c = &checkpoints[i];
        if (c->name[0] == '\0') continue;
        if (!found || c->step > found->step || (c->step == found->step && !is_best(c))) found = c;
    }
    return found;
}

/* Goes through the untried ones until one is intact: *found, or NULL. */
static enum iml_code restore_newest(struct imld_run *run, struct imld_checkpoint *checkpoints,
                                    size_t count, struct imld_checkpoint **found,
                                    struct iml_error *error)
{
    while ((*found = newest(checkpoints, count))) {
        struct imld_checkpoint *const checkpoint = *found;
        struct iml_error why = {0};
        enum iml_code code = restore(run, checkpoint->name, &why);
        if (code == IML_OK) {
            run->is_resumed = true;
            run->resumed_step = checkpoint->step;
            run->checkpointed_step = checkpoint->step;
            return IML_OK;
        }
        if (code == IML_ERROR_MEMORY) return iml_error_set(error, code, "%s", why.what);
        code = tell_unusable(run, checkpoint->name, &why, error);
        if (code != IML_OK) return code;
        checkpoint->name[0] = '\0';
    }
    return IML_OK;
}

static enum iml_code restore_or_begin(struct imld_run *run, struct imld_checkpoint *checkpoints,
                                      size_t count, struct imld_checkpoint **found,
                                      struct iml_error *error)
{
    /* the best's memory keeps the initial state until there is a best */
    imld_snapshot_take(&run->best.state, iml_trainer_registry(run->trainer));
    const enum iml_code code = restore_newest(run, checkpoints, count, found, error);
    if (code != IML_OK || *found) return code;
    return count > 0 ? start_again(run, error) : begin(run, error);
}

static enum iml_code read_history(struct imld_run *run, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    imld_history_clear(&run->history);
    return sink->history(sink, run->resumed_step, &run->history, error);
}

/* A broken best comes again, with the same bits, from a state before its step. Where there is none
 * any more the run goes on from where it is, and its best is that of what follows. */
static enum iml_code go_back(struct imld_run *run, struct imld_checkpoint *checkpoints,
                             size_t count, const struct imld_checkpoint *resumed, int64_t best_step,
                             struct iml_error *error)
{
    const struct imld_checkpoint where_it_is = *resumed;
    struct imld_checkpoint *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (checkpoints[i].step >= best_step) checkpoints[i].name[0] = '\0';
    const bool has_older = newest(checkpoints, count) != NULL;
    enum iml_code code = restore_newest(run, checkpoints, count, &found, error);
    if (code != IML_OK || !has_older) return code;
    if (!found) return restore(run, where_it_is.name, error);
    run->best.lost_step = best_step;
    return read_history(run, error);
}

/* The best as of the resumed step: written in the same transaction as the checkpoint of that step.
 * One that is newer belongs to a time that comes again. */
static enum iml_code restore_best(struct imld_run *run, struct imld_checkpoint *checkpoints,
                                  size_t count, const struct imld_checkpoint *resumed,
                                  struct iml_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_best(&checkpoints[i])) continue;
        const int64_t step = checkpoints[i].step;
        if (step > run->resumed_step) return IML_OK;
        struct iml_error why = {0};
        enum iml_code code = load(run, "best", &run->best.state, &why);
        if (code == IML_OK) {
            (void)imld_best_loaded(&run->best, &run->history, step);
            return IML_OK;
        }
        code = tell_unusable(run, "best", &why, error);
        return code == IML_OK ? go_back(run, checkpoints, count, resumed, step, error) : code;
    }
    return IML_OK;
}

enum iml_code imld_run_resume(struct imld_run *run, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    struct imld_checkpoint checkpoints[CHECKPOINTS_MAX];
    size_t count = 0;
    enum iml_code code = sink->list(sink, checkpoints, CHECKPOINTS_MAX, &count, error);
    struct imld_checkpoint *found = NULL;
    if (code == IML_OK) code = restore_or_begin(run, checkpoints, count, &found, error);
    if (code == IML_OK && found) code = read_history(run, error);
    if (code == IML_OK && found) code = restore_best(run, checkpoints, count, found, error);
    if (code != IML_OK) return code;
    char hash[65];
    imld_run_split_hash(run->trainer, hash);
    return sink->opened(sink, hash, run->resumed_step, error);
}
