/*
 * A fuzz target without a fuzzing engine: a regression test with any compiler.
 *
 * usage: <target> [-m mutations] directory...
 *
 * Runs every file of the directories through LLVMFuzzerTestOneInput, then a bounded number of
 * mutations. These depend on nothing but the file's name, its bytes and their own number, so a
 * failure repeats. Each file and its mutations run in a child: when it dies or hangs, the
 * parent knows which input it was, writes that to the file `crash-<target>` in the working
 * directory and goes on to report failure. Add it to the corpus under the name of the bug.
 *
 * An empty or missing directory counts as one empty file.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    INPUT_BYTES = 1 << 20, /* longer files are cut: no message is that long */
    PATH_BYTES = 4096,
    FILES = 65536,
    MUTATIONS = 20000,   /* in all, shared out between the files */
    MUTATIONS_LEAST = 8, /* per file */
    CHANGES = 6,         /* at most in one mutation */
    ONE_FILE_SECONDS = 50
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t bound)
{
    return bound ? (size_t)(next(state) % bound) : 0;
}

/* FNV-1a */
static uint64_t hash(const void *bytes, size_t size, uint64_t seed)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (size_t i = 0; i < size; i++) {
        value = (value ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    }
    return value;
}

static void *require(void *memory)
{
    if (!memory) {
        fputs("replay: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void insert_bytes(struct input *input, size_t at, const uint8_t *bytes, size_t count)
{
    memmove(input->data + at + count, input->data + at, input->size - at);
    memcpy(input->data + at, bytes, count);
    input->size += count;
}

/* One small change. The buffer has room for 16 more bytes. */
static void change(struct input *input, uint64_t *state)
{
    /* First bytes of every msgpack shape with a length, JSON's brackets, edges of integers. */
    static const uint8_t telling[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                      0xc4, 0xc6, 0xcb, 0xcf, 0xd3, 0xd9, 0xdb, 0xdc, 0xdd,
                                      0xde, 0xdf, 0xff, '{',  '}',  '[',  '"',  '\\', '\n'};
    uint8_t bytes[16];
    size_t at = below(state, input->size);
    size_t count = 1 + below(state, sizeof bytes);
    unsigned what = (unsigned)below(state, 6);

    if (input->size == 0 || what == 0) {
        for (size_t i = 0; i < count; i++) {
            bytes[i] = (uint8_t)next(state);
        }
        insert_bytes(input, at, bytes, count);
    } else if (what == 1) {
        input->data[at] ^= (uint8_t)(1U << below(state, 8));
    } else if (what == 2) {
        input->data[at] = telling[below(state, sizeof telling)];
    } else if (what == 3) {
        input->size = at;
    } else if (what == 4) {
        count = count > input->size - at ? input->size - at : count;
        memmove(input->data + at, input->data + at + count, input->size - at - count);
        input->size -= count;
    } else {
        size_t from = below(state, input->size);
        count = count > input->size - from ? input->size - from : count;
        memcpy(bytes, input->data + from, count);
        insert_bytes(input, at, bytes, count);
    }
}

/* Mutation `number` of a file; number 0 is the file itself. Caller frees data. The buffer is
 * exactly as long as the input, so that the sanitizer sees a read past its end. */
static struct input mutate(const struct input *file, uint64_t seed, size_t number)
{
    struct input input = {require(malloc(file->size + CHANGES * 16 + 1)), file->size};
    uint64_t state = seed + number;

    if (file->size) {
        memcpy(input.data, file->data, file->size);
    }
    for (size_t left = number ? 1 + below(&state, CHANGES) : 0; left; left--) {
        change(&input, &state);
    }
    uint8_t *exact = require(malloc(input.size ? input.size : 1));
    if (input.size) {
        memcpy(exact, input.data, input.size);
    }
    free(input.data);
    input.data = exact;
    return input;
}

/* Caller frees data. A file that cannot be read is an error of the test: exits. */
static struct input read_input(const char *path)
{
    struct input input = {require(malloc(INPUT_BYTES)), 0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "replay: cannot open %s: %s\n", path, strerror(errno));
        exit(2);
    }
    input.size = fread(input.data, 1, INPUT_BYTES, file);
    if (ferror(file)) {
        fprintf(stderr, "replay: cannot read %s: %s\n", path, strerror(errno));
        exit(2);
    }
    (void)fclose(file); /* only read */
    return input;
}

static void write_crash(const char *program, const struct input *input)
{
    char path[PATH_BYTES];
    const char *name = strrchr(program, '/');
    snprintf(path, sizeof path, "crash-%s", name ? name + 1 : program);
    FILE *file = fopen(path, "wb");
    if (!file) {
        fprintf(stderr, "replay: cannot write %s: %s\n", path, strerror(errno));
        return;
    }
    size_t written = fwrite(input->data, 1, input->size, file);
    if (fclose(file) == 0 && written == input->size) {
        fprintf(stderr, "replay: the input is in %s (%zu bytes)\n", path, input->size);
    }
}

/* Runs a file and its mutations in a child. True if the child came through. */
static bool run_file(const char *program, const char *path, size_t mutations)
{
    const char *name = path && strrchr(path, '/') ? strrchr(path, '/') + 1 : "";
    struct input file = path ? read_input(path) : (struct input){NULL, 0};
    uint64_t seed = hash(file.data, file.size, hash(name, strlen(name), 0));
    volatile size_t *number =
        mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (number == MAP_FAILED) {
        perror("replay: mmap");
        exit(2);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == -1) {
        perror("replay: fork");
        exit(2);
    }
    if (child == 0) {
        (void)alarm(ONE_FILE_SECONDS); /* returns the previous alarm: none */
        for (*number = 0; *number <= mutations; ++*number) {
            struct input input = mutate(&file, seed, *number);
            (void)LLVMFuzzerTestOneInput(input.data, input.size); /* says nothing by contract */
            free(input.data);
        }
        free(file.data);
        exit(0); /* not _exit: leaks are counted here */
    }
    int status = 0;
    while (waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!ok) {
        fprintf(stderr, "replay: %s, mutation %zu: %s %d\n", path ? path : "(empty input)", *number,
                WIFSIGNALED(status) ? "signal" : "exit status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        struct input input = mutate(&file, seed, *number <= mutations ? *number : 0);
        write_crash(program, &input);
        free(input.data);
    }
    (void)munmap((void *)(uintptr_t)number, sizeof *number); /* our own mapping */
    free(file.data);
    return ok;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends the regular files of a directory to the list; a missing directory has none. */
static size_t list_directory(const char *directory, char **paths, size_t count)
{
    DIR *dir = opendir(directory);
    if (!dir) {
        fprintf(stderr, "replay: %s: %s\n", directory, strerror(errno));
        return count;
    }
    for (struct dirent *entry = readdir(dir); entry && count < FILES; entry = readdir(dir)) {
        char path[PATH_BYTES];
        struct stat status;
        int length = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (length > 0 && (size_t)length < sizeof path && stat(path, &status) == 0 &&
            S_ISREG(status.st_mode)) {
            paths[count++] = require(strdup(path));
        }
    }
    (void)closedir(dir); /* only read */
    return count;
}

int main(int argc, char **argv)
{
    size_t mutations = MUTATIONS;
    int option;
    while ((option = getopt(argc, argv, "m:")) != -1) {
        char *end = NULL;
        mutations = option == 'm' ? strtoul(optarg, &end, 10) : 0;
        if (option != 'm' || *end) {
            fprintf(stderr, "usage: %s [-m mutations] directory...\n", argv[0]);
            return 2;
        }
    }

    char **paths = require(calloc(FILES, sizeof *paths));
    size_t count = 0;
    for (int i = optind; i < argc; i++) {
        count = list_directory(argv[i], paths, count);
    }
    qsort(paths, count, sizeof *paths, compare);

    size_t each = mutations / (count + 1);
    each = mutations && each < MUTATIONS_LEAST ? MUTATIONS_LEAST : each;
    size_t failed = run_file(argv[0], NULL, each) ? 0 : 1;
    for (size_t i = 0; i < count; i++) {
        failed += run_file(argv[0], paths[i], each) ? 0 : 1;
        free(paths[i]);
    }
    free(paths);
    printf("%zu files, %zu mutations of each, %zu failed\n", count, each, failed);
    return failed ? 1 : 0;
}
