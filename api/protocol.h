/* protocol.h: faults of the protocol that libmicrohttpd 0.9.75 lets pass, each measured: repeated
 * Host or Content-Length, Content-Length with Transfer-Encoding, other codings, blanks in names,
 * NUL in values and targets, absolute form. */
#ifndef IMLD_API_PROTOCOL_H
#define IMLD_API_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>

#include "spec/problems.h"

struct imld_request;

/* More query arguments than this make the library hang (above 420 it neither answers nor closes):
 * the connection is shut down before it parses them. */
bool imld_protocol_target_hangs(const char *uri);

/* 0: fine; else the status (400, 414, 501; the connection must close) with a problem. After
 * imld_request_read_headers; version is the library's text. */
unsigned imld_protocol_check(const struct imld_request *request, const char *version,
                             size_t url_bytes, struct imld_problems *problems);

#endif
