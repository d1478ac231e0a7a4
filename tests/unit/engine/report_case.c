/* report_case.c: reports on a small trained job; see report_case.h. */
#include "tests/unit/engine/report_case.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

struct iml_trainer_options report_options(const struct iml_trainer_options *trained,
                                          const char *kind)
{
    struct iml_trainer_options options = *trained;
    options.kind = iml_trainer_kind_find(kind);
    options.inner = (struct iml_inner_options){0};
    options.evaluation_every = 0;
    return options;
}

void report_hand_over(const struct iml_registry *from, const struct iml_registry *to)
{
    size_t handed = 0;
    for (size_t i = 0; i < from->count; i++) {
        const struct iml_item *ours = &from->items[i], *theirs = iml_registry_find(to, ours->name);
        if (!theirs || strncmp(ours->name, "state/", 6) == 0) continue;
        const size_t bytes = iml_item_bytes(ours);
        void *copy = malloc(bytes);
        assert_non_null(copy);
        iml_item_export(ours, copy, bytes);
        iml_item_import(theirs, copy, bytes);
        free(copy);
        handed++;
    }
    assert_true(handed > 0);
}

struct iml_trainer *report_open(const struct iml_trainer_options *trained,
                                const struct iml_trainer_options *report)
{
    struct case_log *log = calloc(1, sizeof *log);
    struct iml_trainer *from = case_open(trained, NULL), *to = case_open(report, NULL);
    struct iml_error error = {0};
    assert_non_null(log);
    (void)case_finish(from, log, 1000);
    report_hand_over(iml_trainer_registry(from), iml_trainer_registry(to));
    assert_int_equal(iml_trainer_restored(to, &error), IML_OK);
    iml_trainer_close(from);
    free(log);
    return to;
}

const struct iml_entry *report_entry(const struct iml_trainer *trainer, const char *name)
{
    size_t count = 0;
    const struct iml_artifact *artifact = iml_trainer_artifacts(trainer, &count);
    assert_int_equal(count, 1);
    for (size_t i = 0; i < artifact->count; i++)
        if (strcmp(artifact->entries[i].name, name) == 0) return &artifact->entries[i];
    fail_msg("no entry %s", name);
    return NULL;
}
