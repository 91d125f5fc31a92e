#include "node/csv.h"

int csv_split(char *row, char **fields, int most)
{
    int count = 0;

    for (char *from = row;; from++) {
        char *to = from;
        bool quoted = false;
        if (count == most) {
            return -1;
        }
        fields[count++] = to;
        for (; *from != '\0' && (quoted || *from != ','); from++) {
            if (*from == '"' && quoted && from[1] == '"') {
                *to++ = *from++;
            } else if (*from == '"') {
                quoted = !quoted;
            } else {
                *to++ = *from;
            }
        }
        bool more = *from == ','; /* the NUL may take its place */
        *to = '\0';
        if (quoted || !more) {
            return quoted ? -1 : count;
        }
    }
}

bool csv_is_open(struct slice row)
{
    bool open = false;

    for (size_t i = 0; i < row.len; i++) {
        open ^= row.data[i] == '"';
    }
    return open;
}
