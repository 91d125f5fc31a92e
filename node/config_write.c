/*
 * The file on disk. It is replaced as a whole or not at all: a power cut during a save leaves the
 * old one.
 */
#include "node/config_internal.h"

#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char CONFIG_STANDALONE[] = "{\n"
                                 "  \"this_central\": {\n"
                                 "    \"id\": \"central-1\",\n"
                                 "    \"ip\": \"127.0.0.1\",\n"
                                 "    \"p2p_port\": 9000,\n"
                                 "    \"api_port\": 8000\n"
                                 "  },\n"
                                 "  \"peer_centrals\": []\n"
                                 "}\n";

static int file_problem(struct problem *problem, const char *doing, const char *path, int error)
{
    if (error == ENOSPC || error == EDQUOT) {
        return problem_set(problem, PROBLEM_DISK_FULL, "free space on this disk",
                           "cannot %s %s: %s", doing, path, strerror(error));
    }
    return problem_set(problem, PROBLEM_CONFIG_UNREADABLE,
                       error == EACCES || error == EPERM
                           ? "check owner and permissions of the file and its directory"
                       : error == EISDIR ? "name the file itself, with --config"
                                         : NULL,
                       "cannot %s %s: %s", doing, path, strerror(error));
}

int config_read_file(const char *path, struct buffer *out, unsigned *mode, struct problem *problem)
{
    char block[4096];
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang the start */
    if (fd < 0) {
        return errno == ENOENT ? 0 : file_problem(problem, "read", path, errno);
    }
    int result = -1;
    if (fstat(fd, &status)) {
        (void)file_problem(problem, "read", path, errno); /* result says it */
        goto close_file;
    }
    if (!S_ISREG(status.st_mode)) {
        (void)file_problem(problem, "read", path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
        goto close_file;
    }
    *mode = status.st_mode & 07777U;
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            (void)file_problem(problem, "read", path, errno); /* result says it */
            break;
        }
        if (got == 0) {
            result = 1;
            break;
        }
        if (buffer_append(out, block, (size_t)got)) {
            (void)problem_set(problem, PROBLEM_CONFIG_UNREADABLE, "is it the right file?",
                              "%s has more than %d bytes", path, LIMIT_CONFIG_BYTES);
            break;
        }
    }
close_file:
    explicit_bzero(block, sizeof block);
    (void)close(fd); /* only read */
    return result;
}

/* Cuts `path` to its directory. */
static void cut_to_directory(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash) {
        path[0] = '.';
        path[1] = '\0';
    } else if (slash == path) {
        slash[1] = '\0';
    } else {
        *slash = '\0';
    }
}

/* Makes the directories above a file. */
static int make_directories(const char *path, struct problem *problem)
{
    char parent[PATH_MAX];
    (void)slice_copy(slice_text(path), parent, sizeof parent); /* the caller checked the length */
    cut_to_directory(parent);
    for (char *at = parent + 1; parent[0]; at++) {
        char was = *at;
        if (was != '/' && was != '\0') {
            continue;
        }
        *at = '\0';
        if (mkdir(parent, 0755) && errno != EEXIST) {
            return file_problem(problem, "create directory", parent, errno);
        }
        *at = was;
        if (!was) {
            break;
        }
    }
    return 0;
}

static int write_all(int fd, struct slice text)
{
    while (text.len) {
        ssize_t put = write(fd, text.data, text.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -1;
        }
        text.data += put;
        text.len -= (size_t)put;
    }
    return 0;
}

/* A rename survives a power cut once its directory is on disk. */
static int sync_directory(const char *path)
{
    char parent[PATH_MAX];
    (void)slice_copy(slice_text(path), parent, sizeof parent); /* the caller checked the length */
    cut_to_directory(parent);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int result = fsync(fd);
    int error = errno;
    (void)close(fd); /* only a directory */
    errno = error;
    return result;
}

/* Owner and mode as before; a file with a secret is nobody else's business. */
static int dress(int fd, const char *target, struct slice text)
{
    struct stat status;
    size_t start = 0;
    size_t end = 0;
    mode_t mode = 0644;
    if (stat(target, &status) == 0) {
        mode = status.st_mode & 07777U;
        /* Only root may give a file away; anybody else owned it before or owns it from now on. */
        int kept = fchown(fd, status.st_uid, status.st_gid);
        (void)kept;
    }
    return fchmod(fd, config_find_secret(text, 0, &start, &end) ? mode & 0600 : mode);
}

int config_write(const char *path, struct slice text, struct problem *problem)
{
    char target[PATH_MAX];
    char temporary[PATH_MAX + 16];
    if (strlen(path) >= sizeof target || !*path) {
        return file_problem(problem, "write", path, *path ? ENAMETOOLONG : ENOENT);
    }
    if (!realpath(path, target)) { /* else: what a link points to, the link stays */
        (void)slice_copy(slice_text(path), target, sizeof target); /* fits */
    }
    if (make_directories(target, problem)) {
        return -1;
    }
    snprintf(temporary, sizeof temporary, "%s.XXXXXX", target); /* fits */
    int fd = mkstemp(temporary);                                /* mode 0600 */
    if (fd < 0) {
        return file_problem(problem, "write", path, errno);
    }
    int failed = write_all(fd, text) || dress(fd, target, text) || fsync(fd);
    int error = errno;
    if (close(fd) && !failed) {
        failed = 1;
        error = errno;
    }
    if (!failed && rename(temporary, target)) {
        failed = 1;
        error = errno;
    }
    if (failed) {
        (void)unlink(temporary); /* a leftover is harmless */
        return file_problem(problem, "write", path, error);
    }
    return sync_directory(target) ? file_problem(problem, "write", path, errno) : 0;
}
