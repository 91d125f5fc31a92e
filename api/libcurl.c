/*
 * The library is never unloaded and curl_global_cleanup never called: what curl and the libraries
 * behind it keep for a process (OpenSSL's tables, handlers for the exit) does not survive being
 * taken away while a thread that looks up a name for curl still runs.
 */
#include "api/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where the address of each function goes. */
static const struct {
    const char *name;
    size_t at;
} functions[] = {
#define FUNCTION(name)                                \
    {                                                 \
        "curl_" #name, offsetof(struct libcurl, name) \
    }
    FUNCTION(global_init),
    FUNCTION(easy_init),
    FUNCTION(easy_setopt),
    FUNCTION(easy_getinfo),
    FUNCTION(easy_perform),
    FUNCTION(easy_cleanup),
    FUNCTION(easy_strerror),
    FUNCTION(multi_init),
    FUNCTION(multi_add_handle),
    FUNCTION(multi_remove_handle),
    FUNCTION(multi_perform),
    FUNCTION(multi_poll),
    FUNCTION(multi_info_read),
    FUNCTION(multi_cleanup),
    FUNCTION(slist_append),
    FUNCTION(slist_free_all),
    FUNCTION(url),
    FUNCTION(url_set),
    FUNCTION(url_get),
    FUNCTION(url_cleanup),
    FUNCTION(free),
#undef FUNCTION
};

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER; /* guards both */
static struct libcurl library;                              /* constant once `is_loaded` */
static bool is_loaded;

static void give_reason(char *error, size_t size)
{
    const char *reason = dlerror();

    (void)snprintf(error, size, "%s", reason != NULL ? reason : "unknown reason"); /* may be cut */
}

/* ISO C knows no conversion of dlsym's result to a function; POSIX says that its bytes are one. */
static int find_functions(void *handle, struct libcurl *found)
{
    _Static_assert(sizeof functions / sizeof *functions * sizeof(void *) == sizeof *found,
                   "a function is not looked up");

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *address = dlsym(handle, functions[i].name);
        if (address == NULL) {
            return -1;
        }
        memcpy((char *)found + functions[i].at, &address, sizeof address);
    }
    return 0;
}

static int load(struct libcurl *found, char *error, size_t size)
{
    void *handle = dlopen(LIBCURL_FILE, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL || find_functions(handle, found) != 0) {
        give_reason(error, size);
    } else if (found->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)snprintf(error, size, LIBCURL_FILE ": does not start");
    } else {
        return 0;
    }
    if (handle != NULL) {
        (void)dlclose(handle); /* nothing of it was used */
    }
    return -1;
}

const struct libcurl *libcurl_load(char *error, size_t size)
{
    bool usable;

    (void)pthread_mutex_lock(&loading); /* fails for a deadlock only, and nothing else is locked */
    is_loaded = is_loaded || load(&library, error, size) == 0;
    usable = is_loaded;
    (void)pthread_mutex_unlock(&loading);
    return usable ? &library : NULL;
}
