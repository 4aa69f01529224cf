
/*
 * SPDX-License-Identifier: MIT
 *
 * Topics: which clients get what is published.
 *
 * A topic is an opaque name that a sidecar has given clients of its own; it
 * exists as long as it has members.  Each link has a table of its own: two
 * sidecars may use one name for different clients of this worker, and each
 * delivers to its own.
 *
 * A membership is in two lists, the topic's array and the client's chain, so
 * that both ends can be left in constant time.  Publishing frames a message
 * once for each topic named and puts the same bytes into every queue; a
 * stamp on the client says that it has this message already.
 */


#include "ngx_http_socketstream.h"


#define NGX_HTTP_SS_TOPICS_MIN   64


struct ngx_http_ss_topic_s {
    ngx_http_ss_topic_t         *next;      /* in its bucket */
    ngx_http_ss_member_t       **members;
    ngx_http_ss_link_t          *link;
    uint32_t                     n;
    uint32_t                     size;
    uint32_t                     hash;
    uint32_t                     len;
    u_char                       name[1];
};


struct ngx_http_ss_member_s {
    ngx_http_ss_member_t        *next;      /* of the same client */
    ngx_http_ss_client_t        *client;
    ngx_http_ss_topic_t         *topic;
    uint32_t                     index;     /* in topic->members */
};


/* a message on its way to many, framed for a transport when it is needed */

typedef struct {
    void                        *sharer;
    ss_span_t                   *body;
    ss_span_t                   *tail;
    ngx_http_ss_frame_t         *frame[2];  /* for WebSocket, for streams */
    size_t                       start[2];
} ngx_http_ss_published_t;


static uint32_t ngx_http_ss_topic_hash(const u_char *name, size_t len);
static ngx_http_ss_topic_t **ngx_http_ss_topic_find(ngx_http_ss_link_t *link,
    const u_char *name, size_t len, uint32_t hash);
static ngx_http_ss_topic_t *ngx_http_ss_topic_create(ngx_http_ss_link_t *link,
    const u_char *name, size_t len, uint32_t hash);
static void ngx_http_ss_topics_grow(ngx_http_ss_link_t *link);
static void ngx_http_ss_member_remove(ngx_http_ss_member_t *member);
static void ngx_http_ss_publish_to(ngx_http_ss_client_t *client,
    ngx_http_ss_published_t *published);
static void ngx_http_ss_publish_all(ngx_http_ss_link_t *link,
    ss_link_publish_t *publish);


/* FNV-1a from a start of the worker's own: names may come from outside. */

static uint32_t
ngx_http_ss_topic_hash(const u_char *name, size_t len)
{
    size_t    i;
    uint64_t  hash;

    hash = 14695981039346656037ULL ^ ngx_http_ss_worker.generation;

    for (i = 0; i < len; i++) {
        hash ^= name[i];
        hash *= 1099511628211ULL;
    }

    return (uint32_t) (hash ^ hash >> 32);
}


/* The place where the topic hangs, or would hang. */

static ngx_http_ss_topic_t **
ngx_http_ss_topic_find(ngx_http_ss_link_t *link, const u_char *name,
    size_t len, uint32_t hash)
{
    ngx_http_ss_topic_t  **topic;

    topic = &link->topics[hash & (link->topics_size - 1)];

    while (*topic) {

        if ((*topic)->hash == hash && (*topic)->len == len
            && ngx_memcmp((*topic)->name, name, len) == 0)
        {
            break;
        }

        topic = &(*topic)->next;
    }

    return topic;
}


