/*
 * What a change of the configuration means to other centrals: new ones are told about us, removed
 * ones asked to forget us, and all are told when our own address changed.
 */
#ifndef API_PEER_NEWS_H
#define API_PEER_NEWS_H

#include "api/introduce.h"

/* Compares two configurations (as GET /api/p2p/config shows them), tells whom it concerns, all side
 * by side, and writes `registration_results` and `unregistration_results` into the open object.
 * With another id of ours nobody is told: that is another central. */
void peer_news_tell(struct request *request, const json_t *before, const json_t *after,
                    struct json_writer *writer);

/* Tells all centrals of a configuration about this one, and logs what came of it. Any thread. */
void peer_news_repeat(struct gateway *gateway, const json_t *config);

#endif
