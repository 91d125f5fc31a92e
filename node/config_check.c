/*
 * What one value may be. Each check says what exactly is wrong, and nothing about where.
 */
#include "node/config_internal.h"

#include "proto/ids.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SECRET_MIN 16 /* bytes of anything that is shared by copy and paste */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool config_check_id(const char *text, struct config_wrong *wrong)
{
    struct node_id id;
    if (node_id_parse(slice_text(text), &id)) {
        return true;
    }
    const char *rule = "1 to 63 of A-Z a-z 0-9 _ -, the first a letter or digit";
    size_t len = strlen(text);
    if (!len) {
        return config_is_wrong(wrong, rule, "is empty");
    }
    if (len > LIMIT_NODE_ID) {
        return config_is_wrong(wrong, rule, "has %zu characters", len);
    }
    return config_is_wrong(wrong, rule, "\"%s\" is no id", text);
}

/* A dotted IPv4 address of digits and dots only. */
static bool check_octets(const char *text, struct config_wrong *wrong)
{
    const char *example = "an address looks like 192.168.1.101";
    unsigned count = 0;
    const char *at = text;
    for (;; at++) {
        size_t len = strspn(at, "0123456789");
        if (!len) {
            return config_is_wrong(wrong, example, "\"%s\": an octet is missing", text);
        }
        if (len > 1 && at[0] == '0') {
            return config_is_wrong(wrong, "write it without leading zeros",
                                   "\"%s\": octet %.*s has a leading zero", text,
                                   (int)(len < 20 ? len : 20), at);
        }
        if (len > 3 || strtol(at, NULL, 10) > 255) {
            return config_is_wrong(wrong, example, "\"%s\": octet %.*s is over 255", text,
                                   (int)(len < 20 ? len : 20), at);
        }
        count++;
        at += len;
        if (*at != '.') {
            break;
        }
    }
    if (count != 4) {
        return config_is_wrong(wrong, example, "\"%s\" has %u octets, not 4", text, count);
    }
    return true;
}

static bool is_numeric(const char *text)
{
    return *text && !text[strspn(text, "0123456789.")];
}

static bool check_name(const char *text, struct config_wrong *wrong)
{
    size_t label = 0;
    for (const char *at = text;; at++) {
        if (*at == '.' || !*at) {
            if (!label || at[-1] == '-') {
                return config_is_wrong(wrong, NULL, "\"%s\" is no host name", text);
            }
            if (!*at) {
                return true;
            }
            label = 0;
            continue;
        }
        if (!is_letter(*at) && !is_digit(*at) && *at != '_' && (*at != '-' || !label)) {
            return config_is_wrong(wrong, "a host name has letters, digits, - and dots",
                                   "\"%s\" is neither an address nor a host name", text);
        }
        label++;
    }
}

/* An address that can be dialled. `port` says where a port goes that was written with it. */
static bool check_host(const char *text, const char *port, struct config_wrong *wrong)
{
    if (strstr(text, "://")) {
        return config_is_wrong(wrong, "write the address alone, without protocol and port",
                               "\"%s\" is a URL", text);
    }
    const char *colon = strchr(text, ':');
    if (colon && strchr(colon + 1, ':')) {
        return config_is_wrong(wrong, "write an IPv4 address or a host name",
                               "\"%s\": IPv6 addresses are not supported", text);
    }
    if (colon) {
        return config_is_wrong(wrong, port, "\"%s\" has a port in it", text);
    }
    if (!is_numeric(text)) {
        return check_name(text, wrong);
    }
    if (strcmp(text, "0.0.0.0") == 0 || strcmp(text, "255.255.255.255") == 0) {
        return config_is_wrong(wrong, "write the address at which it can be reached",
                               "\"%s\" is no address that can be dialled", text);
    }
    return check_octets(text, wrong);
}

bool config_check_peer_ip(const char *text, struct config_wrong *wrong)
{
    if (!*text) {
        return config_is_wrong(wrong, "write the address at which it can be reached", "is empty");
    }
    if (strcmp(text, "auto") == 0) {
        return config_is_wrong(wrong, "write the address at which it can be reached",
                               "\"auto\" is only for this central");
    }
    return check_host(text, "the port goes into \"p2p_port\"", wrong);
}

bool config_check_camera_ip(const char *text, struct config_wrong *wrong)
{
    return !*text || check_host(text, "a camera's port is always 5000", wrong);
}

bool config_check_camera_type(const char *text, struct config_wrong *wrong)
{
    if (strcmp(text, "ENTRY") == 0 || strcmp(text, "EXIT") == 0 ||
        strcmp(text, "PARKING_LOT") == 0) {
        return true;
    }
    return config_is_wrong(wrong, "\"ENTRY\", \"EXIT\" or \"PARKING_LOT\"", "\"%s\" is not known",
                           text);
}

bool config_check_own_ip(const char *text, struct config_wrong *wrong)
{
    return !*text || strcmp(text, "auto") == 0 || config_check_peer_ip(text, wrong);
}

bool config_check_bind(const char *text, struct config_wrong *wrong)
{
    if (!*text || strcmp(text, "*") == 0) {
        return true;
    }
    if (!is_numeric(text)) {
        return config_is_wrong(wrong, "an IPv4 address of this machine, or \"*\" for all",
                               "\"%s\" is no address", text);
    }
    return check_octets(text, wrong);
}

