/* clang-format off */
/* Follows a central's bus and keeps each message once: a line "CURSOR TEXT" of FILE. Without FILE begins behind CURSOR, or now.
 * cc -o bus_client bus_client.c -lczmq -lzmq -lmsgpackc; set -a; eval "$(parkmesh bus)"; ./bus_client TOPIC FILE [CURSOR]
 * A line is effect and cursor in one, so kill -9 neither loses nor doubles it. What comes live is only the doorbell for a replay. */
#include <czmq.h>
#include <msgpack.h>
enum { CREDIT = 1000, TEXT = 160 };
static char at[TEXT]; /* last cursor that was kept */ static msgpack_unpacked body;
static const char *text(const char *key, char to[TEXT]) { /* a text or truth of the body; "" = there is none */
    for (uint32_t i = *to = 0; body.data.type == MSGPACK_OBJECT_MAP && i < body.data.via.map.size; i++) {
        const msgpack_object *name = &body.data.via.map.ptr[i].key, *value = &body.data.via.map.ptr[i].val;
        if (name->via.str.size != strlen(key) || memcmp(name->via.str.ptr, key, strlen(key)) != 0) continue;
        if (value->type == MSGPACK_OBJECT_BOOLEAN) snprintf(to, TEXT, "%s", value->via.boolean ? "true" : "false");
        else snprintf(to, TEXT, "%.*s", (int)value->via.str.size, value->via.str.ptr);
    }
    return to;
}
static bool is(const char *key, const char *value) { char found[TEXT]; return strcmp(text(key, found), value) == 0; }
static bool is_other(const char *a, const char *b) { return strncmp(a, b, 16) != 0; } /* feed */
static bool is_newer(const char *a, const char *b) { return strtoull(a + 17, NULL, 10) > strtoull(b + 17, NULL, 10); }
static void keep(FILE *file, bool has_body) {
    if (fprintf(file, "%s ", at) > 0 && has_body) msgpack_object_print(file, body.data);
    if (fputc('\n', file) == EOF || fflush(file) != 0) exit(fprintf(stderr, "bus_client: %s\n", strerror(errno)));
}
static void find(const char *path, const char *newer, char to[TEXT]) { /* last cursor kept before the feed of `newer`; "": of all */
    char line[1 << 16]; long whole = 0; FILE *file = fopen(path, "a+");
    for (; file && fgets(line, sizeof line, file) && strchr(line, '\n') && (!*newer || is_other(line, newer)); whole += (long)strlen(line))
        snprintf(to, TEXT, "%.*s", (int)strcspn(line, " "), line);
    if (!file || (!*newer && ftruncate(fileno(file), whole) != 0) || fclose(file) != 0) perror(path); /* a line that was cut off */
}
static zsock_t *dial(int type, const char *port) {
    zsock_t *socket = zsock_new(type);
    zsock_set_rcvtimeo(socket, 3000);
    if (getenv("BUS_SERVER_KEY")) zsock_set_curve_serverkey(socket, getenv("BUS_SERVER_KEY")),
        zsock_set_curve_publickey(socket, getenv("BUS_PUBLIC_KEY")), zsock_set_curve_secretkey(socket, getenv("BUS_SECRET_KEY"));
    return zsock_connect(socket, "tcp://%s:%s", getenv("BUS_ADDRESS"), getenv(port)), socket;
}
static void ask(zsock_t *socket, const char *after, const char *topic) {
    const char *texts[] = {"op", "replay", "after", after, "topic", topic, "credit"};
    msgpack_sbuffer bytes = {.size = 0};
    msgpack_packer packer = {.data = &bytes, .callback = msgpack_sbuffer_write};
    msgpack_pack_map(&packer, 4);
    for (int i = 0; i < 7; i++) msgpack_pack_str_with_body(&packer, texts[i], strlen(texts[i]));
    msgpack_pack_int(&packer, CREDIT);
    zmq_send(zsock_resolve(socket), bytes.data, bytes.size, 0), msgpack_sbuffer_destroy(&bytes);
}
static bool take(zsock_t *socket, const char *picture) { /* a message into `body`; false: 3 s of silence */
    static zframe_t *topic, *frame; /* texts of `body` point into the frame */
    zframe_destroy(&topic), zframe_destroy(&frame);
    zsock_recv(socket, picture, picture[1] ? &topic : &frame, &frame);
    return frame && msgpack_unpack_next(&body, (char *)zframe_data(frame), zframe_size(frame), NULL) == MSGPACK_UNPACK_SUCCESS;
}
static bool replay(const char *topic, const char *path, FILE *file) { /* from the last cursor to where live begins */
    char after[TEXT] = "", resume[TEXT];
    zsock_t *socket = dial(ZMQ_DEALER, "BUS_REPLAY_PORT");
    ask(socket, strcpy(after, at), topic);
    for (int kept = 0; take(socket, "f") && (!is("type", "error") || is("code", "CURSOR_UNKNOWN"));) {
        if (is("type", "error") && fprintf(stderr, "%s is unknown there\n", after)) { /* restored from a copy: go back in what is ours */
            if (is_other(text("resume", resume), after)) find(path, after, resume);
            ask(socket, strcpy(after, resume), topic);
        } else if (text("cursor", at), keep(file, !is("type", "live")), is("type", "live")) return zsock_destroy(&socket), true;
        else if (++kept % CREDIT == 0) ask(socket, at, topic); /* the credit is used up: begin anew from here */
    }
    return zsock_destroy(&socket), fprintf(stderr, "no answer on the replay port\n"), false;
}
int main(int count, char **args) {
    FILE *file = count > 2 ? find(args[2], "", at), fopen(args[2], "a") : NULL;
    for (zsock_t *live = NULL; file && !zsys_interrupted; zsock_destroy(&live)) {
        zsock_set_subscribe(live = dial(ZMQ_SUB, "BUS_PORT"), args[1]);
        for (char now[TEXT], last[TEXT]; take(live, "ff");) {
            bool is_item = *text("cursor", now) != '\0';
            if (is_item ? !*at : !is("topic", args[1])) continue;
            if (is("ok", "false")) exit(fprintf(stderr, "%s can never match: begin with v1.<central>.<KIND>\n", args[1]));
            text(is_item ? "cursor" : "now", now), text(is_item ? "cursor" : "last", last);
            if (!*at) snprintf(at, TEXT, "%s", count > 3 ? args[3] : now), keep(file, false);
            if ((is_other(now, at) || is_newer(last, at)) && !replay(args[1], args[2], file)) break;
        }
        if (!zsys_interrupted) fprintf(stderr, "silence: wrong address, port or keys, or no central\n");
    }
}
