/* reader.h: the bytes of one file from first to last, plain or gzip (by its name's end ".gz").
 * Every fault is an error with file and byte. Private to engine/data; one thread at a time. */
#ifndef IMLD_ENGINE_DATA_READER_H
#define IMLD_ENGINE_DATA_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/data/folder.h"

struct iml_reader;

/* IML_ERROR_DATA if the folder has no such file. */
IML_MUST_USE enum iml_code iml_reader_open(const struct iml_folder *folder, const char *file,
                                           struct iml_reader **reader, struct iml_error *error);
void iml_reader_close(struct iml_reader *reader); /* NULL is fine */

/* The most bytes that the file can hold, and whether it holds exactly that many (a plain file):
 * what a header promises is compared with it before anything is allocated. */
uint64_t iml_reader_bound(const struct iml_reader *reader);
bool iml_reader_bound_is_exact(const struct iml_reader *reader);

/* Exactly count bytes; what: the part of the file, for the error's text ("the labels"). */
IML_MUST_USE enum iml_code iml_reader_read(struct iml_reader *reader, void *out, size_t count,
                                           const char *what, struct iml_error *error);
IML_MUST_USE enum iml_code iml_reader_skip(struct iml_reader *reader, uint64_t count,
                                           const char *what, struct iml_error *error);

/* Nothing follows, and a gzip file's checksum is right. */
IML_MUST_USE enum iml_code iml_reader_end(struct iml_reader *reader, struct iml_error *error);

/* Sets where = "file, byte N" (of the unpacked content). */
void iml_reader_where(const struct iml_reader *reader, uint64_t byte, struct iml_error *error);

#endif
