/* serve.h: the library's callbacks: from a connection's bytes to a handler and back. */
#ifndef IMLD_API_SERVE_H
#define IMLD_API_SERVE_H

#include <microhttpd.h>

/* context of all: struct imld_listening. The names and arguments are the library's. */
void *imld_serve_target(void *context, const char *uri, struct MHD_Connection *connection);
enum MHD_Result imld_serve(void *context, struct MHD_Connection *connection, const char *url,
                           const char *method, const char *version, const char *upload,
                           size_t *upload_length, void **state);
void imld_serve_completed(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode how);
void imld_serve_connection(void *context, struct MHD_Connection *connection, void **record,
                           enum MHD_ConnectionNotificationCode what);

#endif
