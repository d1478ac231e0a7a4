/* artifact.c: entries of an artifact (imld/trainer.h); see diagnose.h. */
#include <assert.h>

#include "engine/trainer/run.h"

static struct iml_entry *add(struct iml_artifact *artifact, const char *name)
{
    assert(artifact->count < IML_ENTRIES_MAX);
    struct iml_entry *entry = &artifact->entries[artifact->count++];
    *entry = (struct iml_entry){.name = name};
    return entry;
}

void iml_artifact_number(const struct iml_look *look, struct iml_artifact *artifact,
                         const char *name, double value)
{
    struct iml_diagnosis *diagnosis = &look->trainer->diagnosis;
    assert(diagnosis->number_count < IML_ARTIFACT_NUMBERS_MAX);
    double *place = &diagnosis->numbers[diagnosis->number_count++];
    *place = value;
    add(artifact, name)->values = place;
}

void iml_artifact_list(struct iml_artifact *artifact, const char *name, const double *values,
                       size_t count)
{
    iml_artifact_table(artifact, name, values, count, 0);
}

void iml_artifact_table(struct iml_artifact *artifact, const char *name, const double *values,
                        size_t rows, size_t columns)
{
    struct iml_entry *entry = add(artifact, name);
    entry->values = values;
    entry->rows = rows;
    entry->columns = columns;
}

void iml_artifact_text(struct iml_artifact *artifact, const char *name, const char *text)
{
    add(artifact, name)->text = text;
}

void iml_artifact_texts(struct iml_artifact *artifact, const char *name, const char *const *texts,
                        size_t count)
{
    struct iml_entry *entry = add(artifact, name);
    entry->texts = texts;
    entry->rows = count;
}
