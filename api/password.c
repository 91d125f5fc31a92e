#include "api/password.h"

#include "api/respond.h"

static int enter(struct request *request)
{
    if (hashing_enter(request->gateway->hashing)) {
        return 0;
    }
    respond_error(request, PROBLEM_BUSY, "Quá nhiều lượt đăng nhập cùng lúc");
    return -1;
}

int password_hash(struct request *request, struct slice password, char out[CREDENTIAL_HASH])
{
    int rc;

    if (password.len < LIMIT_PASSWORD_MIN || password.len > LIMIT_PASSWORD) {
        respond_error(request, PROBLEM_FIELD_INVALID, "password: từ 10 đến 256 byte");
        return -1;
    }
    if (enter(request) != 0) {
        return -1;
    }
    rc = credential_hash(password, out);
    hashing_leave(request->gateway->hashing);
    if (rc != 0) {
        respond_error(request, PROBLEM_BUSY, "Không đủ bộ nhớ, vui lòng thử lại");
    }
    return rc;
}

int password_check(struct request *request, const char *hash, struct slice password)
{
    bool right;

    if (enter(request) != 0) {
        return -1;
    }
    right = credential_check(hash, password);
    hashing_leave(request->gateway->hashing);
    return right ? 1 : 0;
}
