/*
 * The handlers that api/route.c names, by file. Each answers its request exactly once. Worker
 * threads.
 */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/request.h"
#include "proto/bus_report.h"
#include "proto/report.h"
#include "proto/tariff.h"

/* assets.c: the page and its files; the banner for who asks for no HTML */
void assets_page(struct request *request);
void assets_file(struct request *request);
void assets_openapi(struct request *request);

/* status.c: who this is and how it does */
void status_root(struct request *request);
void status_summary(struct request *request);
void status_live(struct request *request);
void ready_get(struct request *request);

/* metrics.c: figures for Prometheus */
void metrics_get(struct request *request);

/* gate.c: what cameras report */
void gate_event(struct request *request);

/* heartbeat.c, camera_list.c: cameras and how they do */
void heartbeat_post(struct request *request);
void camera_list_get(struct request *request);

/* camera_register.c: a box says what it is */
void camera_register_post(struct request *request);

/* page_config.c: the settings of the existing page */
void page_config_get(struct request *request);
void page_config_post(struct request *request);

/* media.c: pictures of cameras */
void media_offer(struct request *request);
void media_offer_annotated(struct request *request);
void media_stream_raw(struct request *request);
void media_stream_annotated(struct request *request);

/* visits.c: the history and its corrections */
void visits_list(struct request *request);
void visits_changes(struct request *request);
void visits_inside(struct request *request);
void visits_edit(struct request *request);
void visits_delete(struct request *request);

/* visit_list.c: visits by cursor, and as files */
void visit_list_get(struct request *request);
/* A time of the query; a missing one leaves `*out` as it is. 0, or -1 after a 422. */
int visit_list_time(struct request *request, const char *name, int64_t *out);

/* visit_story.c: one visit, and how it came to be so */
void visit_story_get(struct request *request);

/* visit_change.c: corrections of one visit */
void visit_change_put(struct request *request);
void visit_change_delete(struct request *request);
void visit_change_undelete(struct request *request);

/* conflicts.c: what the fold listed */
void conflicts_get(struct request *request);

/* counts.c: entries, exits, revenue and vehicles inside over time */
void counts_get(struct request *request);

/* money.c: the tariff and the counters */
void money_fees_get(struct request *request);
void money_fees_put(struct request *request);
void money_stats(struct request *request);
/* The tariff in force now, and whether anybody ever set one. 0, or -1 after an answer. */
int money_read_tariff(struct request *request, struct tariff *tariff, bool *from_log);
/* Overwrites what the object `fees` names. NULL, or what is wrong with it. */
const char *money_merge_tariff(const json_t *fees, struct tariff *tariff);
/* The four counters as members of an open object, for the answers that carry them. */
void money_put_stats(struct json_writer *writer, const struct history_stats *stats);

/* lists.c: staff and subscriptions */
void lists_staff_get(struct request *request);
void lists_staff_put(struct request *request);
void lists_subscriptions_get(struct request *request);
void lists_subscriptions_put(struct request *request);

/* detection.c: what a barrier would do */
void detection_look(struct request *request);

/* lots.c: how full the lots are */
void lots_occupancy(struct request *request);

/* p2p.c: the other centrals */
void p2p_config_get(struct request *request);
void p2p_config_put(struct request *request);
void p2p_status(struct request *request);
void p2p_sync_state(struct request *request);
void p2p_start(struct request *request);
void p2p_stop(struct request *request);

/* login.c: logging in and out; what callers ask about themselves */
void login_post(struct request *request);
void login_end(struct request *request);
void login_me(struct request *request);
void login_password(struct request *request);

/* accounts.c, tokens.c: who may use this central */
void accounts_list(struct request *request);
void accounts_get(struct request *request);
void accounts_add(struct request *request);
void accounts_change(struct request *request);
void accounts_remove(struct request *request);
void tokens_list(struct request *request);
void tokens_get(struct request *request);
void tokens_add(struct request *request);
void tokens_change(struct request *request);
void tokens_revoke(struct request *request);

/* audit.c: who changed what */
void audit_list(struct request *request);
/* peers.c: how centrals get to know each other */
void peers_info(struct request *request);
void peers_add(struct request *request);
void peers_register(struct request *request);
void peers_unregister(struct request *request);
void peers_test(struct request *request);

/* peer_list.c: who is or wants to be a peer, and what a person decides */
void peer_list_get(struct request *request);
void peer_list_accept(struct request *request);
void peer_list_delete(struct request *request);

/* bus.c: who follows the bus, and who had to fetch what it missed */
void bus_get(struct request *request);
/* What the bus tells of itself; the caller's to free. Without an answer it does not listen. */
struct bus_report *bus_ask(struct request *request);

/* sync.c: who holds what */
void sync_matrix(struct request *request);
/* Asks the mesh, with the comparison of all pairs or without. 0; or -1 and an empty report when it
 * does not answer. The caller frees it with mesh_report_free in both cases. */
int sync_report(struct request *request, bool with_matrix, struct mesh_report *report);
/* Elements of an open array `warnings`: what a person has to look at. */
void sync_put_warnings(struct json_writer *writer, const struct gateway *gateway,
                       const struct mesh_report *report);
/* One. */
void sync_put_warning(struct json_writer *writer, enum problem_code code, const char *text);

/* sync_diff.c: where the log of a peer first differs from ours */
void sync_diff(struct request *request);

/* feed.c: every event in the order of the commits */
void feed_events(struct request *request);

/* batch.c: many events, or whole visits of another system, in one request */
void batch_events(struct request *request);
void batch_visits(struct request *request);

#endif