ngx_int_t
ngx_http_ss_topic_join(ngx_http_ss_client_t *client, const u_char *name,
    size_t len)
{
    uint32_t                hash;
    ngx_http_ss_link_t     *link;
    ngx_http_ss_topic_t    *topic;
    ngx_http_ss_member_t   *member, **members;

    link = client->link;
    hash = ngx_http_ss_topic_hash(name, len);

    topic = link->topics_size
            ? *ngx_http_ss_topic_find(link, name, len, hash) : NULL;

    for (member = client->members; member; member = member->next) {
        if (member->topic == topic) {
            return NGX_OK;
        }
    }

    if (topic == NULL) {
        topic = ngx_http_ss_topic_create(link, name, len, hash);
        if (topic == NULL) {
            return NGX_ERROR;
        }
    }

    member = ngx_alloc(sizeof(ngx_http_ss_member_t), ngx_cycle->log);
    if (member == NULL) {
        goto failed;
    }

    if (topic->n == topic->size) {

        members = ngx_alloc(topic->size * 2 * sizeof(void *), ngx_cycle->log);
        if (members == NULL) {
            ngx_free(member);
            goto failed;
        }

        ngx_memcpy(members, topic->members, topic->n * sizeof(void *));
        ngx_free(topic->members);

        topic->members = members;
        topic->size *= 2;
    }

    member->client = client;
    member->topic = topic;
    member->index = topic->n;
    member->next = client->members;

    client->members = member;
    topic->members[topic->n++] = member;

    ngx_http_ss_count(memberships, 1);

    return NGX_OK;

failed:

    if (topic->n == 0) {
        *ngx_http_ss_topic_find(link, name, len, hash) = topic->next;
        link->ntopics--;
        ngx_http_ss_count(topics, -1);
        ngx_free(topic->members);
        ngx_free(topic);
    }

    return NGX_ERROR;
}


static ngx_http_ss_topic_t *
ngx_http_ss_topic_create(ngx_http_ss_link_t *link, const u_char *name,
    size_t len, uint32_t hash)
{
    ngx_http_ss_topic_t  *topic, **place;

    if (link->ntopics >= link->topics_size) {
        ngx_http_ss_topics_grow(link);

        if (link->topics_size == 0) {
            return NULL;
        }
    }

    topic = ngx_alloc(offsetof(ngx_http_ss_topic_t, name) + len,
                      ngx_cycle->log);
    if (topic == NULL) {
        return NULL;
    }

    topic->size = 2;
    topic->members = ngx_alloc(topic->size * sizeof(void *), ngx_cycle->log);

    if (topic->members == NULL) {
        ngx_free(topic);
        return NULL;
    }

    topic->link = link;
    topic->n = 0;
    topic->hash = hash;
    topic->len = (uint32_t) len;
    ngx_memcpy(topic->name, name, len);

    place = &link->topics[hash & (link->topics_size - 1)];
    topic->next = *place;
    *place = topic;

    link->ntopics++;
    ngx_http_ss_count(topics, 1);

    return topic;
}


/* Doubles the buckets; without memory for that the chains get longer. */

static void
ngx_http_ss_topics_grow(ngx_http_ss_link_t *link)
{
    ngx_uint_t             i, size;
    ngx_http_ss_topic_t  **topics, *topic, *next;

    size = link->topics_size ? link->topics_size * 2 : NGX_HTTP_SS_TOPICS_MIN;

    topics = ngx_calloc(size * sizeof(void *), ngx_cycle->log);
    if (topics == NULL) {
        return;
    }

    for (i = 0; i < link->topics_size; i++) {

        for (topic = link->topics[i]; topic; topic = next) {
            next = topic->next;

            topic->next = topics[topic->hash & (size - 1)];
            topics[topic->hash & (size - 1)] = topic;
        }
    }

    if (link->topics) {
        ngx_free(link->topics);
    }

    link->topics = topics;
    link->topics_size = size;
}


/* Out of the topic's array, and the topic with its last member. */

static void
ngx_http_ss_member_remove(ngx_http_ss_member_t *member)
{
    ngx_http_ss_link_t     *link;
    ngx_http_ss_topic_t    *topic;
    ngx_http_ss_member_t   *last;

    topic = member->topic;
    link = topic->link;

    last = topic->members[--topic->n];
    topic->members[member->index] = last;
    last->index = member->index;

    ngx_free(member);
    ngx_http_ss_count(memberships, -1);

    if (topic->n) {
        return;
    }

    *ngx_http_ss_topic_find(link, topic->name, topic->len, topic->hash) =
                                                                 topic->next;

    link->ntopics--;
    ngx_http_ss_count(topics, -1);

    ngx_free(topic->members);
    ngx_free(topic);
}


