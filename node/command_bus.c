/*
 * What a subscriber needs to reach the bus, from the configuration alone: nobody has to be told a
 * secret_key over the network.
 */
#include "node/commands.h"

#include "bus/secret.h"
#include "node/command_config.h"

#include <stdio.h>
#include <zmq.h>

#define Z85_TEXT 41

/* One line for a shell, or one member of a JSON object. Z85 has no quotes and no backslash. */
static void print_key(bool is_json, const char *name, const char *member, const uint8_t key[32])
{
    char text[Z85_TEXT];

    if (zmq_z85_encode(text, key, 32) != NULL) { /* 32 is a multiple of 4: cannot fail */
        (void)printf(is_json ? ",\"%s\":\"%s\"" : "%s='%s'\n", is_json ? member : name, text);
    }
}

static void print(const struct config *config, const struct bus_keys *keys, bool is_json)
{
    char address[64];

    config_bus_bind(config, address);
    if (address[0] == '*') { /* every address of this machine: the one that others dial */
        (void)snprintf(address, sizeof address, "%.63s", config->ip);
    }
    (void)printf(is_json ? "{\"address\":\"%s\",\"port\":%u,\"replay_port\":%u"
                         : "BUS_ADDRESS=%s\nBUS_PORT=%u\nBUS_REPLAY_PORT=%u\n",
                 address, (unsigned)config->bus_port, (unsigned)config->replay_port);
    if (keys->present) {
        print_key(is_json, "BUS_SERVER_KEY", "server_key", keys->public_key);
        print_key(is_json, "BUS_PUBLIC_KEY", "public_key", keys->client_public);
        print_key(is_json, "BUS_SECRET_KEY", "secret_key", keys->client_secret);
    }
    if (is_json) {
        (void)printf("}\n");
    }
}

int command_bus(const struct command_line *line)
{
    struct config config;
    struct bus_keys keys;
    struct problem problem;
    int rc = command_config_read(&config, line, &problem);

    if (rc == 0 && secret_derive_bus(config.bus_secret, &keys) != 0) {
        rc = problem_set(&problem, PROBLEM_INTERNAL, NULL, "out of memory");
    }
    if (rc == 0) {
        print(&config, &keys, line->values[FLAG_JSON] != NULL);
    }
    config_free(&config);
    return rc == 0 ? 0 : command_line_complain(&problem);
}
