#include "api/introduce.h"

#include "api/call.h"
#include "api/seals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_API_PORT 8000 /* of the existing system, which tells none in its list */

struct letter {
    char url[256];
    char seal[SEALS_LINE];
    const char *lines[2];
    struct buffer body;
};

static uint16_t port_of(const json_t *value)
{
    json_int_t port = json_integer_value(value);

    return port > 0 && port < 65536 ? (uint16_t)port : 0;
}

bool introduce_read(const json_t *member, struct introduce_central *central)
{
    struct slice ip = json_member_text(member, "ip");

    *central = (struct introduce_central){.p2p_port = port_of(json_object_get(member, "p2p_port")),
                                          .api_port = port_of(json_object_get(member, "api_port"))};
    return node_id_parse(json_member_text(member, "id"), &central->id) == true && ip.len > 0 &&
           slice_copy(ip, central->ip, sizeof central->ip);
}

/* Writes the URL; returns its target, the part after the authority. */
static struct slice address(const struct introduce_central *to, const char *target,
                            char url[sizeof((struct letter *)NULL)->url])
{
    bool is_v6 = strchr(to->ip, ':') != NULL;
    int len = snprintf(url, sizeof((struct letter *)NULL)->url, "http://%s%s%s:%u",
                       is_v6 ? "[" : "", to->ip, is_v6 ? "]" : "",
                       (unsigned)(to->api_port != 0 ? to->api_port : DEFAULT_API_PORT));

    (void)snprintf(url + len, sizeof((struct letter *)NULL)->url - (size_t)len, "%s", target);
    return slice_text(url + len); /* ids and addresses are short: it fits */
}

int introduce_ask(struct request *request, struct introduce_central *central,
                  struct problem *problem)
{
    struct letter letter = {.url = ""};
    struct call call = {.url = letter.url};
    struct introduce_central found = {.api_port = 0};
    json_t *answer = NULL, *info;
    int rc = -1;

    (void)address(central, "/api/p2p/info", letter.url);
    call_all(&call, 1, &request->gateway->abandon);
    if (call.outcome != CALL_ANSWERED) {
        (void)problem_set(problem, call_problem(&call, PROBLEM_PEER_UNREACHABLE), NULL, "%s",
                          call.error);
        goto release;
    }
    answer = json_read_object(buffer_slice(&call.answer), problem);
    info = json_object_get(answer, "info");
    if (call.status != 200 || !json_is_true(json_object_get(answer, "success")) ||
        !node_id_parse(json_member_text(info, "id"), &found.id)) {
        (void)problem_set(problem, PROBLEM_PEER_UNREACHABLE, "hãy kiểm tra địa chỉ và cổng",
                          "%s:%u trả lời, nhưng không phải là một central", central->ip,
                          (unsigned)central->api_port);
        goto release;
    }
    central->id = found.id;
    central->p2p_port = port_of(json_object_get(info, "p2p_port"));
    rc = 0;
release:
    json_decref(answer);
    call_free(&call);
    return rc;
}

static void write_body(struct letter *letter, const struct introduce_central *own,
                       const struct introduce_central *to)
{
    struct json_writer writer = json_writer(&letter->body);

    json_put_open(&writer, '{');
    json_set_text(&writer, "id", own->id.text);
    json_set_text(&writer, "ip", own->ip);
    json_set_int(&writer, "api_port", own->api_port);
    json_set_int(&writer, "p2p_port", own->p2p_port);
    json_set_text(&writer, "to", to->id.text); /* else a seal would hold at every member */
    json_put_close(&writer, '}');
}

static void write_letter(struct gateway *gateway, const struct introduce_central *own,
                         const struct introduction *introduction, struct letter *letter,
                         struct call *call)
{
    char target[200];
    struct slice sealed;

    if (introduction->leaves) {
        (void)snprintf(target, sizeof target, "/api/p2p/unregister-peer?peer_id=%s&to=%s",
                       own->id.text, introduction->to.id.text);
    } else {
        (void)snprintf(target, sizeof target, "/api/p2p/register-peer");
        write_body(letter, own, &introduction->to);
        call->body = buffer_slice(&letter->body);
    }
    sealed = address(&introduction->to, target, letter->url);
    call->method = "POST";
    call->url = letter->url;
    if (seals_line(gateway->seals, call->method, sealed, call->body, letter->seal) == 0) {
        letter->lines[0] = letter->seal;
        call->headers = letter->lines;
    }
}

static void read_answer(struct introduction *introduction, const struct call *call)
{
    struct problem problem;
    json_t *answer = NULL;
    struct slice text;

    if (call->outcome != CALL_ANSWERED) {
        introduction->code = call_problem(call, PROBLEM_PEER_UNREACHABLE);
        (void)slice_copy(slice_text(call->error), introduction->message,
                         sizeof introduction->message);
        return;
    }
    answer = json_read_object(buffer_slice(&call->answer), &problem);
    introduction->success = call->status == 200 && json_is_true(json_object_get(answer, "success"));
    introduction->code = introduction->success ? PROBLEM_OK : PROBLEM_PEER_UNREACHABLE;
    text = json_member_text(answer, introduction->success ? "message" : "error");
    text = text.len > 0 ? text : json_member_text(answer, "message");
    if (text.len > 0) {
        (void)slice_copy(text, introduction->message, sizeof introduction->message);
    } else {
        (void)snprintf(introduction->message, sizeof introduction->message, "%s: HTTP %d",
                       introduction->to.ip, call->status);
    }
    json_decref(answer);
}

void introduce_tell(struct gateway *gateway, const struct introduce_central *own,
                    struct introduction *introductions, size_t count)
{
    struct letter *letters = bytes_allocate(count, sizeof *letters);
    struct call *calls = bytes_allocate(count, sizeof *calls);

    for (size_t i = 0; i < count; i++) {
        write_letter(gateway, own, &introductions[i], &letters[i], &calls[i]);
    }
    call_all(calls, count, &gateway->abandon);
    for (size_t i = 0; i < count; i++) {
        read_answer(&introductions[i], &calls[i]);
        call_free(&calls[i]);
        buffer_free(&letters[i].body);
    }
    free(calls);
    free(letters);
}
