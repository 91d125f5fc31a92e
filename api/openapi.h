/*
 * The description of this interface for programs: api/openapi.json as it was built in. A test
 * holds it against the route table both ways.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stddef.h>

extern const unsigned char OPENAPI_JSON[];
extern const size_t OPENAPI_JSON_LEN;

#endif
