/* The command line: finds the command, prints help, hands over. */
#include "bus/secret.h"
#include "node/commands.h"
#include "node/config.h"
#include "node/supervisor.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_DEFAULT "config/p2p_config.json"

static const char HELP[] =
    "parkmesh - a car park central that shares one history with its peers\n"
    "\n"
    "Examples:\n"
    "  parkmesh run                                   start with config/p2p_config.json and data/\n"
    "  parkmesh run --config /etc/parkmesh/a.json --data /var/lib/parkmesh\n"
    "  parkmesh check /etc/parkmesh/a.json            all errors of a configuration at once\n"
    "  parkmesh secret new                            a mesh_secret to paste into every central\n"
    "\n"
    "Commands:\n"
    "  run [--config FILE] [--data DIR] [--log-format text|json] [--web-dir DIR]\n"
    "      Runs in the foreground, logs on stderr. A missing FILE is created (one central alone "
    "on\n"
    "      127.0.0.1). SIGTERM and SIGINT stop it, SIGHUP reads FILE again. --web-dir takes the\n"
    "      page from a folder, for who works on it.\n"
    "  check [FILE]\n"
    "      Validates a configuration. Exit status 0, or 78 with every error.\n"
    "  verify [--data DIR] [--json]\n"
    "      Walks every chain of a database, read-only. Exit status 0 whole, 65 damaged.\n"
    "  diff --peer ID [--config FILE] [--json]\n"
    "      Asks the running central for the first event that differs. Exit status 0 equal,\n"
    "      1 different, 64 no such peer, 69 no central runs or the peer is not connected, 75 no\n"
    "      answer.\n"
    "  account reset NAME [--config FILE] [--data DIR]\n"
    "      A new password for an account, printed once. Also while the central runs.\n"
    "  secret new\n"
    "      Prints a random secret.\n"
    "\n"
    "Options:\n"
    "  -h, --help     this text\n"
    "  -V, --version  the version\n"
    "\n"
    "Exit status: 0 stopped politely, 64 usage, 65 data, 69 address in use or unavailable, 70 our\n"
    "bug, 73 cannot create, 74 I/O error or disk full, 77 permission, 78 configuration.\n";

static int usage(const char *what, const char *word)
{
    (void)fprintf(stderr, "parkmesh: error USAGE: %s%s%s\n  hint: parkmesh --help\n", what,
                  word != NULL ? " " : "", word != NULL ? word : "");
    return problem_exit_status(PROBLEM_USAGE);
}

static int run(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'},
                                            {"data", required_argument, NULL, 'd'},
                                            {"log-format", required_argument, NULL, 'l'},
                                            {"web-dir", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct supervisor_options options = {.config_path = CONFIG_DEFAULT};
    int option;

    while ((option = getopt_long(argc, argv, "h", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.config_path = optarg;
            break;
        case 'd':
            options.data_dir = optarg;
            break;
        case 'l':
            if (strcmp(optarg, "text") != 0 && strcmp(optarg, "json") != 0) {
                return usage("--log-format is text or json, not", optarg);
            }
            options.log_format = optarg;
            break;
        case 'w':
            options.web_dir = optarg;
            break;
        case 'h':
            return fputs(HELP, stdout) == EOF ? 74 : 0;
        default:
            return usage("run does not take", argv[optind - 1]);
        }
    }
    if (optind < argc) {
        return usage("run does not take", argv[optind]);
    }
    return supervisor_run(&options);
}

static int check(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : CONFIG_DEFAULT;
    struct buffer errors = {0}, warnings = {0};
    struct problem problem = {.code = PROBLEM_OK};
    struct config config;
    int status = 0;

    if (argc > 2 || path[0] == '-') {
        return usage("check takes one file, not", argc > 2 ? argv[2] : path);
    }
    config_init(&config);
    if (config_check(&config, path, &errors, &warnings, &problem) != 0) {
        status = problem_exit_status(PROBLEM_CONFIG_INVALID);
    }
    if (errors.len > 0) {
        (void)fwrite(errors.data, 1, errors.len, stderr);
    }
    if (warnings.len > 0) {
        (void)fwrite(warnings.data, 1, warnings.len, stderr);
    }
    if (status != 0 && errors.len == 0) {
        (void)fprintf(stderr, "parkmesh: error %s: %s\n  hint: %s\n", problem_name(problem.code),
                      problem.text, problem.hint);
    }
    if (status == 0) {
        (void)printf("%s: OK (id %s, %zu peers)\n", path, config.id.text, config.peer_count);
    }
    config_free(&config);
    buffer_free(&errors);
    buffer_free(&warnings);
    return status;
}

static int secret(int argc, char **argv)
{
    char text[SECRET_TEXT];

    if (argc != 2 || strcmp(argv[1], "new") != 0) {
        return usage("secret knows one word: new", NULL);
    }
    secret_new(text);
    return puts(text) == EOF ? problem_exit_status(PROBLEM_DB_FAILED) : 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } COMMANDS[] = {{"run", run},           {"check", check},
                    {"secret", secret},     {"verify", command_verify},
                    {"diff", command_diff}, {"account", command_account}};

    if (random_start() != 0) {
        (void)fputs("parkmesh: error INTERNAL: no source of randomness\n", stderr);
        return problem_exit_status(PROBLEM_INTERNAL);
    }
    if (argc < 2) {
        return usage("which command?", NULL);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return fputs(HELP, stdout) == EOF ? problem_exit_status(PROBLEM_DB_FAILED) : 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        return printf("parkmesh %s\n", PARKMESH_VERSION) < 0 ? 74 : 0;
    }
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(argv[1], COMMANDS[i].name) == 0) {
            return COMMANDS[i].run(argc - 1, argv + 1);
        }
    }
    return usage("unknown command", argv[1]);
}
