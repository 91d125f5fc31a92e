/*
 * libcurl, loaded by the first request of ours to another machine. A central may run for weeks
 * without one, and with libcurl come two dozen more libraries (TLS twice, LDAP, SSH, RTMP ...): a
 * fifth of an idle central's memory. Once loaded it stays.
 */
#ifndef API_LIBCURL_H
#define API_LIBCURL_H

#include <curl/curl.h>
#include <stddef.h>

#define LIBCURL_FILE "libcurl.so.4"
#define LIBCURL_PACKAGE "libcurl4"

/* Each as the function of this name behind "curl_". Through these pointers curl's own check of an
 * option's type is lost: a number is a long, or a curl_off_t where the option says so. */
struct libcurl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO what, ...);
    CURLcode (*easy_perform)(CURL *easy);
    void (*easy_cleanup)(CURL *easy);
    const char *(*easy_strerror)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_perform)(CURLM *multi, int *running);
    CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned count, int timeout_ms,
                            int *ready);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *line);
    void (*slist_free_all)(struct curl_slist *list);
    CURLU *(*url)(void);
    CURLUcode (*url_set)(CURLU *url, CURLUPart part, const char *text, unsigned flags);
    CURLUcode (*url_get)(const CURLU *url, CURLUPart part, char **text, unsigned flags);
    void (*url_cleanup)(CURLU *url);
    void (*free)(void *text);
};

/* The library, for as long as the process lives. NULL with the loader's reason in `error`: it is
 * not installed, or too old; the next call tries again. Any thread. */
const struct libcurl *libcurl_load(char *error, size_t size);

#endif