void
ngx_http_ss_topic_leave(ngx_http_ss_client_t *client, const u_char *name,
    size_t len)
{
    ngx_http_ss_member_t  *member, **place;

    for (place = &client->members; *place; place = &(*place)->next) {
        member = *place;

        if (member->topic->len == len
            && ngx_memcmp(member->topic->name, name, len) == 0)
        {
            *place = member->next;
            ngx_http_ss_member_remove(member);
            return;
        }
    }
}


void
ngx_http_ss_topics_leave_all(ngx_http_ss_client_t *client)
{
    ngx_http_ss_member_t  *member;

    while (client->members) {
        member = client->members;
        client->members = member->next;
        ngx_http_ss_member_remove(member);
    }
}


ngx_int_t
ngx_http_ss_publish(ngx_http_ss_link_t *link, const u_char *data, size_t len)
{
    uint32_t                  i, stamp;
    ss_link_pair_t            pair;
    ss_link_publish_t         publish;
    ngx_http_ss_topic_t      *topic;
    ngx_http_ss_client_t     *client;
    ngx_http_ss_published_t   published;

    if (!ss_link_decode_publish(data, len, &publish)) {
        return NGX_ERROR;
    }

    ngx_http_ss_count(publishes_total, 1);

    if (publish.flags & SS_LINK_PUBLISH_ALL) {
        ngx_http_ss_publish_all(link, &publish);
        return NGX_OK;
    }

    stamp = ++ngx_http_ss_worker.stamp;

    while (ss_link_next_pair(&publish.topics, &pair)) {

        if (link->topics_size == 0) {
            return NGX_OK;
        }

        topic = *ngx_http_ss_topic_find(link, (const u_char *) pair.name.ptr,
                    pair.name.len,
                    ngx_http_ss_topic_hash((const u_char *) pair.name.ptr,
                                           pair.name.len));
        if (topic == NULL) {
            continue;
        }

        ngx_memzero(&published, sizeof(ngx_http_ss_published_t));
        published.sharer = topic;
        published.body = &publish.body;
        published.tail = &pair.value;

        /*
         * A client that is closed for being too slow leaves the topic, and
         * the last member takes its place in the array: from behind, that
         * is one that had its turn.  The topic goes with its last member.
         */

        for (i = topic->n; i-- > 0; /* void */) {
            client = topic->members[i]->client;

            if (client->stamp == stamp
                || ((publish.flags & SS_LINK_PUBLISH_SYSTEM)
                    && !client->system))
            {
                continue;
            }

            client->stamp = stamp;
            ngx_http_ss_publish_to(client, &published);
        }
    }

    return NGX_OK;
}


static void
ngx_http_ss_publish_all(ngx_http_ss_link_t *link, ss_link_publish_t *publish)
{
    ss_span_t                 none;
    ngx_queue_t              *q, *next;
    ngx_http_ss_client_t     *client;
    ngx_http_ss_published_t   published;

    none.ptr = NULL;
    none.len = 0;

    ngx_memzero(&published, sizeof(ngx_http_ss_published_t));
    published.sharer = link;
    published.body = &publish->body;
    published.tail = &none;

    for (q = ngx_queue_head(&link->clients);
         q != ngx_queue_sentinel(&link->clients);
         q = next)
    {
        next = ngx_queue_next(q);
        client = ngx_queue_data(q, ngx_http_ss_client_t, queue);

        if ((publish->flags & SS_LINK_PUBLISH_SYSTEM) && !client->system) {
            continue;
        }

        ngx_http_ss_publish_to(client, &published);
    }
}


static void
ngx_http_ss_publish_to(ngx_http_ss_client_t *client,
    ngx_http_ss_published_t *published)
{
    ngx_uint_t  sse;

    sse = client->sse;

    if (published->frame[sse] == NULL) {

        published->frame[sse] = ngx_http_ss_wire_share(sse,
                                    published->sharer, published->body,
                                    published->tail, &published->start[sse]);

        if (published->frame[sse] == NULL) {
            return;
        }
    }

    ngx_http_ss_output_shared(client, published->frame[sse],
                              published->start[sse]);
}
