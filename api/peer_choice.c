#include "api/peer_choice.h"

static struct peer_choice mesh(const char *why)
{
    return (struct peer_choice){.link = "mesh", .why = why};
}

/* "auto": the mesh when the other side speaks it. */
static struct peer_choice by_itself(const struct peer_case *now)
{
    struct peer_choice choice = {.may_link = true, .probe = true, .link = "none"};

    if (now->is_mesh_up) {
        return mesh("đang nối bằng mạng lưới ParkMesh");
    }
    if (now->is_mesh_proven) {
        return mesh("central này đã nối bằng mạng lưới, nên chờ mạng lưới trở lại; nếu nó trở về "
                    "hệ thống cũ, đặt link là websocket");
    }
    if (now->is_linked) {
        choice.link = "websocket";
        choice.why = "central này thuộc hệ thống cũ, không có mạng lưới ParkMesh";
        return choice;
    }
    switch (now->probe) {
    case PEER_PROBE_PARKMESH:
        choice.may_link = false;
        choice.link = "mesh";
        choice.why = "central này là ParkMesh, đang chờ mạng lưới";
        break;
    case PEER_PROBE_FOREIGN:
        choice.link = "websocket";
        choice.dial = true;
        choice.why = "central này thuộc hệ thống cũ, đang gọi bằng WebSocket";
        break;
    case PEER_PROBE_SILENT:
        choice.why = "chưa nối được bằng mạng lưới, và api_port không trả lời";
        break;
    case PEER_PROBE_NONE:
        choice.why = "chưa biết central này dùng gì";
        break;
    }
    return choice;
}

struct peer_choice peer_choice(const struct peer_case *now)
{
    if (now->link == API_LINK_MESH) {
        return mesh("cấu hình link là mesh");
    }
    if (!now->is_running) {
        return (struct peer_choice){.link = now->link == API_LINK_AUTO ? "none" : "websocket",
                                    .why = "các kết nối đã được dừng"};
    }
    if (now->link == API_LINK_AUTO) {
        return by_itself(now);
    }
    return (struct peer_choice){
        .may_link = true, .dial = true, .link = "websocket", .why = "cấu hình link là websocket"};
}
