#include "api/openapi.h"

#include "api/handlers.h"
#include "api/respond.h"

void openapi_get(struct request *request)
{
    struct json_writer writer = respond_json(request);

    json_put_raw(&writer, (struct slice){(const char *)OPENAPI_JSON, OPENAPI_JSON_LEN});
    respond_send(request, 200);
}