/* The name of a file below `directory` that starts like a compiled time zone. */
static bool is_zone_file(const char *directory, const char *name)
{
    char path[300];
    char magic[4] = "";
    int len = snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = len > 0 && (size_t)len < sizeof path ? fopen(path, "rb") : NULL;
    if (!file) {
        return false;
    }
    struct stat status;
    bool is_zone = fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode) &&
                   fread(magic, 1, sizeof magic, file) == sizeof magic &&
                   memcmp(magic, "TZif", sizeof magic) == 0;
    (void)fclose(file); /* only read */
    return is_zone;
}

bool config_check_timezone(const char *text, struct config_wrong *wrong)
{
    const char *hint = "a name like Asia/Ho_Chi_Minh; timedatectl list-timezones shows all";
    const char *directory = getenv("TZDIR");
    if (!*text) {
        return true;
    }
    for (const char *at = text; *at; at++) {
        bool starts = at == text || at[-1] == '/';
        if (!is_letter(*at) && (starts || (!is_digit(*at) && !strchr("/_+-", *at)))) {
            return config_is_wrong(wrong, hint, "\"%s\" is no name of a time zone", text);
        }
    }
    if (!is_zone_file(directory && *directory ? directory : "/usr/share/zoneinfo", text)) {
        return config_is_wrong(wrong, hint, "this system does not know \"%s\"", text);
    }
    return true;
}

bool config_check_secret(const char *text, struct config_wrong *wrong)
{
    size_t len = strlen(text);
    if (len && len < SECRET_MIN) {
        return config_is_wrong(wrong, "parkmesh secret new makes a good one",
                               "has %zu characters, fewer than %d", len, SECRET_MIN);
    }
    return true;
}

bool config_check_token(const char *text, struct config_wrong *wrong)
{
    for (const char *at = text; *at; at++) {
        if (*at <= ' ' || *at > '~') {
            return config_is_wrong(wrong, "it travels in an HTTP header: letters, digits, signs",
                                   "has a blank or a character outside ASCII");
        }
    }
    return config_check_secret(text, wrong);
}

/* One of `names`, a NULL-terminated list, or empty. */
static bool check_choice(const char *text, const char *const *names, struct config_wrong *wrong)
{
    char list[120] = "";
    size_t used = 0;
    for (size_t i = 0; names[i]; i++) {
        if (!*text || strcmp(text, names[i]) == 0) {
            return true;
        }
        int len = snprintf(list + used, sizeof list - used, "%s\"%s\"", i ? " or " : "", names[i]);
        used += len > 0 && (size_t)len < sizeof list - used ? (size_t)len : 0;
    }
    return config_is_wrong(wrong, list, "\"%s\" is not known", text);
}

bool config_check_log_format(const char *text, struct config_wrong *wrong)
{
    static const char *const names[] = {"text", "json", NULL};
    return check_choice(text, names, wrong);
}

bool config_check_auth(const char *text, struct config_wrong *wrong)
{
    static const char *const names[] = {"open", "token", NULL};
    return check_choice(text, names, wrong);
}

bool config_check_link(const char *text, struct config_wrong *wrong)
{
    static const char *const names[] = {"auto", "mesh", "websocket", NULL};
    return check_choice(text, names, wrong);
}

bool config_check_ws_peers(const char *text, struct config_wrong *wrong)
{
    static const char *const names[] = {"off", "open", NULL};
    return check_choice(text, names, wrong);
}

bool config_check_data_dir(const char *text, struct config_wrong *wrong)
{
    return *text ? true : config_is_wrong(wrong, "the default is \"data\"", "is empty");
}

bool config_check_proxy(const char *text, struct config_wrong *wrong)
{
    struct in_addr address;
    return inet_pton(AF_INET, text, &address) == 1 ||
           config_is_wrong(wrong, "a numeric address, such as 127.0.0.1",
                           "\"%s\" is no IPv4 address", text);
}

bool config_check_origin(const char *text, struct config_wrong *wrong)
{
    const char *hint = "an origin looks like https://parking.example:8443, or \"*\" for every page";
    if (strcmp(text, "*") == 0) {
        return true;
    }
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : NULL;
    if (!host) {
        return config_is_wrong(wrong, hint, "\"%s\" does not start with http:// or https://", text);
    }
    size_t len = strcspn(host, ":/?#");
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(host[i]) && !is_digit(host[i]) && !strchr("._-", host[i])) {
            return config_is_wrong(wrong, hint, "\"%s\" has no proper host", text);
        }
    }
    const char *rest = host + len;
    if (!len) {
        return config_is_wrong(wrong, hint, "\"%s\" has no host", text);
    }
    if (*rest == ':') {
        size_t digits = strspn(rest + 1, "0123456789");
        long port = digits && digits < 6 ? strtol(rest + 1, NULL, 10) : 0;
        if (port < 1 || port > 65535) {
            return config_is_wrong(wrong, hint, "\"%s\" has no proper port", text);
        }
        rest += 1 + digits;
    }
    if (*rest) {
        return config_is_wrong(wrong, "remove what follows host and port, also a last /",
                               "\"%s\" is more than an origin", text);
    }
    return true;
}
