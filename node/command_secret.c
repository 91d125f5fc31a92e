#include "node/commands.h"

#include "bus/secret.h"

#include <stdio.h>

int command_secret(const struct command_line *line)
{
    char text[SECRET_TEXT];

    secret_new(text);
    (void)printf(line->values[FLAG_JSON] != NULL ? "{\"secret\":\"%s\"}\n" : "%s\n", text);
    return 0;
}
